"""Tempo and key from what the spectra say."""

from __future__ import annotations

import numpy as np

from samplemind.audio.spectrum import Array

SLOWEST, FASTEST = 40.0, 220.0  # beats a minute
FAINT = 0.1  # decades of power, over all bands
NOTES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")

# How well each of the twelve notes fits a key, as listeners said (Krumhansl and Kessler 1982).
MAJOR = np.array([6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88])
MINOR = np.array([6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17])


def tempo(onsets: Array, rate: float) -> float | None:
    """Beats a minute of an onset envelope with `rate` values a second; None where nothing repeats."""
    # A steady tone has onsets too, though faint ones.
    if len(onsets) < 4 * rate or np.percentile(onsets, 98) < FAINT:
        return None
    envelope = onsets - onsets.mean()
    size = 1 << (2 * len(envelope) - 1).bit_length()
    spectrum = np.fft.rfft(envelope, size)
    correlation = np.fft.irfft(spectrum * spectrum.conj(), size)[: len(envelope)]
    # Of fewer products where the lag is long: made equal, for lags of which there are enough.
    correlation /= correlation[0] * (1 - np.arange(len(envelope)) / len(envelope))
    candidates = np.arange(SLOWEST, FASTEST, 0.25)
    lag = 60 * rate / candidates[:, None]
    # A beat repeats after one to four beats, and the longer the lag, the finer the tempo; between two beats is less.
    score = _mean(correlation, lag * np.arange(1, 5)) - 0.5 * _mean(correlation, lag * np.arange(0.5, 4))
    # People tap near 120.
    score = score * np.exp(-0.5 * np.log2(candidates / 120) ** 2)
    best = int(score.argmax())
    return float(candidates[best]) if score[best] > 0.08 else None


def _mean(correlation: Array, lags: Array) -> Array:
    """Of the correlation at the lags of each row that are not longer than it holds for."""
    weights = lags < len(correlation) * 0.75
    values = np.interp(lags, np.arange(len(correlation)), correlation)
    return np.asarray((values * weights).sum(axis=1) / np.maximum(1, weights.sum(axis=1)))


def key(profile: Array) -> str | None:
    """The key that a profile of twelve pitch classes fits best; None where no note stands out."""
    if profile.max() < 1.5 * profile.mean() or profile.sum() <= 0:
        return None
    fits = {
        f"{note} {mode}": float(np.corrcoef(profile, np.roll(shape, index))[0, 1])
        for mode, shape in (("major", MAJOR), ("minor", MINOR))
        for index, note in enumerate(NOTES)
    }
    return max(fits, key=fits.__getitem__)
