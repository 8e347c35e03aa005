"""Whether a JPEG is whole, told by its structure, without its pixels."""

from __future__ import annotations

import re

_START = 2
"""Bytes of the mark at the beginning."""
_END, _SCAN = 0xD9, 0xDA
_SEGMENTS = frozenset({*range(0xC0, 0xD0), *range(0xDA, 0xF0), 0xFE})
"""Marks that a length follows: frames, tables, scans, applications' own parts, comments."""
_MARK = re.compile(rb"\xff([^\x00\x01\xd0-\xd7\xff])")
"""In a scan, 0xFF stands before 0 as a plain value, and before D0 to D7 where decoding may start anew."""


def check_structure(data: bytes) -> None:
    """Refuse a JPEG that is cut off, or in which something stands that cannot be there.

    A wrong value within a scan is told only where it looks like a mark.

    Args:
        data: a whole file; what follows the picture's end is not looked at.

    Raises:
        ValueError: it is damaged, or ends before the picture does.

    Source: ITU-T T.81, annex B.
    """
    at, scans = _START, 0
    while (mark := _MARK.search(data, at)) is not None:
        kind, at = mark[1][0], mark.end()
        if kind == _END:
            if not scans:
                raise ValueError("no pixels are in it")
            return
        if kind not in _SEGMENTS:
            raise ValueError(f"a mark {kind:02X} stands in it")
        at += int.from_bytes(data[at : at + 2], "big")
        scans += kind == _SCAN
    raise ValueError("its end is missing")
