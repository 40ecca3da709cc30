"""The picture of a sample's loudness over time."""

from __future__ import annotations

from collections.abc import Sequence

HEIGHT = 100


def svg(peaks: Sequence[int]) -> str:
    """One column for each peak (0 to 255), mirrored at the middle, in the colour of the text around it."""
    half = HEIGHT / 2
    heights = [max(0.5, peak / 255 * half) for peak in peaks]
    upper = "L".join(f"{x} {half - height:.1f}" for x, height in enumerate(heights))
    lower = "L".join(f"{x} {half + height:.1f}" for x, height in reversed(list(enumerate(heights))))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {max(1, len(peaks) - 1)} {HEIGHT}" '
        f'preserveAspectRatio="none" role="img" aria-label="waveform">'
        f'<path fill="currentColor" d="M{upper}L{lower}Z"/></svg>'
    )
