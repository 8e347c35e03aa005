"""A stand-in for Wikidata's query service and for Wikimedia Commons."""

from __future__ import annotations

import re
import time
from typing import Any
from urllib.parse import quote

from tests.servers.web import Reply, Request, WebServer, document

ENTITY = "http://www.wikidata.org/entity/"
DIRECT = "http://www.wikidata.org/prop/direct/"
NAMES = {
    "label": "http://www.w3.org/2000/01/rdf-schema#label",
    "altLabel": "http://www.w3.org/2004/02/skos/core#altLabel",
    "description": "http://schema.org/description",
    "dateModified": "http://schema.org/dateModified",
    "sameAs": "http://www.w3.org/2002/07/owl#sameAs",
}
ITEMS = {"P31", "P21", "sameAs"}
"""Whose values are entities."""


class WikimediaServer(WebServer):
    """Answers the query that the source asks, for the ids in it, and serves files.

    `people` holds (property, value) or (property, value, language or precision) for each id; `photos` the bytes and
    what Commons says of each file, by its title.
    """

    def __init__(self) -> None:
        self.people: dict[str, list[tuple[str, ...]]] = {}
        self.photos: dict[str, tuple[bytes, dict[str, Any]]] = {}
        self.renamed: dict[str, str] = {}
        self.pause = 0.0
        super().__init__()

    @property
    def endpoint(self) -> str:
        return f"{self.url}/sparql"

    @property
    def api(self) -> str:
        return f"{self.url}/w/api.php"

    @property
    def below(self) -> str:
        return f"{self.url}/wikipedia/commons/"

    def serve(self, request: Request) -> Reply:
        """See the base; outside the lock it takes as long as it is told."""
        time.sleep(self.pause)
        return super().serve(request)

    def answer(self, request: Request) -> Reply:
        """See the base."""
        if "@" not in request.headers.get("user-agent", ""):
            return Reply(403)
        if request.path == "/sparql":
            return self._sparql(request.query["query"])
        if request.path == "/w/api.php":
            return self._imageinfo(request.query)
        title = "File:" + request.path.removeprefix("/wikipedia/commons/")
        return Reply(200, self.photos[title][0], "image/jpeg") if title in self.photos else Reply(404)

    def _sparql(self, query: str) -> Reply:
        items = re.search(r"VALUES \?item \{([^}]*)\}", query)
        asked = re.findall(r"wd:(Q\d+)", items[1] if items else "")
        rows = [self._row(each, *said) for each in asked for said in self.people.get(each, [])]
        return document({"head": {"vars": ["item", "p", "v", "n"]}, "results": {"bindings": rows}})

    def _row(self, item: str, name: str, value: str, extra: str = "") -> dict[str, Any]:
        cell = {"type": "literal", "value": value}
        if name in ITEMS:
            cell = {"type": "uri", "value": ENTITY + value}
        elif name == "P18":
            where = "http://commons.wikimedia.org/wiki/Special:FilePath/"
            cell = {"type": "uri", "value": where + quote(value)}
        elif value == "unknown":
            cell = {"type": "uri", "value": "http://www.wikidata.org/.well-known/genid/1f2e"}
        if extra and not extra.isdigit():
            cell["xml:lang"] = extra
        row = {
            "item": {"type": "uri", "value": ENTITY + item},
            "p": {"type": "uri", "value": NAMES.get(name, DIRECT + name)},
            "v": cell,
        }
        return row | ({"n": {"type": "literal", "value": extra}} if extra.isdigit() else {})

    def _imageinfo(self, query: dict[str, str]) -> Reply:
        titles = query["titles"].split("|")
        if len(titles) > 50:
            return document({"error": {"code": "toomanyvalues", "info": "Too many values"}})
        steps = [{"from": each, "to": self.renamed[each]} for each in titles if each in self.renamed]
        pages = [self._page(self.renamed.get(each, each)) for each in titles]
        return document({"batchcomplete": True, "query": {"redirects": steps, "pages": pages}})

    def _page(self, title: str) -> dict[str, Any]:
        if title not in self.photos:
            return {"ns": 6, "title": title, "missing": True}
        said = {
            "url": self.below + quote(title.removeprefix("File:")),
            "mime": "image/jpeg",
            "width": 800,
            "height": 600,
        }
        return {"ns": 6, "title": title, "imageinfo": [said | self.photos[title][1]]}
