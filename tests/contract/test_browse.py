"""Pages of what there is, on every store: each thing once, whatever is added meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from personae.adapters.store.store import SqlStore
from personae.engine import ledger
from personae.ports import FaceFilter, OperationFilter
from personae.types import Decision, DecisionKind, FaceId, FaceRole, ImageId, Maker, NewImage, PersonId, Reason
from tests.contract.test_store_pictures import digest, face, picture


def through(fetch: Callable[[int], Sequence[Any]], meanwhile: Callable[[int], None] = lambda _: None) -> list[int]:
    """Turn all pages, oldest first; `meanwhile` is called between two of them."""
    met: list[int] = []
    while page := fetch(met[-1] if met else 0):
        met += [row.id for row in page]
        meanwhile(len(met))
    return met


def test_pages_of_images_and_faces_hold_each_once_while_others_add(store: SqlStore) -> None:
    with store.write() as tx:
        for i in range(7):
            tx.images.add(picture(f"first {i}", face(i), face(i + 100, FaceRole.REFUSED)))

    def images(after: int) -> Sequence[Any]:
        with store.read() as tx:
            return tx.browse.images(after, 3)

    def add(count: int) -> None:
        if count == 3:
            with store.write() as tx:
                tx.images.add(picture("meanwhile", face(50)))

    met = through(images, add)
    assert met == sorted(set(met))
    assert len(met) == 8

    def faces(after: int) -> Sequence[Any]:
        with store.read() as tx:
            return tx.browse.faces(after, 4, FaceFilter())

    met = through(faces)
    assert met == sorted(set(met))
    assert len(met) == 15


def test_images_by_whether_they_could_be_used(store: SqlStore) -> None:
    with store.write() as tx:
        good = tx.images.add(picture("good"))
        bad = tx.images.add(NewImage(digest("bad"), 3, reason=Reason.CORRUPT, detail="damaged"))
    with store.read() as tx:
        assert [image.id for image in tx.browse.images(0, 9)] == [good, bad]
        assert [image.id for image in tx.browse.images(0, 9, refused=True)] == [bad]
        assert [image.id for image in tx.browse.images(0, 9, refused=False)] == [good]


def test_faces_by_what_they_are(store: SqlStore) -> None:
    with store.write() as tx:
        first = tx.images.add(picture("one", face(1), face(2), face(3, FaceRole.REFUSED)))
        second = tx.images.add(picture("two", face(4, FaceRole.SUPPORTING)))
        (cluster,) = tx.clusters.add(1)
        ann = tx.people.add("Ann")
        ids = [FaceId(found.id) for found in tx.faces.of_images([first, second])]
        said = [
            Decision(DecisionKind.NAME, Maker.HUMAN, person_id=ann, name="Ann"),
            Decision(DecisionKind.CONFIRM, Maker.HUMAN, face_id=ids[0], person_id=ann),
            Decision(DecisionKind.CLUSTER, Maker.HUMAN, face_id=ids[1], cluster_id=cluster),
        ]
        ledger.record(tx, "name", Maker.HUMAN, "", said)
    found: dict[str, list[int]] = {}
    with store.read() as tx:
        for name, which in {
            "image": FaceFilter(image_id=ImageId(second)),
            "person": FaceFilter(person_id=ann),
            "cluster": FaceFilter(cluster_id=cluster),
            "unknown": FaceFilter(unknown=True),
            "alone": FaceFilter(unknown=True, unclustered=True),
            "refused": FaceFilter(roles=(FaceRole.REFUSED,)),
            "nobody": FaceFilter(person_id=PersonId(999)),
        }.items():
            found[name] = [ids.index(FaceId(shown.id)) for shown in tx.browse.faces(0, 99, which)]
    assert found == {
        "image": [3], "person": [0], "cluster": [1], "unknown": [1, 2, 3], "alone": [2, 3], "refused": [2],
        "nobody": [],
    }  # fmt: skip


def test_people_and_clusters_as_they_are_listed_elsewhere(store: SqlStore) -> None:
    with store.write() as tx:
        faces = tx.faces.of_images([tx.images.add(picture("one", *(face(i) for i in range(6))))])
        clusters = tx.clusters.add(3)
        ids = [tx.people.add(name, kind) for name, kind in (("Ann", "real"), ("Bo", "character"), ("Cy", "real"))]
        tx.people.add("nobody said that this person exists")
        said = [
            *(Decision(DecisionKind.NAME, Maker.HUMAN, person_id=i, name=f"P{i}") for i in ids),
            *(
                Decision(DecisionKind.CLUSTER, Maker.HUMAN, face_id=FaceId(shown.id), cluster_id=clusters[i // 3])
                for i, shown in enumerate(faces)
            ),
        ]
        ledger.record(tx, "name", Maker.HUMAN, "", said)
    with store.read() as tx:
        assert [person.id for person in tx.browse.people(0, 2)] == ids[:2]
        assert tx.browse.people(ids[1], 2) == [tx.people.get(ids[2])]
        assert [person.id for person in tx.browse.people(0, 9, "character")] == [ids[1]]
        assert tx.browse.clusters(0, 9) == sorted(tx.clusters.all(), key=lambda cluster: cluster.id)
        assert [cluster.face_count for cluster in tx.browse.clusters(0, 9)] == [3, 3]
        assert tx.browse.clusters(clusters[1], 9) == []


def test_operations_and_jobs_newest_first(store: SqlStore) -> None:
    with store.write() as tx:
        first = [tx.decisions.begin("name", Maker.HUMAN, str(i)) for i in range(4)]
        tx.decisions.begin("undo", Maker.HUMAN, "", undoes=first[0])
        jobs = [tx.jobs.add("work", {}) for _ in range(4)]
        tx.jobs.cancel(jobs[1])
    with store.read() as tx:
        assert tx.browse.operations(None, 9) == tx.decisions.operations(9)
        assert [operation.id for operation in tx.browse.operations(first[2], 9)] == [first[1], first[0]]
        assert tx.browse.operations(first[1], 9)[0].undone
        assert [job.id for job in tx.browse.jobs(None, 2)] == [jobs[3], jobs[2]]
        assert [job.id for job in tx.browse.jobs(jobs[2], 9)] == [jobs[1], jobs[0]]
        assert [job.id for job in tx.browse.jobs(None, 9, ["cancelled"])] == [jobs[1]]


def test_operations_by_kind_maker_person_and_face(store: SqlStore) -> None:
    with store.write() as tx:
        image = tx.images.add(picture("one", face(1), face(2)))
        first, second = [FaceId(found.id) for found in tx.faces.of_images([image])]
        ann, bo = tx.people.add("Ann"), tx.people.add("Bo")

        def said(kind: str, maker: Maker, *decisions: Decision) -> int:
            return ledger.record(tx, kind, maker, kind, decisions)

        named = said("name", Maker.HUMAN, Decision(DecisionKind.NAME, Maker.HUMAN, person_id=ann, name="Ann"))
        other = said("name", Maker.HUMAN, Decision(DecisionKind.NAME, Maker.HUMAN, person_id=bo, name="Bo"))
        found = said("assign", Maker.MACHINE, Decision(DecisionKind.ASSIGN, Maker.MACHINE, first, ann, score=0.9,
                                                       threshold=0.7, model_id="m"))  # fmt: skip
        merge = Decision(DecisionKind.MERGE, Maker.HUMAN, person_id=bo, into_person_id=ann)
        merged = said("merge", Maker.HUMAN, merge)
        undone = ledger.undo(tx, found)
    asked = {
        "kind": OperationFilter(kinds=("name",)),
        "maker": OperationFilter(makers=(Maker.MACHINE,)),
        "person": OperationFilter(person_id=ann),
        "both": OperationFilter(kinds=("merge",), person_id=ann),
        "face": OperationFilter(face_id=first),
        "other face": OperationFilter(face_id=second),
    }
    with store.read() as tx:
        listed = {name: [row.id for row in tx.browse.operations(None, 9, which)] for name, which in asked.items()}
        before = [row.id for row in tx.browse.operations(merged, 2, asked["person"])]
    assert listed == {
        "kind": [other, named], "maker": [found], "person": [undone, merged, found, other, named], "both": [merged],
        "face": [undone, found], "other face": [],
    }  # fmt: skip
    assert before == [found, other]
