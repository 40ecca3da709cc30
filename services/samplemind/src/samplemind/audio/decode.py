"""Audio files, decoded a second at a time: what is in memory depends on no file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import soundfile  # type: ignore[import-untyped]
from numpy.typing import NDArray

Sound = NDArray[np.float32]  # frames x channels, -1 to 1

CHANNELS = 8
RATES = (8_000, 192_000)  # Hz
FORMATS = frozenset(("WAV", "WAVEX", "RF64", "FLAC", "MP3", "MPEG"))


class Unreadable(Exception):
    """The file is no sound that is analysed; the text says why, to the user."""


class Audio:
    """An open file. `blocks` gives its sound once."""

    def __init__(self, file: soundfile.SoundFile, longest: int) -> None:
        self._file = file
        self._longest = longest
        self.rate: int = file.samplerate
        self.channels: int = file.channels
        self.frames = 0  # read so far
        if file.format not in FORMATS:
            raise Unreadable(f"the format {file.format} is none of WAV, FLAC and MP3")
        if not 1 <= self.channels <= CHANNELS:
            raise Unreadable(f"it has {self.channels} channels, at most {CHANNELS} are analysed")
        if not RATES[0] <= self.rate <= RATES[1]:
            raise Unreadable(f"its rate is {self.rate} Hz, {RATES[0]} to {RATES[1]} are analysed")
        self._refuse_long(file.frames)

    def blocks(self) -> Iterator[Sound]:
        """One second each, the last one shorter."""
        while True:
            try:
                block: Sound = self._file.read(self.rate, dtype="float32", always_2d=True)
            except soundfile.SoundFileError as error:
                raise Unreadable(f"it cannot be decoded: {error}") from error
            if not len(block):
                break
            self.frames += len(block)
            # What the file says of its length need not be true.
            self._refuse_long(self.frames)
            if not np.isfinite(block).all():
                raise Unreadable("it holds numbers that are no sound (infinite, or none)")
            yield block
        if not self.frames:
            raise Unreadable("it holds no sound")

    def _refuse_long(self, frames: int) -> None:
        if frames > self._longest * self.rate:
            raise Unreadable(f"it is longer than {self._longest // 60} minutes, which is the most that is analysed")


@contextmanager
def opened(path: Path, longest: int) -> Iterator[Audio]:
    """Raises FileNotFoundError, and Unreadable for what is no sound, odd dimensions, or more than `longest` seconds."""
    path.stat()  # the library would call a missing file unreadable
    try:
        file = soundfile.SoundFile(path)
    except soundfile.SoundFileError as error:
        raise Unreadable("it is no sound that can be read: " + str(error).rsplit(": ", 1)[-1]) from error
    with file:
        yield Audio(file, longest)
