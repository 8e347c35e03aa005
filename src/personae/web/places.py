"""Where things lie on the server's machine is nobody's business: of a place its last part is shown."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import unquote

from pydantic import AfterValidator

OWN_PATHS = ("/api/", "/health", "/ready", "/metrics")
"""Beginnings of the server's own endpoints, which sentences may speak of."""
_FOLDERS = re.compile(r"(?:\bfile://|(?<![\w:/.>])(?=/))(?:[^\s:,;'\"/]*/)+")
"""`/home/ann/photos/` of `/home/ann/photos/a.jpg`; not what follows the host of a URL."""


def without_places(text: str) -> str:
    """Return a sentence or an address with the folders of every path of this machine left out."""

    def kept(found: re.Match[str]) -> str:
        return found[0] if text.startswith(OWN_PATHS, found.start()) else ""

    return _FOLDERS.sub(kept, text)


def file_name(uri: str) -> str:
    """Return the name of the file that a file: URI leads to; another URI as it is."""
    return unquote(uri.rpartition("/")[2]) if uri.startswith("file:") else uri


def placeless(value: Any) -> Any:
    """Return a value of JSON with every text in it as `without_places` has it."""
    if isinstance(value, str):
        return without_places(value)
    if isinstance(value, Mapping):
        return {name: placeless(member) for name, member in value.items()}
    if isinstance(value, list | tuple):
        return [placeless(member) for member in value]
    return value


Sentence = Annotated[str, AfterValidator(without_places)]
"""A text of an answer that may speak of files."""
FileName = Annotated[str, AfterValidator(file_name)]
"""Made of the URI of a photo."""
