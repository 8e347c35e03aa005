"""What every index must do, with plain NumPy as the oracle."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from personae.adapters.index.exact import ExactIndex
from personae.core.compare import normalise
from personae.core.search import nearest
from personae.errors import InputError, ModelMismatch
from personae.ports import VectorIndex
from personae.types import ClusterId, FaceId, Filter, ModelId, PersonId
from tests.generate import unit_rows
from tests.indexes import DIMENSION, KINDS, MODEL, SLOW, SLOW_KINDS, let_go, open_index, opened

# The client's local mode commits each face by itself: with a disk that is slow, so are these.
ALL = [pytest.param(kind, marks=pytest.mark.slow) if kind == "qdrant-folder" else kind for kind in KINDS]


@pytest.fixture(params=ALL)
def index(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[VectorIndex]:
    with opened(request.param, tmp_path) as there:
        yield there


def test_it_says_what_it_is(index: VectorIndex) -> None:
    assert (index.model_id, index.dimension, index.cursor, index.damage, len(index)) == (MODEL, DIMENSION, 0, "", 0)


def test_an_empty_index_finds_nothing(index: VectorIndex) -> None:
    ids, scores = index.search(unit_rows(2, DIMENSION), 3)
    assert (ids == -1).all()
    assert (scores == -1).all()
    assert (ids.shape, ids.dtype, scores.shape, scores.dtype) == ((2, 3), np.int64, (2, 3), np.float32)
    assert np.isnan(index.compare(unit_rows(1, DIMENSION)[0], np.array([1, 2]))).all()
    assert index.face_ids().tolist() == []


def test_it_finds_the_nearest_with_their_cosines(index: VectorIndex) -> None:
    rows, queries = unit_rows(300, DIMENSION, 1), unit_rows(5, DIMENSION, 2)
    index.add(np.arange(300) * 3, rows)
    ids, scores = index.search(queries, 7)
    expected = queries @ rows.T
    assert (ids == np.argsort(-expected, axis=1)[:, :7] * 3).all()
    assert np.allclose(scores, -np.sort(-expected, axis=1)[:, :7], atol=1e-6)


def test_asked_for_more_than_there_are_it_fills_up(index: VectorIndex) -> None:
    index.add(np.array([4, 5, 6]), unit_rows(3, DIMENSION))
    index.remove(np.array([5]))
    ids, scores = index.search(unit_rows(1, DIMENSION, 9), 5)
    assert set(ids[0, :2].tolist()) == {4, 6}
    assert ids[0, 2:].tolist() == [-1, -1, -1]
    assert scores[0, 2:].tolist() == [-1, -1, -1]


def test_no_neighbours_wanted(index: VectorIndex) -> None:
    index.add(np.array([1]), unit_rows(1, DIMENSION))
    assert index.search(unit_rows(2, DIMENSION), 0)[0].shape == (2, 0)
    assert index.search(np.empty((0, DIMENSION), np.float32), 3)[0].shape == (0, 3)
    with pytest.raises(InputError):
        index.search(unit_rows(1, DIMENSION), -1)


def test_equal_scores_are_ordered_by_id(index: VectorIndex) -> None:
    index.add(np.array([9, 3, 7]), np.repeat(unit_rows(1, DIMENSION), 3, axis=0))
    assert index.search(unit_rows(1, DIMENSION), 3)[0].tolist() == [[3, 7, 9]]
    assert index.search(unit_rows(1, DIMENSION), 2)[0].tolist() == [[3, 7]]


def test_adding_again_replaces(index: VectorIndex) -> None:
    rows = unit_rows(4, DIMENSION)
    index.add(np.array([1, 2]), rows[:2])
    index.add(np.array([2, 3, 3]), rows[[2, 0, 3]])
    assert (len(index), index.face_ids().tolist()) == (3, [1, 2, 3])
    assert index.compare(rows[2], np.array([2]))[0] == pytest.approx(1, abs=1e-6)
    assert index.compare(rows[3], np.array([3]))[0] == pytest.approx(1, abs=1e-6)


def test_forgotten_faces_are_gone_and_may_come_back(index: VectorIndex) -> None:
    rows = unit_rows(3, DIMENSION)
    index.add(np.array([1, 2, 3]), rows)
    index.remove(np.array([2, 77]))
    index.remove(np.array([2]))
    assert (len(index), FaceId(2) in index, FaceId(1) in index) == (2, False, True)
    assert 2 not in index.search(rows, 3)[0]
    index.add(np.array([2]), rows[:1])
    assert index.search(rows[:1], 2)[0].tolist() == [[1, 2]]
    index.remove(np.array([1, 2, 3]))
    assert len(index) == 0
    assert (index.search(rows, 2)[0] == -1).all()


def test_it_compares_with_the_faces_asked_for_in_that_order(index: VectorIndex) -> None:
    rows = unit_rows(5, DIMENSION)
    index.add(np.arange(10, 15), rows)
    index.remove(np.array([12]))
    scores = index.compare(rows[0], np.array([14, 99, 10, 12, 14]))
    assert np.allclose(scores, [rows[0] @ rows[4], np.nan, 1, np.nan, rows[0] @ rows[4]], atol=1e-6, equal_nan=True)


@pytest.mark.parametrize("bad", [np.nan, np.inf, 0.0, 2.0])
def test_only_unit_vectors_are_taken(index: VectorIndex, bad: float) -> None:
    row = np.zeros((1, DIMENSION), np.float32)
    row[0, 0] = bad
    for call in (
        lambda: index.add(np.array([1]), row),
        lambda: index.search(row, 1),
        lambda: index.compare(row[0], np.array([1])),
    ):
        with pytest.raises(InputError):
            call()
    assert len(index) == 0


def test_another_models_vectors_are_refused(index: VectorIndex) -> None:
    with pytest.raises(ModelMismatch):
        index.add(np.array([1]), unit_rows(1, DIMENSION + 1))
    with pytest.raises(ModelMismatch):
        index.search(unit_rows(1, DIMENSION - 1), 1)
    with pytest.raises(InputError):
        index.add(np.array([1, 2]), unit_rows(1, DIMENSION))
    with pytest.raises(InputError):
        index.add(np.array([-1]), unit_rows(1, DIMENSION))


def test_cleared_it_starts_again(index: VectorIndex) -> None:
    index.add(np.array([1, 2]), unit_rows(2, DIMENSION))
    index.advance(9)
    assert index.cursor == 9
    index.clear()
    assert (len(index), index.cursor, FaceId(1) in index) == (0, 0, False)
    index.add(np.array([1]), unit_rows(1, DIMENSION))
    assert len(index) == 1


def test_arguments_are_left_alone(index: VectorIndex) -> None:
    rows = unit_rows(5, DIMENSION)
    kept, ids = rows.copy(), np.array([5, 3, 1, 2, 4])
    index.add(ids, rows)
    index.add(np.array([3]), rows[:1])
    index.search(rows, 2)
    index.remove(ids[:2])
    assert (rows == kept).all()
    assert ids.tolist() == [5, 3, 1, 2, 4]


def test_it_is_searched_while_it_is_written(index: VectorIndex) -> None:
    rows = unit_rows(400, DIMENSION)
    index.add(np.arange(100), rows[:100])
    wrong: list[str] = []

    def look() -> None:
        for _ in range(100):
            ids, scores = index.search(rows[:3], 1)
            if ids[:, 0].tolist() != [0, 1, 2] or scores.min() < 0.999:
                wrong.append(str((ids, scores)))

    readers = [threading.Thread(target=look) for _ in range(2)]
    for reader in readers:
        reader.start()
    for start in range(100, 400, 10):
        index.add(np.arange(start, start + 10), rows[start : start + 10])
        index.remove(np.arange(start, start + 5))
    for reader in readers:
        reader.join()
    assert not wrong
    assert len(index) == 250


def test_two_writers_lose_nothing(index: VectorIndex) -> None:
    rows = unit_rows(400, DIMENSION)

    def put(first: int) -> None:
        for face in range(first, 400, 2):
            index.add(np.array([face]), rows[face : face + 1])

    writers = [threading.Thread(target=put, args=(first,)) for first in (0, 1)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert index.face_ids().tolist() == list(range(400))
    assert (index.search(rows, 1)[0][:, 0] == np.arange(400)).all()


# --- people and clusters ----------------------------------------------------------------------

PEOPLE, CLUSTERS = np.arange(200) % 7 - 1, np.arange(200) % 5 - 1
FILTERS = {
    "all": Filter(),
    "one person": Filter(people=(PersonId(0),)),
    "several people": Filter(people=(PersonId(1), PersonId(3), PersonId(99))),
    "nobody": Filter(people=()),
    "a person without faces": Filter(people=(PersonId(99),)),
    "one cluster": Filter(clusters=(ClusterId(2),)),
    "no cluster": Filter(clusters=()),
    "unknown": Filter(unknown=True),
    "unknown of a cluster": Filter(clusters=(ClusterId(1), ClusterId(3)), unknown=True),
    "a person in a cluster": Filter(people=(PersonId(4),), clusters=(ClusterId(0),)),
    "unknown and somebody": Filter(people=(PersonId(4),), unknown=True),
}


def fits(where: Filter, person: int, cluster: int) -> bool:
    return (
        (where.people is None or person in where.people)
        and (where.clusters is None or cluster in where.clusters)
        and not (where.unknown and person >= 0)
    )


def assert_filtered(index: VectorIndex, rows: np.ndarray, people: np.ndarray, clusters: np.ndarray) -> None:
    """Compare every filtered search, of face i under the id 3i, with plain NumPy."""
    queries = unit_rows(3, DIMENSION, 2)
    for name, where in FILTERS.items():
        may = np.array([fits(where, *pair) for pair in zip(people, clusters, strict=True)])
        ids, scores = index.search(queries, 9, where)
        for query, found, top in zip(queries, ids, scores, strict=True):
            expected = np.where(may, rows @ query, -2)
            count = min(9, int(may.sum()))
            assert found[:count].tolist() == (np.argsort(-expected)[:count] * 3).tolist(), name
            assert np.allclose(top[:count], -np.sort(-expected)[:count], atol=1e-6), name
            assert (found[count:] == -1).all(), name


def test_a_search_is_confined_to_people_and_clusters(index: VectorIndex) -> None:
    rows = unit_rows(200, DIMENSION, 1)
    index.add(np.arange(200) * 3, rows, PEOPLE, CLUSTERS)
    assert_filtered(index, rows, PEOPLE, CLUSTERS)


def test_labels_are_replaced(index: VectorIndex) -> None:
    rows, ids = unit_rows(200, DIMENSION, 1), np.arange(200) * 3
    index.add(ids, rows)
    assert_filtered(index, rows, np.full(200, -1), np.full(200, -1))
    order = np.random.default_rng(3).permutation(200)
    index.label(ids[order], PEOPLE[order], CLUSTERS[order])
    assert_filtered(index, rows, PEOPLE, CLUSTERS)
    # Ids that are not there change nothing; of an id that comes twice the last counts.
    index.label(np.array([1, 0, 0]), np.array([5, 1, 2]), np.array([5, 1, -1]))
    assert len(index) == 200
    people, clusters = PEOPLE.copy(), CLUSTERS.copy()
    people[0], clusters[0] = 2, -1
    assert_filtered(index, rows, people, clusters)


def test_a_face_that_comes_back_is_nobodys(index: VectorIndex) -> None:
    rows = unit_rows(3, DIMENSION)
    both = Filter(people=(PersonId(5), PersonId(6)))
    index.add(np.array([1, 2, 3]), rows, np.array([5, 5, 6]), np.array([7, -1, -1]))
    assert set(index.search(rows[:1], 3, both)[0][0].tolist()) == {1, 2, 3}
    index.remove(np.array([1]))
    index.label(np.array([1]), np.array([5]), np.array([7]))
    assert set(index.search(rows[:1], 3, both)[0][0].tolist()) == {2, 3, -1}
    index.add(np.array([1, 2]), rows[:2])
    assert index.search(rows[:1], 3, both)[0].tolist() == [[3, -1, -1]]
    index.clear()
    assert (index.search(rows[:1], 3, both)[0] == -1).all()


@pytest.mark.parametrize(("people", "clusters"), [([1], [1, 2]), ([1, 2], [1]), ([1, -2], [1, 1]), ([1, 1], [1, -2])])
def test_labels_that_cannot_be(index: VectorIndex, people: list[int], clusters: list[int]) -> None:
    with pytest.raises(InputError):
        index.label(np.array([1, 2]), np.array(people), np.array(clusters))
    with pytest.raises(InputError):
        index.add(np.array([1, 2]), unit_rows(2, DIMENSION), np.array(people), np.array(clusters))
    assert len(index) == 0


# --- two models together ----------------------------------------------------------------------


@pytest.mark.parametrize("kind", SLOW_KINDS)
def test_the_nearest_under_both_models_are_those_of_the_fused_vectors(kind: str, tmp_path: Path) -> None:
    models = {ModelId("some-model"): unit_rows(500, DIMENSION, 1), ModelId("other"): unit_rows(500, DIMENSION, 2)}
    probe = {model: normalise(rows[5] + 0.1 * rows[9]) for model, rows in models.items()}
    indexes = {model: open_index(kind, tmp_path, model) for model in models}
    for model, rows in models.items():
        indexes[model].add(np.arange(500), rows, np.arange(500) % 5)
    ids, scores = nearest(indexes, probe, 5, depth=500)
    expected = np.mean([rows @ probe[model] for model, rows in models.items()], axis=0)
    assert ids.tolist() == np.argsort(-expected)[:5].tolist()
    assert np.allclose(scores, -np.sort(-expected)[:5], atol=1e-6)
    only = nearest(indexes, probe, 3, where=Filter(people=(PersonId(2),)))[0]
    assert only.tolist() == [face for face in np.argsort(-expected) if face % 5 == 2][:3]
    # A face that one model has not embedded has no fused score.
    indexes[ModelId("other")].remove(np.array([5]))
    assert 5 not in nearest(indexes, probe, 5)[0]
    for each in indexes.values():
        let_go(each)


def test_a_probe_meets_only_its_own_models() -> None:
    index = ExactIndex(MODEL, DIMENSION)
    assert nearest({MODEL: index}, {MODEL: unit_rows(1, DIMENSION)[0]}, 5)[0].tolist() == []
    with pytest.raises(ModelMismatch):
        nearest({MODEL: index}, {ModelId("other"): unit_rows(1, DIMENSION)[0]}, 5)
    with pytest.raises(ModelMismatch):
        nearest({ModelId("other"): index}, {ModelId("other"): unit_rows(1, DIMENSION)[0]}, 5)
    with pytest.raises(InputError):
        nearest({}, {}, 5)


# --- any sequence of calls --------------------------------------------------------------------


class AgainstADictionary(RuleBasedStateMachine):
    """Whatever happens to the index, it holds what a dictionary holds after the same."""

    make: Callable[[], VectorIndex]

    @initialize()
    def start(self) -> None:
        self.index = self.make()
        self.truth: dict[int, np.ndarray] = {}

    def teardown(self) -> None:
        if hasattr(self, "index"):
            let_go(self.index)

    @rule(ids=st.lists(st.integers(0, 12), min_size=1, max_size=6), seed=st.integers(0, 1000))
    def add(self, ids: list[int], seed: int) -> None:
        rows = unit_rows(len(ids), DIMENSION, seed)
        self.index.add(np.array(ids), rows)
        self.truth.update(zip(ids, rows, strict=True))

    @rule(ids=st.lists(st.integers(0, 12), max_size=6))
    def remove(self, ids: list[int]) -> None:
        self.index.remove(np.array(ids, np.int64))
        for face_id in ids:
            self.truth.pop(face_id, None)

    @rule()
    def clear(self) -> None:
        self.index.clear()
        self.truth.clear()

    @rule(k=st.integers(0, 15), seed=st.integers(1001, 2000))
    def search(self, k: int, seed: int) -> None:
        query = unit_rows(1, DIMENSION, seed)
        ids, scores = self.index.search(query, k)
        best = sorted(((-float(row @ query[0]), face_id) for face_id, row in self.truth.items()))[:k]
        assert np.allclose(scores[0, : len(best)], [-score for score, _ in best], atol=1e-5)
        assert set(ids[0, : len(best)].tolist()) <= set(self.truth)
        assert (ids[0, len(best) :] == -1).all()

    @invariant()
    def same_faces(self) -> None:
        assert self.index.face_ids().tolist() == sorted(self.truth)
        assert len(self.index) == len(self.truth)


@pytest.mark.parametrize("kind", SLOW_KINDS)
def test_any_sequence_of_calls(kind: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    class Machine(AgainstADictionary):
        @staticmethod
        def make() -> VectorIndex:
            return open_index(kind, tmp_path_factory.mktemp(kind))

    case = Machine.TestCase
    # What waits for a disk or a server at every step takes seconds for a few.
    examples = 8 if kind in {*SLOW, "pgvector"} else 25
    case.settings = settings(max_examples=examples, stateful_step_count=15, deadline=None)
    case("runTest").runTest()
