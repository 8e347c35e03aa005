"""A stand-in for an Immich server, of several versions."""

from __future__ import annotations

import random
from typing import Any

from tests.servers.web import Reply, Request, WebServer, document

KEY = "an-immich-key"


class ImmichServer(WebServer):
    """Serves people and their photos.

    Args:
        people: id to what is said of a person.
        assets: id to what is said of a photo; `of` lists the people on it, `photo` is its bytes.
        version: (1, 90) answers with everybody whatever page is asked for; before 1.110 there is no hasNextPage, before
            1.113 a search does not say who is on a photo.
    """

    def __init__(
        self, people: dict[str, dict[str, Any]], assets: dict[str, dict[str, Any]], version: tuple[int, int] = (2, 0)
    ) -> None:
        self.people = people
        self.assets = assets
        self.version = version
        self.random = random.Random(1)
        self.faces_allowed = True
        super().__init__()

    def answer(self, request: Request) -> Reply:
        """See the base."""
        if request.headers.get("x-api-key") != KEY:
            return document({"message": "Invalid API key"}, 401)
        steps = request.path.strip("/").split("/")
        if steps == ["api", "people"]:
            return self._list(request.query)
        if steps == ["api", "faces"]:
            return self._faces(request.query["id"])
        if steps == ["api", "search", "metadata"] and request.method == "POST":
            return self._search(request.json())
        if steps[:2] == ["api", "people"] and len(steps) == 3:
            found = self._person(steps[2]) if steps[2] in self.people else None
            return document(found or {"message": "Not found or no person.read access"}, 200 if found else 400)
        return self._original(steps)

    def _original(self, steps: list[str]) -> Reply:
        if steps[:2] == ["api", "assets"] and steps[3:] == ["original"] and steps[2] in self.assets:
            return Reply(200, self.assets[steps[2]]["photo"], "application/octet-stream")
        return document({"message": "Cannot GET"}, 404)

    def _faces(self, asset: str) -> Reply:
        faces = [{"boundingBoxX1": 0, "person": {"id": each}} for each in self.assets[asset]["of"]]
        return document(faces) if self.faces_allowed else document({"message": "no face.read"}, 403)

    def _person(self, person_id: str) -> dict[str, Any]:
        said = {"name": "", "birthDate": None, "thumbnailPath": "upload/thumbs/x.jpeg", "isHidden": False}
        if self.version >= (1, 107):
            said["updatedAt"] = "2025-01-02T03:04:05.678Z"
        return {"id": person_id, **said, **self.people[person_id]}

    def _list(self, query: dict[str, str]) -> Reply:
        there = [each for each in map(self._person, self.people) if not each["isHidden"]]
        # By the number of photos, and those change.
        self.random.shuffle(there)
        answer: dict[str, Any] = {"total": len(self.people), "hidden": len(self.people) - len(there), "people": there}
        if self.version > (1, 90):
            page, size = int(query["page"]), int(query["size"])
            answer["people"] = there[(page - 1) * size : page * size]
            if self.version >= (1, 110):
                answer["hasNextPage"] = page * size < len(there)
        return document(answer)

    def _search(self, wanted: dict[str, Any]) -> Reply:
        found = [asset for asset, said in self.assets.items() if set(wanted["personIds"]) <= set(said["of"])]
        page, size = wanted["page"], wanted["size"]
        part = found[(page - 1) * size : page * size]
        following = str(page + 1) if page * size < len(found) else None
        assets = {"total": len(part), "count": len(part), "items": list(map(self._asset, part)), "nextPage": following}
        return document({"albums": {"items": []}, "assets": assets})

    def _asset(self, asset: str) -> dict[str, Any]:
        said = {name: value for name, value in self.assets[asset].items() if name not in {"of", "photo"}}
        if self.version >= (1, 113):
            said["people"] = [{**self._person(each), "faces": []} for each in self.assets[asset]["of"]]
        return {"id": asset, "type": "IMAGE", "isTrashed": False, **said}
