"""Bodies of answers: gzip of several parts, and the cap over all of them."""

from __future__ import annotations

import gzip

import pytest

from personae.adapters.sources.body import anything, read
from personae.errors import SourceError
from tests.web import JPEG

PARTS = [gzip.compress(b""), gzip.compress(JPEG[:3]), gzip.compress(JPEG[3:] + bytes(range(256)) * 40)]


@pytest.mark.parametrize("padding", [b"", bytes(1), bytes(9000)])
@pytest.mark.parametrize("step", [1, 7, 10**6])
def test_a_gzip_of_several_parts_is_read_whole(padding: bytes, step: int) -> None:
    sent = b"".join(PARTS) + padding
    whole = JPEG + bytes(range(256)) * 40
    chunks = [sent[at : at + step] for at in range(0, len(sent), step)]
    assert read(chunks, "gzip", len(whole), anything) == whole
    with pytest.raises(SourceError) as caught:
        read(chunks, "gzip", len(whole) - 1, anything)
    assert caught.value.reason == "too_large"


@pytest.mark.parametrize("behind", [b"junk", b"\x1f", PARTS[2][:-1], bytes(5) + b"\x1f\x8bno", b"\n"])
@pytest.mark.parametrize("step", [1, 10**6])
def test_what_is_no_gzip_behind_a_gzip_is_refused(behind: bytes, step: int) -> None:
    sent = b"".join(PARTS) + behind
    chunks = [sent[at : at + step] for at in range(0, len(sent), step)]
    with pytest.raises(SourceError) as caught:
        read(chunks, "gzip", 2**20, anything)
    assert caught.value.reason == "broken_answer"
