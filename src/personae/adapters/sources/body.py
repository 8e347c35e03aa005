"""Reading the body of an answer, and what is in it."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterable

from personae.adapters.sources.content import PHOTOS
from personae.adapters.vision.decode import sniff
from personae.errors import SourceError

HEAD_BYTES = 512
"""So many first bytes tell whether it is a picture."""
MEMBERS = 10_000
"""Parts that a gzip may have; each costs time however small it is."""
HTML_PAGE = "html_page"
"""Reason of a picture in whose place a web page came: perhaps one that asks to log in, or to come again."""
_BLANK = b"\xef\xbb\xbf \t\r\n"

Check = Callable[[bytes], None]


class _Plain:
    def decode(self, chunk: bytes, _most: int) -> bytes:
        return chunk

    def finish(self) -> None: ...


class _Gunzip:
    """A body is one gzip member or several, and zeros behind the last one; anything else there is refused.

    Source: RFC 1952, 2.2.
    """

    def __init__(self) -> None:
        self._stream = _member()
        self._members = 1

    def decode(self, chunk: bytes, most: int) -> bytes:
        kept = bytearray()
        try:
            while chunk and len(kept) < most:
                if self._stream.eof and not (chunk := self._next(chunk)):
                    break
                kept += self._stream.decompress(chunk, most - len(kept))
                chunk = self._stream.unused_data
        except zlib.error:
            raise SourceError("broken_answer", "the answer is not the gzip that it says it is") from None
        return bytes(kept)

    def _next(self, chunk: bytes) -> bytes:
        """Begin another member, unless nothing but padding is left; return what is left."""
        left = chunk.lstrip(b"\0")
        if left:
            self._members += 1
            if self._members > MEMBERS:
                raise SourceError("broken_answer", f"the answer is gzip of more than {MEMBERS:,} parts")
            self._stream = _member()
        return left

    def finish(self) -> None:
        if not self._stream.eof:
            raise SourceError("broken_answer", "the answer ends before its gzip does")


def read(chunks: Iterable[bytes], encoding: str, most: int, check: Check) -> bytes:
    """Return a body, decoded, and stop as soon as it is too large or not what it should be.

    Args:
        chunks: as they come over the wire.
        encoding: the Content-Encoding; only gzip is ever asked for.
        most: bytes that are read, and bytes that may come of them.
        check: is given the first 512 bytes as soon as they are there; raises to refuse the rest.

    Raises:
        SourceError: too_large or broken_answer, or what `check` raises.
    """
    decoder = _decoder(encoding)
    kept = bytearray()
    wire, checked = 0, False
    for chunk in chunks:
        wire += len(chunk)
        if wire > most:
            raise too_large(most)
        kept += decoder.decode(chunk, most + 1 - len(kept))
        if len(kept) > most:
            raise too_large(most)
        if not checked and len(kept) >= HEAD_BYTES:
            check(bytes(kept[:HEAD_BYTES]))
            checked = True
    if wire:
        decoder.finish()
    if not checked:
        check(bytes(kept))
    return bytes(kept)


def _member() -> zlib._Decompress:
    return zlib.decompressobj(16 + zlib.MAX_WBITS)


def too_large(most: int) -> SourceError:
    """Return the error of a body of more than so many bytes."""
    return SourceError("too_large", f"the answer is larger than {most:,} bytes")


def picture(head: bytes) -> None:
    """Check that content begins as a JPEG, PNG or WebP does, whatever its name or type.

    Raises:
        SourceError: not_an_image: it does not.
    """
    if not head:
        raise SourceError("not_an_image", "no bytes came")
    found = sniff(head)
    if found in PHOTOS:
        return
    if found is None:
        what = "a web page" if head.lstrip(_BLANK).startswith(b"<") else "something else"
        raise SourceError("not_an_image", f"{what} came instead of a picture")
    raise SourceError("not_an_image", f"{found.upper()} came; only JPEG, PNG and WebP are taken")


def answered(head: bytes) -> None:
    """Check, likewise, what a server answered; it may have a web page for every occasion.

    Raises:
        SourceError: html_page, not_an_image.
    """
    if sniff(head) is None and head.lstrip(_BLANK).startswith(b"<"):
        raise SourceError(HTML_PAGE, "a web page came instead of a picture")
    picture(head)


def anything(head: bytes) -> None:
    """Check nothing."""


def parse(body: bytes) -> object:
    """Return what a JSON body says.

    Raises:
        SourceError: broken_answer: it is not JSON, or ends too early.
    """
    try:
        parsed: object = json.loads(body, parse_constant=_refuse)
    except (ValueError, RecursionError):
        # The parser's error holds the body.
        raise SourceError("broken_answer", "the answer is not JSON, or ends too early") from None
    return parsed


def _refuse(constant: str) -> object:
    raise ValueError(constant)


def _decoder(encoding: str) -> _Plain | _Gunzip:
    match encoding.strip().lower():
        case "" | "identity":
            return _Plain()
        case "gzip" | "x-gzip":
            return _Gunzip()
    raise SourceError("broken_answer", "the answer is encoded in a way that was not asked for")
