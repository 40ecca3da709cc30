"""The analysis on sounds of which the answer is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile  # type: ignore[import-untyped]
from numpy.typing import NDArray

from samplemind.audio.analysis import PEAKS, VECTOR, Analysis, analyse
from samplemind.audio.decode import Unreadable

RATE = 44_100
NOTES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
Signal = NDArray[np.float64]


def tones(notes: tuple[int, ...], seconds: float = 4, rate: int = RATE, level: float = 0.2) -> Signal:
    """By their numbers in MIDI; 69 is A of 440 Hz."""
    time = np.arange(int(seconds * rate)) / rate
    return np.asarray(sum(level / len(notes) * np.sin(2 * np.pi * 440 * 2 ** ((n - 69) / 12) * time) for n in notes))


def clicks(tempo: float, seconds: float = 20) -> Signal:
    signal = np.zeros(int(seconds * RATE))
    click = 0.5 * np.exp(-np.arange(1300) / 200) * np.random.default_rng(1).standard_normal(1300)
    for beat in np.arange(0, seconds - 0.1, 60 / tempo):
        at = int(beat * RATE)
        signal[at : at + len(click)] += click
    return signal


def noise(seconds: float = 5) -> Signal:
    return np.asarray(np.random.default_rng(2).standard_normal(int(seconds * RATE)) * 0.1)


def analysed(folder: Path, signal: Signal, kind: str = "wav", rate: int = RATE, longest: int = 60) -> Analysis:
    path = folder / "sample"
    soundfile.write(path, signal, rate, format=kind.upper())
    return analyse(path, longest)


@pytest.mark.parametrize("tempo", [60, 75, 90, 100, 120, 128, 140, 170])
def test_the_tempo_of_clicks(tmp_path: Path, tempo: int) -> None:
    assert analysed(tmp_path, clicks(tempo)).tempo == pytest.approx(tempo, rel=0.01)


@pytest.mark.parametrize("signal", [tones((69, 72, 76), 8), noise(8), clicks(120, 3)], ids=["tone", "noise", "short"])
def test_what_has_no_beat_has_no_tempo(tmp_path: Path, signal: Signal) -> None:
    assert analysed(tmp_path, signal).tempo is None


@pytest.mark.parametrize("root", range(12))
@pytest.mark.parametrize(("mode", "chord"), [("major", (0, 4, 7)), ("minor", (0, 3, 7))])
def test_the_key_of_a_triad(tmp_path: Path, root: int, mode: str, chord: tuple[int, ...]) -> None:
    assert analysed(tmp_path, tones(tuple(60 + root + step for step in chord), 2)).key == f"{NOTES[root]} {mode}"


def test_noise_has_no_key(tmp_path: Path) -> None:
    assert analysed(tmp_path, noise()).key is None


@pytest.mark.parametrize("rate", [8_000, 22_050, 44_100, 48_000, 96_000])
@pytest.mark.parametrize(("channels", "loudness"), [(1, -23.01), (2, -20.0)])
def test_the_loudness_of_a_sine(tmp_path: Path, rate: int, channels: int, loudness: float) -> None:
    """BS.1770: 997 Hz at full scale in one channel is -3.01 LUFS; this one is 20 dB below."""
    sine = 0.1 * np.sin(2 * np.pi * 997 * np.arange(rate * 5) / rate)
    result = analysed(tmp_path, np.stack([sine] * channels, axis=1), rate=rate)
    assert result.loudness == pytest.approx(loudness, abs=0.05)
    assert result.features["peak"] == pytest.approx(-20, abs=0.01)
    assert result.features["centroid"] == pytest.approx(1000, rel=0.08)


def test_silence_is_gated_out_of_the_loudness(tmp_path: Path) -> None:
    sine = 0.1 * np.sin(2 * np.pi * 997 * np.arange(RATE * 5) / RATE)
    assert analysed(tmp_path, np.concatenate((sine, np.zeros(RATE * 20)))).loudness == pytest.approx(-23.01, abs=0.2)


@pytest.mark.parametrize("kind", ["wav", "flac", "mp3"])
def test_the_three_kinds_say_the_same(tmp_path: Path, kind: str) -> None:
    result = analysed(tmp_path, tones((69, 72, 76)), kind)
    assert (result.key, result.duration) == ("A minor", pytest.approx(4, abs=0.1))
    assert result.loudness == pytest.approx(-22.4, abs=0.3)
    assert len(result.vector) == VECTOR and len(result.peaks) <= PEAKS


def test_sounds_that_are_alike_are_near(tmp_path: Path) -> None:
    def distance(one: Signal, other: Signal) -> float:
        a, b = (np.array(analysed(tmp_path, signal).vector) for signal in (one, other))
        return float(((a - b) ** 2).sum())

    chord = tones((69, 72, 76))
    louder = tones((69, 72, 76), level=0.25)
    assert distance(chord, louder) < distance(chord, tones((60, 64, 67))) < distance(chord, noise())


def test_silence_and_a_blink_are_analysed_too(tmp_path: Path) -> None:
    for signal in (np.zeros(RATE * 2), np.full(5, 0.1)):
        result = analysed(tmp_path, signal)
        assert (result.tempo, result.key, result.loudness) == (None, None, None)
        assert np.isfinite(result.vector).all()


def test_it_says_each_second_that_it_is_alive(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "sample", noise(3.5), RATE, format="WAV")
    seconds: list[None] = []
    analyse(tmp_path / "sample", 60, lambda: seconds.append(None))
    assert len(seconds) == 4


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def chunk(name: bytes, content: bytes) -> bytes:
    return name + len(content).to_bytes(4, "little") + content


def wave(*chunks: bytes) -> bytes:
    return b"RIFF" + (4 + sum(map(len, chunks))).to_bytes(4, "little") + b"WAVE" + b"".join(chunks)


FORM = chunk(b"fmt ", bytes.fromhex("0100010044ac000088580100020010 00"))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"RIFF\x24\x00\x00\x00WAVEjunk", "no sound that can be read"),
        (b"fLaC" + b"\xff" * 500, "no sound that can be read"),
        (b"ID3\x04\x00\x00\x00\x00\x0f\x76" + bytes(3000), "no sound that can be read"),
        (b"\xff\xfb\x90\x64" + b"\x55" * 5000, "no sound"),
        (wave(FORM, chunk(b"data", b"")), "it holds no sound"),
        (wave(FORM.replace(b"\x01\x00\x44", b"\x20\x00\x44"), chunk(b"data", bytes(6400))), "32 channels"),
    ],
    ids=["no chunks", "flac of ones", "a tag alone", "mp3 of noise", "no samples", "32 channels"],
)
def test_what_is_no_sound_says_why(tmp_path: Path, content: bytes, reason: str) -> None:
    with pytest.raises(Unreadable, match=reason):
        analyse(write(tmp_path / "sample", content), 60)


def test_a_small_file_of_much_silence_is_too_long(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "sample", np.zeros(8000 * 70), 8000, format="FLAC")
    assert (tmp_path / "sample").stat().st_size < 10_000
    with pytest.raises(Unreadable, match="longer than 1 minutes"):
        analyse(tmp_path / "sample", 60)


def test_a_file_that_is_gone_is_no_sound_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        analyse(tmp_path / "nothing", 60)


def test_numbers_that_are_no_sound_are_refused(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "sample", np.array([0.1, np.nan, np.inf]), 8000, format="WAV", subtype="FLOAT")
    with pytest.raises(Unreadable, match="no sound"):
        analyse(tmp_path / "sample", 60)


def test_a_file_that_is_cut_off_gives_what_there_is(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "sample", noise(4), RATE, format="WAV")
    content = (tmp_path / "sample").read_bytes()
    assert analyse(write(tmp_path / "sample", content[: len(content) // 2]), 60).duration == pytest.approx(2, abs=0.1)


def test_a_bomb_of_metadata_takes_no_memory(tmp_path: Path) -> None:
    """Tags of 60 MB in front of a second of sound."""
    import resource

    tags = b"".join(chunk(b"INAM", b"x" * 60_000) for _ in range(1000))
    content = wave(FORM, chunk(b"LIST", b"INFO" + tags), chunk(b"data", bytes(RATE * 2)))
    path = write(tmp_path / "sample", content)
    del content, tags
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert analyse(path, 60).duration == 1
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000
