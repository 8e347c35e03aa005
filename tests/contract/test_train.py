"""Learning a head: what is learnt, that it is the same for a seed, and what is refused. Needs PyTorch."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from personae.core.compare import normalise
from personae.core.head import make_head
from personae.core.pairs import pair_scores
from personae.errors import Cancelled, InputError
from personae.ports import Epoch, Lesson, Plan
from personae.types import Vectors
from tests.generate import faces

pytest.importorskip("torch", reason="PyTorch is not installed: pip install 'personae[train]'")

from personae.adapters.train.torch import train

NONE = np.empty((0, 2), np.int64)
LOSSES = ["softmax", "triplet"]


def lesson(people: int = 12, rejected: object = NONE, blocks: tuple[int, ...] = (32,)) -> Lesson:
    vectors, labels = faces([6] * people, dimension=sum(blocks), spread=0.75)
    return Lesson(vectors, labels, np.asarray(rejected, np.int64), blocks)


def learn(given: Lesson, plan: Plan, state: Mapping[str, Vectors] | None = None) -> list[Epoch]:
    return list(train(given, plan, state or {}, lambda _done, _total: None, "cpu"))


@pytest.mark.parametrize("loss", LOSSES)
def test_the_loss_falls_and_the_people_part(loss: str) -> None:
    given = lesson()
    epochs = learn(given, Plan(loss, epochs=8, learning_rate=3e-3))
    assert [each.number for each in epochs] == list(range(1, 9))
    assert epochs[-1].loss < epochs[0].loss
    assert 0 <= epochs[-1].wrong <= 1
    after = make_head("m", epochs[-1].weight).apply(given.vectors, "m")
    gaps = [pairs.mated.mean() - pairs.nonmated.mean()
            for pairs in (pair_scores(rows, given.people) for rows in (given.vectors, after))]  # fmt: skip
    assert gaps[1] > gaps[0]


@pytest.mark.parametrize("loss", LOSSES)
def test_a_seed_gives_the_same_numbers(loss: str) -> None:
    first, second, other = (learn(lesson(), Plan(loss, epochs=2, seed=seed))[-1] for seed in (1, 1, 2))
    assert np.array_equal(first.weight, second.weight)
    assert first.loss == second.loss
    assert not np.array_equal(first.weight, other.weight)


@pytest.mark.parametrize("loss", LOSSES)
def test_it_goes_on_as_if_it_had_not_been_stopped(loss: str) -> None:
    given, plan = lesson(blocks=(16, 16)), Plan(loss, epochs=4)
    whole = learn(given, plan)
    rest = learn(given, plan, whole[1].state)
    assert [each.number for each in rest] == [3, 4]
    assert np.array_equal(rest[-1].weight, whole[-1].weight)
    assert learn(given, plan, whole[-1].state) == []


def test_it_begins_with_the_identity() -> None:
    epoch = learn(lesson(), Plan(epochs=1, learning_rate=1e-9))[0]
    assert np.allclose(epoch.weight, np.eye(32), atol=1e-6)


def test_the_better_of_two_models_is_given_more_weight() -> None:
    good, people = faces([8] * 30, dimension=32, spread=0.5)
    bad = normalise(np.random.default_rng(5).standard_normal(good.shape))
    both = normalise(np.concatenate([bad, good], axis=1))
    weight = learn(Lesson(both, people, NONE, (32, 32)), Plan(epochs=10, learning_rate=1e-3))[-1].weight
    assert np.diag(weight)[32:].mean() > 1.2 * np.diag(weight)[:32].mean()


@pytest.mark.parametrize("loss", LOSSES)
def test_a_rejected_face_moves_away(loss: str) -> None:
    vectors, people = faces([6] * 12, dimension=32, spread=0.6)
    mean = normalise(vectors[people == 0].mean(axis=0))
    alike = normalise(mean + 0.5 * normalise(np.random.default_rng(3).standard_normal(32)))
    rows, labels = np.concatenate([vectors, alike[None]]), np.append(people, -1)
    scores = []
    for rejected in (NONE, np.array([[len(vectors), 0]])):
        weight = learn(Lesson(rows, labels, rejected, (32,)), Plan(loss, epochs=10, learning_rate=1e-3))[-1].weight
        after = make_head("m", weight).apply(rows, "m")
        scores.append(float(after[-1] @ normalise(after[:-1][people == 0].mean(axis=0))))
    assert scores[1] < scores[0]


def test_a_loss_that_is_no_number_is_told() -> None:
    given = lesson()
    broken = {name: np.full_like(array, np.nan) if name == "matrix.value" else array
              for name, array in learn(given, Plan(epochs=1))[0].state.items()}  # fmt: skip
    with pytest.raises(InputError, match="no number any more in epoch 2"):
        learn(given, Plan(epochs=2), broken)


def test_a_state_of_another_lesson_is_refused() -> None:
    state = learn(lesson(), Plan(epochs=1))[0].state
    with pytest.raises(InputError, match="another lesson"):
        learn(lesson(people=9), Plan(epochs=2), state)
    with pytest.raises(InputError, match="another lesson"):
        learn(lesson(), Plan(epochs=2), {"epoch": np.ones(1, np.float32)})


def test_it_stops_within_an_epoch() -> None:
    seen: list[tuple[int, int]] = []

    def watch(done: int, total: int) -> None:
        seen.append((done, total))
        if done == 4:
            raise Cancelled("stop")

    with pytest.raises(Cancelled):
        list(train(lesson(), Plan(epochs=3), {}, watch, "cpu"))
    assert seen == [(at, 9) for at in range(5)]


def test_triplets_need_pairs() -> None:
    vectors, people = faces([1] * 12, dimension=32)
    with pytest.raises(InputError, match="two people with two faces"):
        learn(Lesson(vectors, people, NONE, (32,)), Plan("triplet", epochs=1))


@pytest.mark.parametrize(
    "wrong",
    [{"loss": "hope"}, {"margin": -0.1}, {"epochs": 0}, {"batch_size": 7}, {"learning_rate": 0.0},
     {"learning_rate": float("nan")}, {"seed": -1}],
)  # fmt: skip
def test_a_plan_that_cannot_be_followed_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(InputError):
        Plan(**wrong)  # type: ignore[arg-type]


def test_a_lesson_is_whole() -> None:
    vectors, people = faces([3] * 3, dimension=8)
    for labels, rejected, blocks in (
        (people[:-1], NONE, (8,)), (people, NONE, (4,)), (people, np.array([[9, 0]]), (8,)),
        (people, np.array([[0, 7]]), (8,)), (np.zeros_like(people), NONE, (8,)),
    ):  # fmt: skip
        with pytest.raises(InputError):
            Lesson(vectors, labels, rejected, blocks)
