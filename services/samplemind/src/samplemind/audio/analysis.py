"""All that is found out about a sample, in one pass over its file."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from samplemind.audio import music
from samplemind.audio.decode import opened
from samplemind.audio.loudness import Loudness
from samplemind.audio.spectrum import Pitches, Timbre

PEAKS = 600  # columns of the waveform's picture
PEAKS_A_SECOND = 100
VECTOR = 41  # numbers


@dataclass(frozen=True)
class Analysis:
    duration: float  # seconds
    tempo: float | None  # beats a minute
    key: str | None  # such as "A minor"
    loudness: float | None  # LUFS
    features: dict[str, float]
    peaks: list[int]  # 0 to 255 of full scale, PEAKS of them or fewer
    vector: list[float]  # VECTOR numbers of about the same weight; near ones sound alike


def analyse(path: Path, longest: int, each_second: Callable[[], None] = lambda: None) -> Analysis:
    """Raises decode.Unreadable. `each_second` is called once for each second of sound."""
    with opened(path, longest) as audio:
        loudness = Loudness(audio.rate, audio.channels)
        timbre, pitches = Timbre(audio.rate), Pitches(audio.rate)
        crossings, energy, peak = 0, 0.0, 0.0
        peaks: list[float] = []
        bin_size = math.ceil(audio.rate / PEAKS_A_SECOND)
        for block in audio.blocks():
            each_second()
            mono = block.mean(axis=1)
            loudness.add(block)
            timbre.add(mono)
            pitches.add(mono)
            crossings += int(np.count_nonzero(np.diff(np.signbit(mono))))
            energy += float(np.square(mono, dtype=np.float64).sum())
            level = np.abs(block).max(axis=1)
            peak = max(peak, float(level.max()))
            peaks += [float(level[at : at + bin_size].max()) for at in range(0, len(level), bin_size)]
    duration = audio.frames / audio.rate
    onsets = np.concatenate(timbre.onsets) if timbre.onsets else np.zeros(0)
    tempo = music.tempo(onsets, timbre.rate)
    profile = pitches.profile()
    features = timbre.features() | {
        "zero_crossings": crossings / duration,
        "rms": _decibel(math.sqrt(energy / audio.frames)),
        "peak": _decibel(peak),
        "onsets": float(onsets.mean()) if len(onsets) else 0.0,
    }
    mean, deviation = timbre.cepstrum()
    vector = np.concatenate(
        (
            mean[1:] * 4,
            deviation[1:] * 4,
            profile * 2,
            [
                math.log2(tempo / 120) if tempo else 0.0,
                features["centroid"] / 4000,
                features["bandwidth"] / 4000,
                features["flatness"] * 2,
                min(2.0, math.log10(1 + duration)),
            ],
        )
    )
    return Analysis(
        duration=round(duration, 3),
        tempo=tempo,
        key=music.key(profile),
        loudness=_rounded(loudness.integrated()),
        features={name: round(value, 4) for name, value in features.items()},
        peaks=_picture(peaks),
        vector=[round(float(value), 6) for value in vector],
    )


def _picture(peaks: list[float]) -> list[int]:
    parts = np.array_split(np.array(peaks), min(PEAKS, len(peaks)))
    return [min(255, round(255 * float(part.max()))) for part in parts]


def _decibel(amplitude: float) -> float:
    return 20 * math.log10(max(amplitude, 1e-6))


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)
