"""Integrated loudness by ITU-R BS.1770-4: K-weighting, blocks of 400 ms, two gates.

All channels weigh the same, which is exact for mono and stereo."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from samplemind.audio.decode import Sound

ABSOLUTE_GATE = -70.0  # LUFS
RELATIVE_GATE = -10.0  # LU below the mean of what passes the first gate
STEPS = 10  # a second
WINDOW = 4  # steps: 400 ms


def _response(rate: int, size: int) -> NDArray[np.complex128]:
    """Of the two K-weighting filters together, at the frequencies of a real FFT of `size`."""
    z = np.exp(-2j * np.pi * np.arange(size // 2 + 1) / size)

    def biquad(b: tuple[float, float, float], a: tuple[float, float, float]) -> NDArray[np.complex128]:
        return np.asarray((b[0] + b[1] * z + b[2] * z**2) / (a[0] + a[1] * z + a[2] * z**2))

    k, q = math.tan(math.pi * 1681.974450955533 / rate), 0.7071752369554196
    high = 10 ** (3.999843853973347 / 20)
    middle = high**0.4996667741545416
    shelf = biquad(
        (high + middle * k / q + k * k, 2 * (k * k - high), high - middle * k / q + k * k),
        (1 + k / q + k * k, 2 * (k * k - 1), 1 - k / q + k * k),
    )
    k, q = math.tan(math.pi * 38.13547087602444 / rate), 0.5003270373238773
    a0 = 1 + k / q + k * k
    return shelf * biquad((1.0, -2.0, 1.0), (1.0, 2 * (k * k - 1) / a0, (1 - k / q + k * k) / a0))


class Loudness:
    """Takes blocks of one second, says the loudness of all of them.

    The filters are applied as a finite impulse response by FFT: what they still do after a third of a second is below
    a millionth, and a loop over samples in Python would take minutes."""

    def __init__(self, rate: int, channels: int) -> None:
        self._rate = rate
        self._taps = 1 << math.ceil(math.log2(rate / 3))
        self._size = 1 << math.ceil(math.log2(rate + self._taps))
        impulse = np.fft.irfft(_response(rate, 2 * self._taps))[: self._taps]
        self._filter = np.fft.rfft(impulse, self._size)[:, None]
        self._before = np.zeros((self._taps, channels), np.float32)
        self._steps: list[NDArray[np.float64]] = []

    def add(self, block: Sound) -> None:
        joined = np.concatenate((self._before, block))
        self._before = joined[-self._taps :]
        filtered = np.fft.irfft(np.fft.rfft(joined, self._size, axis=0) * self._filter, self._size, axis=0)
        power = (filtered[self._taps : self._taps + len(block)] ** 2).sum(axis=1)
        bounds = [round(step * self._rate / STEPS) for step in range(STEPS + 1)]
        whole = [(a, b) for a, b in pairwise(bounds) if b <= len(power)]
        self._steps.append(np.array([power[a:b].mean() for a, b in whole]))

    def integrated(self) -> float | None:
        """LUFS; None where all is silence, or shorter than a block."""
        steps = np.concatenate(self._steps) if self._steps else np.zeros(0)
        if len(steps) < WINDOW:
            return None
        blocks = np.convolve(steps, np.full(WINDOW, 1 / WINDOW), "valid")
        blocks = blocks[_lufs(blocks) > ABSOLUTE_GATE]
        if not len(blocks):
            return None
        blocks = blocks[_lufs(blocks) > float(_lufs(blocks.mean())) + RELATIVE_GATE]
        return float(_lufs(blocks.mean()))


def _lufs(power: NDArray[np.float64] | np.float64) -> NDArray[np.float64]:
    return np.asarray(-0.691 + 10 * np.log10(np.maximum(power, 1e-20)))
