"""Photos on Wikimedia Commons: their address, size and licence."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from html import unescape
from urllib.parse import unquote, urlsplit

from personae.adapters.sources.answers import optional_rows, rows, table, text, whole, wrong
from personae.errors import SourceError
from personae.records import ImageRef

API = "https://commons.wikimedia.org/w/api.php"
FILES = "https://upload.wikimedia.org/wikipedia/commons/"
AT_ONCE = 50
"""Files that one question may name."""
WIDTH = 1920
"""Pixels; larger photos are fetched at this width, one of those that Commons keeps ready."""
_FORMATS = frozenset({"image/jpeg", "image/png", "image/webp"})
_TAG = re.compile(r"<[^>]*>")

Ask = Callable[[str, Mapping[str, str]], object]


class Commons:
    """The API of Wikimedia Commons.

    Args:
        ask: answers a URL with its parameters.
        source: name of the source, for sentences.
        api: address of the API.
        files: every photo lies below this address; others are left out.
    """

    def __init__(self, ask: Ask, source: str, api: str = API, files: str = FILES) -> None:
        self._ask = ask
        self._source = source
        self._api = api
        self._files = files

    def photos(self, titles: Sequence[str]) -> dict[str, ImageRef]:
        """Return what is known of files, by their titles ("File:Name.jpg"); those that are no photos are left out.

        Raises:
            SourceError: there is no answer, or it is no use.
        """
        found: dict[str, ImageRef] = {}
        wanted = list(dict.fromkeys(titles))
        for start in range(0, len(wanted), AT_ONCE):
            part = wanted[start : start + AT_ONCE]
            answer = self._answer(part)
            # The API writes titles its own way, and leads from a file's old name to its new one.
            names = {title: title for title in part}
            for step in ("normalized", "redirects"):
                steps = {text(each.get("from")): text(each.get("to")) for each in optional_rows(answer.get(step))}
                names = {title: steps.get(name, name) for title, name in names.items()}
            pages = {text(each.get("title")): each for each in rows(answer.get("pages"), self._source, "pages")}
            for title, name in names.items():
                ref = self._ref(name, pages.get(name, {}))
                if ref is not None:
                    found[title] = ref
        return found

    def _answer(self, titles: Sequence[str]) -> Mapping[str, object]:
        asked = {
            "action": "query",
            "format": "json",
            "formatversion": "2",
            "redirects": "1",
            "titles": "|".join(titles),
            "prop": "imageinfo",
            "iiprop": "url|size|mime|extmetadata",
            "iiextmetadatafilter": "LicenseShortName|UsageTerms",
            "iiurlwidth": str(WIDTH),
        }
        answer = table(self._ask(self._api, asked), self._source, "the answer of Commons")
        trouble = answer.get("error")
        if isinstance(trouble, dict):
            busy = text(trouble.get("code")) in {"maxlag", "ratelimited", "readonly"}
            raise SourceError("busy" if busy else "api_error", f"Commons cannot answer {self._source}")
        if "query" not in answer:
            raise wrong(self._source, "Commons answers without pages")
        return table(answer["query"], self._source, "pages")

    def _ref(self, title: str, page: Mapping[str, object]) -> ImageRef | None:
        infos = optional_rows(page.get("imageinfo"))
        if not infos or text(infos[0].get("mime")) not in _FORMATS:
            return None
        info = infos[0]
        width, height, url = whole(info.get("width")), whole(info.get("height")), text(info.get("url"))
        if width is not None and width > WIDTH and text(info.get("thumburl")):
            width, height, url = whole(info.get("thumbwidth")), whole(info.get("thumbheight")), text(info["thumburl"])
        if not self.holds(url):
            return None
        return ImageRef(title, url, width, height, licence=_licence(info.get("extmetadata")))

    def holds(self, url: str) -> bool:
        """Return whether an address is one of a file on Commons."""
        # A path that climbs out again would begin the same.
        return url.startswith(self._files) and ".." not in unquote(urlsplit(url).path).split("/")


def title_of(address: str) -> str:
    """Return the title of a file from the address that Wikidata gives; empty when it is none.

    Args:
        address: http://commons.wikimedia.org/wiki/Special:FilePath/Some%20name.jpg
    """
    path = unquote(urlsplit(address).path)
    _, found, name = path.partition("/Special:FilePath/")
    name = name.replace("_", " ").strip()
    # These separate or nest titles: no file's name has them.
    return f"File:{name}" if found and name and not re.search(r"[|#<>\[\]{}\x00-\x1f]", name) else ""


def _licence(metadata: object) -> str:
    if not isinstance(metadata, dict):
        return ""
    for field in ("LicenseShortName", "UsageTerms"):
        entry = metadata.get(field)
        said = text(entry.get("value")) if isinstance(entry, dict) else ""
        plain = " ".join(unescape(_TAG.sub(" ", said)).split())
        if plain:
            return plain
    return ""
