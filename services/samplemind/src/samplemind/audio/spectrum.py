"""Short-time spectra: timbre (mel bands, cepstrum), where notes begin, and how strong each pitch class is."""

from __future__ import annotations

import math

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Array = NDArray[np.float64]
Mono = NDArray[np.float32]

BANDS = 40
CEPSTRUM = 13
SILENCE = 1e-4  # amplitude: -80 dB
LOWEST, HIGHEST = 60.0, 2_100.0  # Hz: where notes are heard as such


class Frames:
    """Magnitude spectra of overlapping frames, across the borders of blocks."""

    def __init__(self, rate: int, seconds: float, overlap: int) -> None:
        self.size = 1 << round(math.log2(rate * seconds))
        self.hop = self.size // overlap
        self.frequencies: Array = np.fft.rfftfreq(self.size, 1 / rate).astype(np.float64)
        self._window = np.hanning(self.size).astype(np.float32)
        self._rest = np.zeros(self.size // 2, np.float32)  # the first frame is centred on the first sample

    def of(self, block: Mono) -> Array:
        joined = np.concatenate((self._rest, block))
        if len(joined) < self.size:
            self._rest = joined
            return np.zeros((0, len(self.frequencies)))
        frames = sliding_window_view(joined, self.size)[:: self.hop]
        self._rest = joined[len(frames) * self.hop :]
        return np.asarray(np.abs(np.fft.rfft(frames * self._window, axis=1)) * (2 / self._window.sum()))


def mel_filters(frequencies: Array, bands: int = BANDS, low: float = 30.0, high: float = 11_000.0) -> Array:
    """Overlapping triangles, bands x frequencies."""
    first, last = (2595 * math.log10(1 + f / 700) for f in (low, min(high, float(frequencies[-1]))))
    edges = 700 * (10 ** (np.linspace(first, last, bands + 2) / 2595) - 1)
    left, middle, right = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    rising = (frequencies - left) / (middle - left)
    falling = (right - frequencies) / (right - middle)
    filters = np.maximum(0, np.minimum(rising, falling))
    return np.asarray(filters / np.maximum(filters.sum(axis=1, keepdims=True), 1e-9))


def cosines() -> Array:
    """What makes a cepstrum of mel bands."""
    n, k = np.arange(BANDS), np.arange(CEPSTRUM)[:, None]
    return np.asarray(np.cos(np.pi * k * (2 * n + 1) / (2 * BANDS)) / BANDS)


class Timbre:
    """Means over the frames that are no silence, and the onsets of all frames."""

    def __init__(self, rate: int) -> None:
        self.frames = Frames(rate, 0.046, 4)
        self.rate = rate / self.frames.hop  # frames a second
        self._mel = mel_filters(self.frames.frequencies)
        self._cosines = cosines()
        self._last = np.zeros(BANDS)
        self.onsets: list[Array] = []
        self._count = 0
        self._sums = np.zeros(4)
        self._cepstrum = np.zeros((2, CEPSTRUM))

    def add(self, block: Mono) -> None:
        magnitude = self.frames.of(block)
        if not len(magnitude):
            return
        bands = np.log10(1e-5 + magnitude @ self._mel.T)
        steps = np.diff(np.concatenate((self._last[None], bands)), axis=0) if self.onsets else np.diff(bands, axis=0)
        self._last = bands[-1]
        self.onsets.append(np.maximum(0, steps).mean(axis=1))
        loud = magnitude.max(axis=1) > SILENCE
        self._count += int(loud.sum())
        if not loud.any():
            return
        magnitude, bands = magnitude[loud], bands[loud]
        frequencies, total = self.frames.frequencies, magnitude.sum(axis=1)
        centroid = (magnitude @ frequencies) / total
        spread = np.sqrt((magnitude * (frequencies - centroid[:, None]) ** 2).sum(axis=1) / total)
        power = magnitude**2 + 1e-12
        rolloff = frequencies[(np.cumsum(power, axis=1) >= 0.85 * power.sum(axis=1, keepdims=True)).argmax(axis=1)]
        flatness = np.exp(np.log(power).mean(axis=1)) / power.mean(axis=1)
        self._sums += [centroid.sum(), spread.sum(), rolloff.sum(), flatness.sum()]
        cepstrum = bands @ self._cosines.T
        self._cepstrum += [cepstrum.sum(axis=0), (cepstrum**2).sum(axis=0)]

    def features(self) -> dict[str, float]:
        names = ("centroid", "bandwidth", "rolloff", "flatness")
        return dict(zip(names, (self._sums / max(1, self._count)).tolist(), strict=True))

    def cepstrum(self) -> tuple[Array, Array]:
        """Mean and deviation of each coefficient."""
        mean, square = self._cepstrum / max(1, self._count)
        return mean, np.sqrt(np.maximum(0, square - mean**2))


class Pitches:
    """How strong each pitch class is, from longer frames: notes lie closer together than timbre needs."""

    def __init__(self, rate: int) -> None:
        self._frames = Frames(rate, 0.19, 2)
        self._step = self._frames.frequencies[1]
        self._sum = np.zeros(12)

    def add(self, block: Mono) -> None:
        magnitude = self._frames.of(block)
        left, middle, right = magnitude[:, :-2], magnitude[:, 1:-1], magnitude[:, 2:]
        # Peaks only: what a note spreads to its neighbours would count for theirs.
        at = np.nonzero((middle > left) & (middle >= right) & (middle > SILENCE))
        left, middle, right = left[at], middle[at], right[at]
        # A parabola through three values tells where between two frequencies the peak is, and how high.
        offset = 0.5 * (left - right) / np.minimum(left - 2 * middle + right, -1e-12)
        frequency = (at[1] + 1 + offset) * self._step
        strength = np.sqrt(middle - 0.25 * (left - right) * offset)
        inside = (frequency >= LOWEST) & (frequency <= HIGHEST)
        pitch = np.rint(12 * np.log2(frequency[inside] / 440) + 9).astype(int) % 12  # A4 is 440 Hz
        self._sum += np.bincount(pitch, strength[inside], 12)

    def profile(self) -> Array:
        """Twelve shares of one; all nought where there is no pitch."""
        return np.asarray(self._sum / max(1e-12, float(self._sum.sum())))
