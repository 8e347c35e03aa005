"""Images, files, faces and embeddings, on every store."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from personae.adapters.store.store import SqlStore
from personae.errors import Conflict, InputError, ModelMismatch
from personae.types import (
    Box,
    Digest,
    FaceId,
    FaceRole,
    FileStamp,
    ImageId,
    ModelId,
    NewFace,
    NewImage,
    Quality,
    Reason,
    Vector,
)

A, B = ModelId("model-a"), ModelId("model-b")


def digest(text: str) -> Digest:
    return Digest(hashlib.sha256(text.encode()).hexdigest())


def unit(seed: int, dimension: int = 8) -> Vector:
    vector = np.random.default_rng(seed).standard_normal(dimension).astype(np.float32)
    return vector / np.linalg.norm(vector)


def face(seed: int = 0, role: FaceRole = FaceRole.FOUNDING, quality: float = 0.5, **more: object) -> NewFace:
    embeddings = {} if role is FaceRole.REFUSED else {A: unit(seed), B: unit(seed + 1000, 16)}
    return NewFace(
        box=Box(1.5, 2.5, 30.25, 40.0),
        landmarks=np.random.default_rng(seed).random((5, 2)).astype(np.float32),
        det_score=0.875,
        quality=Quality(30.25, 12.5, -3.0, 0.25, quality),
        role=role,
        **({"embeddings": embeddings} | more),  # type: ignore[arg-type]
    )


def picture(name: str, *faces: NewFace) -> NewImage:
    return NewImage(digest(name), 1234, 640, 480, "jpeg", ModelId("detector"), "album", faces=faces)


def test_an_image_comes_back_as_it_was_given(store: SqlStore) -> None:
    given = face(1, crop=digest("crop"), reasons=(Reason.BLURRED, Reason.TURNED), role=FaceRole.SUPPORTING)
    with store.write() as tx:
        image_id = tx.images.add(picture("one", given))
        tx.images.place("file:///b.jpg", FileStamp(1234, 2**62), image_id)
        tx.images.place("file:///a.jpg", FileStamp(1234, -5), image_id)
    with store.read() as tx:
        image = tx.images.get([image_id])[0]
        found = tx.faces.of_images([image_id])[0]
        stamps = tx.images.stamps(["file:///a.jpg", "file:///b.jpg", "file:///c.jpg"])
    assert (image.digest, image.size, image.width, image.height) == (digest("one"), 1234, 640, 480)
    assert image.uris == ("file:///a.jpg", "file:///b.jpg")
    assert stamps == {"file:///a.jpg": FileStamp(1234, -5), "file:///b.jpg": FileStamp(1234, 2**62)}
    np.testing.assert_array_equal(found.landmarks, given.landmarks)
    assert found.landmarks.dtype == np.float32
    assert (found.box, found.det_score, found.quality) == (given.box, given.det_score, given.quality)
    assert (found.role, found.reasons, found.crop) == (given.role, given.reasons, given.crop)
    assert (found.person_id, found.cluster_id, found.image_id) == (None, None, image_id)


def test_the_same_image_again_changes_nothing(store: SqlStore) -> None:
    with store.write() as tx:
        first = tx.images.add(picture("one", face()))
        last = tx.events.last()
        assert tx.images.add(picture("one", face(), face(3))) == first
        assert tx.events.last() == last
        assert tx.faces.counts()["founding"] == 1


def test_projects_do_not_see_each_other(store: SqlStore, store_url: str) -> None:
    other = SqlStore.open(store_url, "other", store._clock)
    with store.write() as tx:
        image_id = tx.images.add(picture("one", face()))
        tx.images.place("file:///a.jpg", FileStamp(1, 1), image_id)
        face_id = tx.faces.of_images([image_id])[0].id
    with other.read() as tx:
        assert tx.images.find([digest("one")]) == {}
        assert tx.images.get([image_id]) == []
        assert tx.images.by_uri("file:///a.jpg") is None
        assert tx.faces.get([face_id]) == []
        assert len(tx.faces.embeddings(A)[0]) == 0
        assert tx.events.last() == 0
        assert tx.faces.embedding_counts() == {}
    with other.write() as tx:
        assert tx.images.add(picture("one", face())) != image_id
    assert other.check() == []
    other.close()


def test_new_images_and_faces_are_told(store: SqlStore) -> None:
    with store.write() as tx:
        image_id = tx.images.add(picture("one", face(1), face(2, FaceRole.REFUSED)))
        events = tx.events.after(0)
        embedded = tx.faces.select(roles=[FaceRole.FOUNDING])[0]
    assert [event.kind for event in events] == ["image.added", "face.added"]
    assert events[0].payload == {"image_id": image_id}
    assert events[1].payload == {"face_id": embedded.id, "image_id": image_id, "models": [A, B]}


@pytest.mark.parametrize(
    "name", [b"caf\xe9.jpg", b"a 'quoted' \"name\".jpg", b"new\nline.jpg", b"100%.jpg", b"x" * 250 + b".jpg"]
)
def test_any_file_name_is_kept_exactly(store: SqlStore, name: bytes) -> None:
    import os  # noqa: PLC0415

    uri = Path("/album", os.fsdecode(name)).as_uri()
    with store.write() as tx:
        image_id = tx.images.add(picture("one"))
        tx.images.place(uri, FileStamp(1, 1), image_id)
    with store.read() as tx:
        found = tx.images.by_uri(uri)
        assert found is not None
        assert found.uris == (uri,)
        assert tx.images.stamps([uri]) == {uri: FileStamp(1, 1)}


def test_the_longest_path_fits(store: SqlStore) -> None:
    uri = "file:///" + "%E9" * 4096
    with store.write() as tx:
        tx.images.place(uri, FileStamp(1, 1), tx.images.add(picture("one")))
        assert tx.images.stamps([uri])


def test_a_file_with_new_content_moves_to_its_image(store: SqlStore) -> None:
    with store.write() as tx:
        one, two = tx.images.add(picture("one")), tx.images.add(picture("two"))
        tx.images.place("file:///a.jpg", FileStamp(1, 1), one)
        tx.images.place("file:///a.jpg", FileStamp(2, 2), two)
        assert [image.uris for image in tx.images.get([one, two])] == [(), ("file:///a.jpg",)]
        tx.images.place("file:///b.jpg", FileStamp(1, 1), None, Reason.UNREADABLE, "")
        assert [*tx.images.places().values()] == [["file:///a.jpg"]]


def test_refusals_of_files_and_of_images_are_listed_and_counted(store: SqlStore) -> None:
    with store.write() as tx:
        bad = tx.images.add(NewImage(digest("bad"), 3, reason=Reason.TRUNCATED, detail="ends early"))
        tx.images.place("file:///z.jpg", FileStamp(3, 1), bad)
        tx.images.place("file:///y.jpg", FileStamp(0, 1), None, Reason.UNREADABLE, "no \udce9 permission\0")
        tx.images.place("file:///x.jpg", FileStamp(1, 1), tx.images.add(picture("good")))
        assert tx.images.refusals() == [
            ("file:///y.jpg", Reason.UNREADABLE, "no \\udce9 permission\\x00"),
            ("file:///z.jpg", Reason.TRUNCATED, "ends early"),
        ]
        assert tx.images.counts() == {"images": 2, "files": 3, "refused:unreadable": 1, "refused:truncated": 1}
        tx.images.place("file:///y.jpg", FileStamp(0, 2), bad)
        assert [reason for _, reason, _ in tx.images.refusals()] == [Reason.TRUNCATED] * 2


def test_embeddings_are_stacked_by_id(store: SqlStore) -> None:
    with store.write() as tx:
        for i in range(5):
            tx.images.add(picture(str(i), face(i), face(i + 50, FaceRole.REFUSED)))
    with store.read() as tx:
        ids, vectors = tx.faces.embeddings(A)
        some, few = tx.faces.embeddings(A, np.array([ids[3], 10**6, ids[1], ids[3]]))
        none, empty = tx.faces.embeddings(B, np.array([], dtype=np.int64))
        assert tx.faces.embedding_counts() == {A: 5, B: 5}
        unheard = tx.faces.embeddings(ModelId("unheard"))
    assert (ids.dtype, vectors.dtype, vectors.shape) == (np.int64, np.float32, (5, 8))
    assert (np.diff(ids) > 0).all()
    np.testing.assert_array_equal(vectors, [unit(i) for i in range(5)])
    np.testing.assert_array_equal(some, ids[[1, 3]])
    np.testing.assert_array_equal(few, vectors[[1, 3]])
    assert (len(none), empty.shape) == (0, (0, 16))
    assert (len(unheard[0]), unheard[1].shape) == (0, (0, 0))


@pytest.mark.parametrize("bad", [np.zeros(8), np.full(8, np.nan), np.ones(8), np.ones((1, 8)) / 8**0.5, np.ones(0)])
def test_a_vector_that_is_no_unit_vector_is_refused(store: SqlStore, bad: Vector) -> None:
    with store.write() as tx, pytest.raises(InputError):
        tx.images.add(picture("one", face(embeddings={A: bad.astype(np.float32)})))
    with store.write() as tx, pytest.raises(InputError):
        tx.images.add(picture("two", face(role=FaceRole.REFUSED, embeddings={A: unit(1)})))


def test_several_dimensions_under_one_model_are_not_stacked(store: SqlStore) -> None:
    with store.write() as tx:
        tx.images.add(picture("one", face(embeddings={A: unit(1)}), face(embeddings={A: unit(1, 9)})))
    with store.read() as tx, pytest.raises(ModelMismatch):
        tx.faces.embeddings(A)
    assert any("not unit vectors of its dimension" in sentence for sentence in store.check())


def test_missing_embeddings_are_found_and_added(store: SqlStore) -> None:
    with store.write() as tx:
        image_id = tx.images.add(picture("one", face(embeddings={A: unit(1)}), face(role=FaceRole.REFUSED)))
        face_id = tx.faces.of_images([image_id])[0].id
        assert (tx.faces.lacking(A), tx.faces.lacking(B)) == ([], [face_id])
        tx.faces.add_embeddings(B, {face_id: unit(2)})
        assert tx.faces.lacking(B) == []
        event = tx.events.after(0)[-1]
    assert (event.kind, event.payload["face_id"]) == ("face.embedded", face_id)
    with pytest.raises(Conflict), store.write() as tx:
        tx.faces.add_embeddings(B, {face_id: unit(2)})


def test_faces_are_selected_best_first(store: SqlStore) -> None:
    with store.write() as tx:
        image_id = tx.images.add(
            picture("one", face(1, quality=0.2), face(2, FaceRole.SUPPORTING, 0.9), face(3, quality=0.8),
                    face(4, FaceRole.REFUSED, 1.0, reasons=(Reason.BLURRED,)))
        )  # fmt: skip
        poor, small, best, refused = [f.id for f in tx.faces.of_images([image_id])]
        person, cluster = tx.people.add("Ada"), tx.clusters.add(1)[0]
        tx.faces.set_people({small: person, best: person})
        tx.faces.set_clusters({best: cluster, poor: cluster})

        def ids(**how: object) -> list[FaceId]:
            return [found.id for found in tx.faces.select(**how)]  # type: ignore[arg-type]

        assert ids() == [best, poor, small, refused]
        assert ids(limit=1) == [best]
        assert ids(roles=[FaceRole.FOUNDING]) == [best, poor]
        assert ids(person_id=person) == [best, small]
        assert ids(cluster_id=cluster, unknown=True) == [poor]
        assert ids(unknown=True, unclustered=True) == [refused]
        assert tx.faces.counts() == {
            "founding": 2, "supporting": 1, "refused": 1, "named": 2, "clustered": 1, "refused:blurred": 1
        }  # fmt: skip
        face_ids, image_ids, person_ids, cluster_ids, founding = tx.faces.gallery()
        np.testing.assert_array_equal(face_ids, [poor, small, best])
        np.testing.assert_array_equal(image_ids, [image_id] * 3)
        np.testing.assert_array_equal(person_ids, [-1, person, person])
        np.testing.assert_array_equal(cluster_ids, [cluster, -1, cluster])
        np.testing.assert_array_equal(founding, [1, 0, 1])
        people, clusters = tx.faces.identities(np.array([best, 10**6, best, poor]))
        np.testing.assert_array_equal(people, [person, -1, person, -1])
        np.testing.assert_array_equal(clusters, [cluster, -1, cluster, cluster])
        tx.faces.set_people({best: None})
        assert ids(person_id=person) == [small]
        assert [found.id for found in tx.faces.get([best, FaceId(10**6), poor])] == [best, poor]


def test_crops_are_listed_with_a_face(store: SqlStore) -> None:
    with store.write() as tx:
        image_id = tx.images.add(picture("one", face(1, crop=digest("a")), face(2, crop=digest("a")), face(3)))
        first, _, bare = [f.id for f in tx.faces.of_images([image_id])]
        assert tx.faces.crops() == {digest("a"): first}
        tx.faces.set_crop(bare, digest("b"))
        assert tx.faces.crops() == {digest("a"): first, digest("b"): bare}


def test_an_empty_store_answers(store: SqlStore) -> None:
    with store.read() as tx:
        assert [len(column) for column in tx.faces.gallery()] == [0] * 5
        assert tx.images.get([ImageId(1)]) == []
        assert tx.faces.identities(np.array([], dtype=np.int64))[0].shape == (0,)
        assert tx.faces.select() == []
    assert store.check() == []


def test_more_ids_than_a_query_takes(store: SqlStore) -> None:
    with store.write() as tx:
        image_id = tx.images.add(picture("one", face(1)))
        face_id = tx.faces.of_images([image_id])[0].id
        many = np.arange(40_000, dtype=np.int64)
        assert tx.faces.embeddings(A, many)[0].tolist() == [face_id]
        assert tx.images.find([digest(str(i)) for i in range(40_000)] + [digest("one")]) == {digest("one"): image_id}
        assert (tx.faces.identities(many)[0] == -1).all()
