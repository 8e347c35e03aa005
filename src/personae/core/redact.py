"""Addresses without what would open a server's doors to their reader: for receipts, logs and answers."""

from __future__ import annotations

import re
from urllib.parse import unquote_plus, urlsplit, urlunsplit

HIDDEN = "***"
_SECRET = re.compile(
    r"token|secret|signature|passw|passphrase|credential|api[-_.]?key|access[-_.]?key|session|jwt|bearer|oauth|hmac"
    r"|(^|[-_.])(auth|authorization|key|sig|sign|pwd|pass|sid|ticket|policy|hash|hdnea|hdnts|md5)($|[-_.])"
    r"|^x-(amz|goog|oss|cos)-"
)
"""Names, in small letters."""
_OPAQUE = re.compile(r"(?=.*\d)(?=.*[A-Za-z])[\w+/=.~-]{32,}")
"""A value that nobody reads."""


def redact(url: str) -> str:
    """Return an address with its path and the harmless part of its query.

    Name and password before the host, the fragment, and the values of parameters that are named like a key, or look
    like one, are taken out. What is no http: or https: URL stays as it is.

    Args:
        url: of a photo or a page.
    """
    if not url.lower().startswith(("http://", "https://")):
        return url
    try:
        parts = urlsplit(url)
    except ValueError:
        # Nobody can say where its parts begin.
        return re.split(r"[?#]", url, maxsplit=1)[0].rpartition("@")[2]
    place = parts.netloc.rpartition("@")[2]
    pieces = re.split("([&;])", parts.query)
    query = "".join(each if each in {"&", ";"} else _parameter(each) for each in pieces)
    return urlunsplit((parts.scheme, place, parts.path, query, ""))


def _parameter(said: str) -> str:
    name, equals, value = said.partition("=")
    plain = unquote_plus(name).lower()
    if not equals:
        return HIDDEN if _OPAQUE.fullmatch(unquote_plus(said)) else said
    hide = value and (_SECRET.search(plain) or _OPAQUE.fullmatch(unquote_plus(value)))
    return f"{name}={HIDDEN}" if hide else said
