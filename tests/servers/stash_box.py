"""A stand-in for a stash-box server: GraphQL on the shape of its public schema."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Mapping
from typing import Any

from tests.servers.graphql import GraphqlError, Resolver, execute
from tests.servers.web import Reply, Request, WebServer, document

KEY = "a-key-that-must-not-be-seen"
_TEXTS = ["disambiguation", "gender", "birth_date", "death_date", "ethnicity", "country", "eye_color", "hair_color"]
_EMPTY = [*_TEXTS, "height", "career_start_year", "career_end_year", "merged_into_id"]
_LEAVES = ["id", "name", "aliases", *_EMPTY, "deleted", "merged_ids", "created", "updated"]
_PERSON: dict[str, Any] = {
    **dict.fromkeys(_LEAVES),
    "urls": {"url": None, "site": {"name": None}},
    "images": {"id": None, "url": None, "width": None, "height": None},
}


def performer(person_id: str, **said: Any) -> dict[str, Any]:
    """A person as the server keeps it; what is not said has the server's own defaults."""
    created = said.get("created", "2024-01-01T00:00:00Z")
    lists: dict[str, Any] = {"aliases": [], "urls": [], "images": [], "merged_ids": [], "deleted": False}
    stamps = {"created": created, "updated": created}
    return {"id": person_id, "name": f"Person {person_id}", **dict.fromkeys(_EMPTY), **lists, **stamps, **said}


class StashBoxServer(WebServer):
    """Serves `people`; the listing leaves deleted ones out. Ties of a sorting come in another order each time."""

    def __init__(self, people: list[dict[str, Any]], seed: int = 0) -> None:
        self.people = list(people)
        self.random = random.Random(seed)
        self.types = copy.deepcopy(_PERSON)
        self.largest_page = 1000
        self.before_page: Callable[[int], None] = lambda page: None
        """Called before a page is cut, with its number."""
        self.errors: list[dict[str, Any]] = []
        """Answered with status 200 instead of data."""
        super().__init__()

    @property
    def endpoint(self) -> str:
        return f"{self.url}/graphql"

    def add_image(self, image_id: str, reply: Reply) -> dict[str, Any]:
        """Serve a photo; returns what a person's `images` holds."""
        self.files[f"/images/{image_id}"] = reply
        return {"id": image_id, "url": f"{self.url}/images/{image_id}", "width": 640, "height": 480}

    def answer(self, request: Request) -> Reply:
        """See the base."""
        if request.headers.get("apikey") != KEY:
            return Reply(401)
        if request.path != "/graphql" or request.method != "POST":
            return Reply(404)
        if self.errors:
            return document({"errors": self.errors, "data": None})
        asked = request.json()
        listing = {"count": None, "performers": self.types}
        root: dict[str, Resolver] = {"queryPerformers": self._query, "findPerformer": self._find}
        try:
            data = execute(
                asked["query"], asked["variables"], root, {"queryPerformers": listing, "findPerformer": self.types}
            )
        except GraphqlError as error:
            trouble = {"message": str(error), "extensions": {"code": error.code}}
            return document({"errors": [trouble], "data": None}, 422)
        return document({"data": data})

    def _query(self, arguments: Mapping[str, Any]) -> Any:
        wanted = arguments["input"]
        self.before_page(wanted["page"])
        stamp = {"CREATED_AT": "created", "UPDATED_AT": "updated"}[wanted["sort"]]
        there = [each for each in self.people if not each["deleted"]]
        self.random.shuffle(there)
        there.sort(key=lambda each: each[stamp], reverse=wanted["direction"] == "DESC")
        size = min(wanted["per_page"], self.largest_page)
        start = (wanted["page"] - 1) * size
        return {"count": len(there), "performers": there[start : start + size]}

    def _find(self, arguments: Mapping[str, Any]) -> Any:
        return next((each for each in self.people if each["id"] == arguments["id"]), None)
