"""What people look like: every rule, and labels that are wrong."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from personae.core import vetting
from personae.core.compare import fuse_vectors, normalise
from personae.core.likeness import BestMean, Centroid, Likeness, Prototypes
from personae.errors import InputError, ModelMismatch
from personae.types import Labels, Vectors
from tests.generate import faces, unit_rows

APART = 0.34
RULES: dict[str, Callable[[], Likeness]] = {
    "centroid": Centroid,
    "prototypes": lambda: Prototypes(APART),
    "best mean": BestMean,
}
every_rule = pytest.mark.parametrize("make", RULES.values(), ids=RULES)


def people_of(sizes: list[int], seed: int = 0) -> tuple[Vectors, Labels]:
    """Faces sorted by person, so that a test knows who stands where."""
    vectors, labels = faces(sizes, dimension=128, seed=seed)
    order = np.argsort(labels, kind="stable")
    return vectors[order], labels[order]


# --- one interface ----------------------------------------------------------------------------


@every_rule
def test_people_their_support_and_scores(make: Callable[[], Likeness]) -> None:
    vectors, labels = faces([5, 1, 3], dimension=128)
    rule = make().fit(vectors, labels * 10)
    assert rule.people_.tolist() == [0, 10, 20]
    assert rule.support_.tolist() == [5, 1, 3]
    assert not rule.contradictions_
    scores = rule.scores(vectors)
    assert scores.shape == (9, 3)
    assert scores.dtype == np.float32
    assert (scores.argmax(axis=1) == labels).all()


@every_rule
def test_nobody_and_nothing(make: Callable[[], Likeness]) -> None:
    rows = unit_rows(3, 8)
    nobody = make().fit(rows[:0], np.empty(0, np.int64))
    assert nobody.people_.shape == (0,)
    assert nobody.scores(rows).shape == (3, 0)
    assert make().fit(rows, np.array([1, 1, 2])).scores(rows[:0]).shape == (0, 2)


@every_rule
def test_what_cannot_be_compared_is_refused(make: Callable[[], Likeness]) -> None:
    rows, people = unit_rows(3, 8), np.array([1, 1, 2])
    for bad in (np.nan, np.inf, 0.0):
        broken = rows.copy()
        broken[1] = bad
        with pytest.raises(InputError):
            make().fit(broken, people)
    with pytest.raises(InputError):
        make().fit(rows, people[:2])
    with pytest.raises(InputError):
        make().fit(rows, people, people[:2])
    with pytest.raises(InputError):
        make().fit(rows[0], people)
    with pytest.raises(ModelMismatch):
        make().fit(rows, people).scores(unit_rows(2, 9))


@every_rule
def test_two_models_are_fused(make: Callable[[], Likeness]) -> None:
    first, labels = people_of([4, 4])
    second, _ = people_of([4, 4], seed=1)
    rule = make().fit(fuse_vectors([first, second]), labels)
    assert (rule.scores(fuse_vectors([first, second])).argmax(axis=1) == labels).all()
    with pytest.raises(ModelMismatch):
        rule.scores(first)


@every_rule
@settings(deadline=None)
@given(seed=st.integers(0, 10_000))
def test_the_order_of_the_labelled_faces_has_no_influence(make: Callable[[], Likeness], seed: int) -> None:
    rng = np.random.default_rng(seed)
    vectors, labels = faces(rng.integers(1, 6, 6).tolist(), dimension=32, seed=seed)
    labels[rng.integers(0, len(labels), 2)] = rng.integers(0, 6, 2)
    probes = unit_rows(4, 32, seed)
    order = rng.permutation(len(labels))
    ids = np.arange(len(labels)) + 50
    one, other = make().fit(vectors, labels, ids), make().fit(vectors[order], labels[order], ids[order])
    assert one.people_.tolist() == other.people_.tolist()
    assert one.support_.tolist() == other.support_.tolist()
    assert one.contradictions_ == other.contradictions_
    assert np.allclose(one.scores(probes), other.scores(probes), atol=1e-6)


@every_rule
def test_the_arguments_stay_as_they_are(make: Callable[[], Likeness]) -> None:
    vectors, labels = faces([4, 2], dimension=16)
    before = vectors.copy(), labels.copy()
    make().fit(vectors, labels).scores(vectors)
    assert (vectors == before[0]).all()
    assert (labels == before[1]).all()


def test_parameters_out_of_range() -> None:
    with pytest.raises(InputError):
        Prototypes(1.5)
    with pytest.raises(InputError):
        BestMean(0)


# --- centroid and mean of the best ------------------------------------------------------------


def test_the_mean_face_of_each_person() -> None:
    vectors, labels = faces([3, 1, 4])
    scores = Centroid().fit(vectors, labels).scores(vectors)
    for person in range(3):
        mean = vectors[labels == person].sum(axis=0)
        assert np.allclose(scores[:, person], vectors @ mean / np.linalg.norm(mean), atol=1e-6)


def test_faces_that_cancel_out_have_no_mean() -> None:
    row = unit_rows(1, 8)
    people = np.array([1, 1, 2])
    rule = Centroid().fit(np.concatenate([row, -row, unit_rows(1, 8, 1)]), people)
    assert rule.people_.tolist() == [2]
    assert rule.scores(row).shape == (1, 1)
    assert not len(Centroid().fit(np.concatenate([row, -row]), people[:2]).people_)
    for apart in (APART, -1):
        assert Prototypes(apart).fit(np.concatenate([row, -row]), people[:2]).scores(row) == pytest.approx(1)


@given(st.integers(0, 1000), st.integers(1, 5))
def test_the_mean_of_the_best_scores_is_exact(seed: int, best: int) -> None:
    vectors, labels = faces([1, 7, 3, 3, 2], dimension=16, seed=seed)
    probes = unit_rows(5, 16, seed)
    scores = BestMean(best).fit(vectors, labels).scores(probes)
    for person in range(5):
        each = np.sort(probes @ vectors[labels == person].T, axis=1)[:, ::-1][:, :best]
        assert np.allclose(scores[:, person], each.mean(axis=1), atol=1e-6)


# --- labels that are wrong --------------------------------------------------------------------


def test_wrong_labels_are_set_aside_and_named() -> None:
    vectors, truth = people_of([10] * 8)
    labels = truth.copy()
    labels[[3, 44]] = 5, 0
    stranger = unit_rows(1, 128, 9)
    vectors, labels = np.concatenate([vectors, stranger]), np.append(labels, 2)
    ids = np.arange(len(labels)) + 1000
    rule = Prototypes(APART).fit(vectors, labels, ids)
    found = {each.person_id: each for each in rule.contradictions_}
    assert {person: each.face_ids for person, each in found.items()} == {5: (1003,), 0: (1044,), 2: (1080,)}
    assert (found[5].resembles, found[0].resembles) == (0, 4)
    assert found[5].score < APART
    assert not any(each.kept for each in found.values())
    assert rule.support_.tolist() == [9, 10, 10, 10, 9, 10, 10, 10]
    clean = labels == np.append(truth, -1)
    assert np.allclose(rule.scores(vectors), Prototypes(APART).fit(vectors[clean], labels[clean]).scores(vectors))


def test_a_wrong_label_beside_a_single_right_one() -> None:
    vectors, labels = people_of([5, 1])
    wrong = np.append(labels[1:], 1)
    rows = np.concatenate([vectors[1:], vectors[:1]])
    rule = Prototypes(APART).fit(rows, wrong)
    assert [(each.person_id, each.face_ids, each.resembles, each.kept) for each in rule.contradictions_] == [
        (1, (5,), 0, False)
    ]
    assert rule.scores(vectors[-1:])[0, 1] == pytest.approx(1)
    assert rule.scores(vectors[:1]).argmax() == 0


def test_one_wrong_label_does_not_bring_down_the_person_whom_it_shows() -> None:
    vectors, labels = people_of([4, 4])
    labels[0] = 7
    stranger = unit_rows(1, 128, 9)
    rule = Prototypes(APART).fit(np.concatenate([vectors, stranger]), np.append(labels, 0))
    assert rule.support_.tolist() == [3, 4, 1]
    assert [(each.person_id, each.face_ids) for each in rule.contradictions_] == [(0, (8,))]


def test_a_hard_photo_of_the_right_person_counts() -> None:
    vectors, labels = people_of([8, 8])
    mean = vectors[:8].sum(axis=0) / np.linalg.norm(vectors[:8].sum(axis=0))
    away = unit_rows(1, 128, 3)[0]
    away = normalise(away - (away @ mean) * mean)
    hard = normalise(0.3 * mean + np.sqrt(1 - 0.09) * away)[None]
    rule = Prototypes(APART).fit(np.concatenate([vectors, hard]), np.append(labels, 0))
    assert rule.support_.tolist() == [9, 8]
    assert not rule.contradictions_


def test_two_people_under_one_name_are_both_found() -> None:
    vectors, truth = people_of([5, 5, 5])
    labels = np.where(truth == 1, 0, truth)
    rule = Prototypes(APART).fit(vectors, labels)
    (one,) = rule.contradictions_
    assert (one.person_id, one.kept, one.resembles) == (0, True, None)
    assert one.face_ids in {tuple(range(5)), tuple(range(5, 10))}
    assert rule.support_.tolist() == [10, 5]
    own = rule.scores(vectors)[:10, 0]
    apart = [Prototypes(APART).fit(vectors[part], truth[part]).scores(vectors[part])[:, 0] for part in
             (slice(0, 5), slice(5, 10))]  # fmt: skip
    assert np.allclose(own, np.concatenate(apart), atol=1e-6)


def test_duplicate_photos_have_one_vote() -> None:
    vectors, _ = people_of([3])
    noise = 0.01 * unit_rows(50, 128, 4)
    copies = normalise(vectors[:1] + noise)
    rule = Prototypes(APART).fit(np.concatenate([vectors, copies]), np.zeros(53, np.int64))
    assert np.allclose(rule.scores(vectors), Prototypes(APART).fit(vectors, np.zeros(3, np.int64)).scores(vectors), atol=5e-3)  # fmt: skip  # noqa: E501
    # The plain mean leans towards what was copied.
    plain = Centroid().fit(np.concatenate([vectors, copies]), np.zeros(53, np.int64)).scores(vectors)[:, 0]
    assert plain[0] > 0.95 > plain[1:].max() + 0.1


def test_copies_of_a_wrong_label_do_not_outvote_the_right_ones() -> None:
    vectors, labels = people_of([4, 4])
    copies = np.repeat(unit_rows(1, 128, 8), 20, axis=0)
    rule = Prototypes(APART).fit(np.concatenate([vectors, copies]), np.append(labels, np.zeros(20, np.int64)))
    assert [(each.person_id, len(each.face_ids), each.kept) for each in rule.contradictions_] == [(0, 20, False)]
    assert rule.support_.tolist() == [4, 4]


def test_all_faces_the_same() -> None:
    rows = np.repeat(unit_rows(1, 16), 9, axis=0)
    rule = Prototypes(APART).fit(rows, np.repeat([1, 2, 3], 3))
    assert np.allclose(rule.scores(rows), 1)
    assert not rule.contradictions_


def test_people_of_very_many_faces() -> None:
    n = vetting.LARGEST + 600
    vectors, truth = people_of([n, 40, n // 2 + 400])
    rule = Prototypes(APART).fit(vectors, np.where(truth == 2, 0, truth))
    (one,) = rule.contradictions_
    assert one.kept
    assert len(one.face_ids) == n // 2 + 400
    assert (rule.scores(vectors).argmax(axis=1) == np.where(truth == 1, 1, 0)).all()


def test_a_name_that_was_given_to_everybody() -> None:
    everybody, somebody = unit_rows(1500, 128), unit_rows(1, 128, 7)
    rule = Prototypes(APART).fit(np.concatenate([everybody, somebody]), np.append(np.zeros(1500, np.int64), 1))
    assert len(rule.contradictions_) > 500
    assert {each.person_id for each in rule.contradictions_} == {0}
    assert rule.scores(somebody).argmax() == 1


def test_two_percent_of_the_labels_are_wrong() -> None:
    rng = np.random.default_rng(5)
    vectors, truth = people_of(rng.integers(2, 20, 120).tolist(), seed=5)
    labelled = rng.random(len(truth)) < 0.5
    labels = truth.copy()
    wrong = labelled & (rng.random(len(truth)) < 0.02)
    labels[wrong] = rng.integers(0, 120, int(wrong.sum()))
    wrong = labelled & (labels != truth)
    rule = Prototypes(APART).fit(vectors[labelled], labels[labelled], np.flatnonzero(labelled))
    gone = {face for each in rule.contradictions_ if not each.kept for face in each.face_ids}
    named = {face for each in rule.contradictions_ for face in each.face_ids}
    assert gone <= set(np.flatnonzero(wrong).tolist())
    assert len(named & set(np.flatnonzero(wrong).tolist())) >= 0.8 * wrong.sum()
