"""Photos by what is in them and where they come from, newest first, on every store."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from personae.adapters.store.store import SqlStore
from personae.engine import ledger
from personae.errors import NotFound
from personae.ports import FaceFilter, FaceOrder, PhotoFilter
from personae.records import Claim, ClaimState, Trust
from personae.types import (
    Decision,
    DecisionKind,
    FaceRole,
    FileStamp,
    ImageId,
    Maker,
    NewImage,
    PersonId,
    Reason,
)
from tests.contract.test_store_people import active
from tests.contract.test_store_pictures import digest, face, picture

STAMP = FileStamp(1, 1)


@pytest.fixture
def ids(store: SqlStore) -> list[ImageId]:
    """Ann; an unknown face; a blurred one; none; a damaged file; Ann and an unknown face."""
    blurred = face(3, FaceRole.REFUSED, reasons=(Reason.BLURRED, Reason.TURNED))
    with store.write() as tx:
        made = [
            tx.images.add(picture("ann", face(1))),
            tx.images.add(picture("unknown", face(2))),
            tx.images.add(picture("blurred", blurred)),
            tx.images.add(picture("nobody")),
            tx.images.add(NewImage(digest("bad"), 3, reason=Reason.CORRUPT, detail="damaged")),
            tx.images.add(picture("both", face(4), face(5))),
        ]
        places = "a/1.jpg", "a/b/2.jpg", "A/3.jpg", "a%20b/4.jpg", "5.jpg", "a/6.jpg"
        for place, image_id in zip(places, made, strict=True):
            tx.images.place(f"file:///{place}", STAMP, image_id)
        tx.images.place("file:///5 again.jpg", STAMP, made[0])
        tx.images.place("file:///gone.jpg", STAMP, None, Reason.UNREADABLE, "no")
        ann = active(tx, "Ann")
        found = tx.faces.of_images([made[0], made[5]])
        said = [Decision(DecisionKind.NAME, Maker.HUMAN, person_id=ann, name="Ann")]
        said += [Decision(DecisionKind.CONFIRM, Maker.HUMAN, face_id=i, person_id=ann) for i in
                 (found[0].id, found[1].id)]  # fmt: skip
        ledger.record(tx, "name", Maker.HUMAN, "", said)
        tx.sources.add_claims([
            Claim("wiki", "1", "r", "u", int(ann), int(found[0].id), ClaimState.ACCEPTED, "x", Trust.LOW),
            Claim("wiki", "2", "r", "u", int(ann), None, ClaimState.REFUSED, "x", Trust.LOW),
        ])  # fmt: skip
    return made


def listed(store: SqlStore, which: PhotoFilter) -> list[int]:
    """Return the photos, in the order they came in; newest first, whole or page by page, they are the same."""
    with store.read() as tx:
        whole = [image.id for image in tx.photos.before(which, None, 99)]
        pages: list[ImageId] = []
        while page := tx.photos.before(which, pages[-1] if pages else None, 2):
            pages += [image.id for image in page]
        forward: list[ImageId] = []
        while page := tx.photos.after(which, forward[-1] if forward else ImageId(0), 2):
            forward += [image.id for image in page]
        assert whole == pages == forward[::-1]
        assert tx.photos.count(which) == len(whole)
    return [int(i) for i in forward]


def test_photos_by_what_is_asked_for(store: SqlStore, ids: list[ImageId]) -> None:
    with store.read() as tx:
        at = tx.photos.taken_in(ids[0])
        ann = tx.people.find("Ann")[0].id
    later = at + timedelta(days=1)
    found = {
        name: [ids.index(ImageId(i)) for i in listed(store, which)]
        for name, which in {
            "all": PhotoFilter(),
            "person": PhotoFilter(person_id=ann),
            "somebody else": PhotoFilter(person_id=PersonId(999)),
            "unknown": PhotoFilter(unknown=True),
            "both": PhotoFilter(person_id=ann, unknown=True),
            "empty": PhotoFilter(empty=True),
            "refused": PhotoFilter(refused=True),
            "corrupt": PhotoFilter(reason=Reason.CORRUPT),
            "blurred": PhotoFilter(reason=Reason.BLURRED),
            "truncated": PhotoFilter(reason=Reason.TRUNCATED),
            "folder": PhotoFilter(folder="file:///a/"),
            "folder in it": PhotoFilter(folder="file:///a/b/"),
            "source": PhotoFilter(source="wiki"),
            "no source": PhotoFilter(source="other"),
            "since": PhotoFilter(since=at),
            "since later": PhotoFilter(since=later),
            "until": PhotoFilter(until=later),
            "until then": PhotoFilter(until=at),
        }.items()
    }
    assert found == {
        "all": [0, 1, 2, 3, 4, 5], "person": [0, 5], "somebody else": [], "unknown": [1, 5], "both": [5],
        "empty": [2, 3], "refused": [4], "corrupt": [4], "blurred": [2], "truncated": [], "folder": [0, 1, 5],
        "folder in it": [1], "source": [0], "no source": [], "since": [0, 1, 2, 3, 4, 5], "since later": [],
        "until": [0, 1, 2, 3, 4, 5], "until then": [],
    }  # fmt: skip


def test_what_photos_are_told_apart_by(store: SqlStore, ids: list[ImageId]) -> None:
    with store.read() as tx:
        assert tx.photos.folders() == {
            "file:///": 2, "file:///A/": 1, "file:///a%20b/": 1, "file:///a/": 2, "file:///a/b/": 1,
        }  # fmt: skip
        assert tx.photos.sources() == {"wiki": 1}
        assert tx.photos.reasons() == {Reason.CORRUPT: 1, Reason.BLURRED: 1, Reason.TURNED: 1}
        assert tx.photos.unreadable(9) == ["file:///gone.jpg"]
        assert tx.photos.unreadable(0) == []
        with pytest.raises(NotFound):
            tx.photos.taken_in(ImageId(ids[-1] + 99))
    revoke = Decision(DecisionKind.REVOKE, Maker.HUMAN, source="wiki")
    with store.write() as tx:
        ledger.record(tx, "revoke", Maker.HUMAN, "", [revoke])
    with store.read() as tx:
        assert tx.photos.sources() == {}


def test_what_people_and_groups_are_called(store: SqlStore, ids: list[ImageId]) -> None:
    assert ids
    with store.write() as tx:
        first, second = tx.clusters.add(2)
    with store.read() as tx:
        ann = tx.people.find("Ann")[0].id
        assert tx.photos.names([ann, ann, PersonId(999)]) == {ann: "Ann"}
        assert tx.photos.names([]) == {}
        assert tx.photos.labels([second, first]) == {first: "unknown_cluster_1", second: "unknown_cluster_2"}


def test_photos_and_faces_go_by_when_they_were_taken(store: SqlStore) -> None:
    """And by when they were taken in, where the camera does not say, or cannot be right."""
    said = (
        ("old", datetime(1911, 7, 4, 12)), ("unsaid", None), ("future", datetime(9999, 12, 31, 23, 59, 59)),
        ("year 1", datetime(1, 1, 1)), ("twin", datetime(1911, 7, 4, 12)),
    )  # fmt: skip
    with store.write() as tx:
        ids = [tx.images.add(replace(picture(name, face(7)), taken_at=when)) for name, when in said]
        ann = active(tx, "Ann")
        named = [Decision(DecisionKind.NAME, Maker.HUMAN, person_id=ann, name="Ann")]
        named += [Decision(DecisionKind.CONFIRM, Maker.HUMAN, face_id=found.id, person_id=ann)
                  for found in tx.faces.of_images(ids)]  # fmt: skip
        ledger.record(tx, "name", Maker.HUMAN, "", named)
    assert [ids.index(ImageId(i)) for i in listed(store, PhotoFilter())] == [3, 0, 4, 1, 2]
    in_1911 = PhotoFilter(since=datetime(1911, 1, 1, tzinfo=UTC), until=datetime(1912, 1, 1, tzinfo=UTC))
    assert listed(store, in_1911) == [ids[0], ids[4]]
    with store.read() as tx:
        assert [image.taken_at for image in tx.images.get(ids)] == [when for _, when in said]
        assert tx.photos.undated() == []
        whole = tx.browse.members(FaceFilter(person_id=ann), FaceOrder.NEWEST, None, 9)
        assert [ids.index(found.image_id) for found in whole] == [2, 1, 4, 0, 3]
        for one, following in pairwise(whole):
            (behind,) = tx.browse.members(FaceFilter(person_id=ann), FaceOrder.NEWEST, one.id, 1)
            assert behind.id == following.id
    with store.write() as tx:
        tx.photos.set_taken(ids[1], datetime(1900, 1, 1))
    with store.read() as tx:
        first = tx.browse.members(FaceFilter(person_id=ann), FaceOrder.NEWEST, None, 9)[3]
        assert (first.image_id, tx.images.get([ids[1]])[0].taken_at) == (ids[1], datetime(1900, 1, 1))
