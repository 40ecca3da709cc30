"""What a file is, by its first bytes and not by its name."""

from __future__ import annotations

#: Bytes that suffice.
ENOUGH = 16

MEDIA = {"wav": "audio/wav", "flac": "audio/flac", "mp3": "audio/mpeg"}


def kind(head: bytes) -> str | None:
    """wav, flac or mp3; None for anything else. Whether it can be read is the analysis's matter."""
    if head[:4] in (b"RIFF", b"RF64") and head[8:12] == b"WAVE":
        return "wav"
    if head[:4] == b"fLaC":
        return "flac"
    # A tag in front of the sound: version, and four bytes of size whose highest bit is never set.
    if head[:3] == b"ID3" and len(head) >= 10 and head[3] in (2, 3, 4) and max(head[6:10]) < 0x80:
        return "mp3"
    return "mp3" if _mpeg_frame(head) else None


def _mpeg_frame(head: bytes) -> bool:
    """Header of a layer III frame: all values that are forbidden are refused."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return False
    version, layer = head[1] >> 3 & 3, head[1] >> 1 & 3
    bitrate, rate = head[2] >> 4, head[2] >> 2 & 3
    return version != 1 and layer == 1 and bitrate not in (0, 15) and rate != 3
