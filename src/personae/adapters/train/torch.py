"""Learns a head by PyTorch; the only module that needs it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import ceil, isfinite

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, normalize, softplus

from personae.errors import InputError
from personae.ports.train import SAMPLED, Epoch, Lesson, Plan, Watch
from personae.types import Ids, Vectors

SCALE = 30.0
"""By which cosines are multiplied under softmax, as is usual for so many components."""
GAIN_PACE = 100.0
"""How much faster than the matrix the weights of the models are learnt: each is one number, not thousands."""
REJECTED_SHARE = 4
"""One in so many faces of a step is a rejection, where there are any."""


def train(
    lesson: Lesson, plan: Plan, state: Mapping[str, Vectors], watch: Watch, device: str = "auto"
) -> Iterator[Epoch]:
    """Learn a head; see `personae.ports.train.Train`.

    The head is the identity at the start, plus a matrix that is learnt; of fused models each has a weight besides.

    Args:
        lesson: labelled faces.
        plan: how.
        state: of a former epoch; empty: from the beginning.
        watch: is told of every step, and may raise to stop.
        device: auto, cpu or cuda.

    Raises:
        InputError: the loss is no number any more, CUDA is asked for and absent, or nobody has two faces.

    Source: Schroff et al. 2015 (triplets, semi-hard); Hermans et al. 2017 (P x K); Wang et al. 2018 (margin softmax).
    """
    # One thread: sums are the same on any number of cores, and these matrices are small.
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        learner = _Learner(lesson, plan, _device(device))
        done = learner.restore(state) if state else 0
        for number in range(done + 1, plan.epochs + 1):
            yield learner.epoch(number, watch)
    finally:
        torch.set_num_threads(threads)


def _device(wanted: str) -> torch.device:
    present = torch.cuda.is_available()
    if wanted == "cuda" and not present:
        raise InputError("device is cuda, and PyTorch finds no CUDA here; set device to auto or cpu")
    return torch.device("cuda" if present and wanted != "cpu" else "cpu")


class _Learner:
    """What is learnt, and what it is learnt from."""

    def __init__(self, lesson: Lesson, plan: Plan, device: torch.device) -> None:
        self.plan, self.device = plan, device
        known = lesson.people >= 0
        self.names, numbers = np.unique(lesson.people[known], return_inverse=True)
        self.labels = np.full(len(known), -1)
        self.labels[known] = numbers.ravel()
        self.known = np.flatnonzero(known)
        self.own = [np.flatnonzero(self.labels == person) for person in range(len(self.names))]
        self.several = np.array([person for person, rows in enumerate(self.own) if len(rows) > 1], np.int64)
        self.rejected = lesson.rejected[:, 0], np.searchsorted(self.names, lesson.rejected[:, 1])
        if plan.loss == "triplet" and len(self.several) < 2:
            raise InputError("triplets need two people with two faces each")
        self.vectors = torch.from_numpy(np.ascontiguousarray(lesson.vectors)).to(device)
        self.sizes = torch.tensor(lesson.blocks, device=device)
        self.steps = ceil(len(self.known) / plan.batch_size)
        self.learnt = self._begin(lesson)
        pace = {"gains": GAIN_PACE}
        self.optimiser = torch.optim.Adam(
            [{"params": [each], "lr": plan.learning_rate * pace.get(name, 1.0)} for name, each in self.learnt.items()]
        )

    def _begin(self, lesson: Lesson) -> dict[str, Tensor]:
        dimension = lesson.vectors.shape[1]
        begun = {"matrix": torch.zeros(dimension, dimension, device=self.device)}
        if len(lesson.blocks) > 1:
            begun["gains"] = torch.zeros(len(lesson.blocks), device=self.device)
        if self.plan.loss == "softmax":
            means = [self.vectors[torch.from_numpy(rows)].mean(0) for rows in self.own]
            begun["centres"] = normalize(torch.stack(means))
        return {name: each.requires_grad_() for name, each in begun.items()}

    # --- an epoch -------------------------------------------------------------------------------

    def epoch(self, number: int, watch: Watch) -> Epoch:
        """Look at every face once more."""
        # Drawn anew from the seed in each epoch, so that going on needs no state of the generator.
        rng = np.random.default_rng([self.plan.seed, number])
        total, wrong, looked = torch.zeros((), device=self.device), 0.0, 0
        for at, rows in enumerate(self._batches(rng)):
            watch((number - 1) * self.steps + at, self.plan.epochs * self.steps)
            loss, missed, count = self._loss(rows, rng)
            self.optimiser.zero_grad()
            loss.backward()
            self.optimiser.step()
            total, wrong, looked = total + loss.detach(), wrong + missed, looked + count
        mean = float(total) / self.steps
        if not isfinite(mean) or not torch.isfinite(self.learnt["matrix"]).all():
            raise InputError(f"the loss is no number any more in epoch {number}: choose a lower learning rate")
        return Epoch(number, mean, wrong / max(1, looked), self._weight(), self._state(number))

    def _batches(self, rng: np.random.Generator) -> Iterator[Ids]:
        if self.plan.loss == "softmax":
            order = rng.permutation(self.known)
            yield from (order[at : at + self.plan.batch_size] for at in range(0, len(order), self.plan.batch_size))
            return
        people = min(self.plan.batch_size // SAMPLED, len(self.several))
        for _ in range(self.steps):
            drawn = rng.choice(self.several, people, replace=False)
            yield np.concatenate([rng.permutation(self.own[person])[:SAMPLED] for person in drawn.tolist()])

    def _loss(self, rows: Ids, rng: np.random.Generator) -> tuple[Tensor, float, int]:
        """Return the loss of a step, how many keep no margin, and of how many."""
        faces = self._head(self.vectors[torch.from_numpy(rows)])
        owners = torch.from_numpy(self.labels[rows]).to(self.device)
        if self.plan.loss == "softmax":
            loss, missed, count = self._softmax(faces, owners)
        else:
            loss, missed, count = self._triplets(faces, owners)
        if len(self.rejected[0]):
            drawn = rng.integers(len(self.rejected[0]), size=max(1, self.plan.batch_size // REJECTED_SHARE))
            loss = loss + self._rejections(drawn, rng)
        return loss, missed, count

    def _softmax(self, faces: Tensor, owners: Tensor) -> tuple[Tensor, float, int]:
        cosines = faces @ normalize(self._spread(self.learnt["centres"])).T
        margins = torch.zeros_like(cosines).scatter_(1, owners[:, None], self.plan.margin)
        logits = SCALE * (cosines - margins)
        missed = (logits.argmax(1) != owners).sum()
        return cross_entropy(logits, owners), float(missed), len(owners)

    def _triplets(self, faces: Tensor, owners: Tensor) -> tuple[Tensor, float, int]:
        """Compare every pair of a person with the nearest negative beyond it, or with the nearest of all."""
        apart = 2 - 2 * faces @ faces.T
        same = owners[:, None] == owners
        anchors, positives = (same & ~torch.eye(len(owners), dtype=torch.bool, device=self.device)).nonzero(
            as_tuple=True
        )
        near, others = apart[anchors, positives], apart[anchors].masked_fill(same[anchors], torch.inf)
        semi_hard = others.masked_fill(others <= near[:, None], torch.inf).min(1).values
        hardest = others.min(1).values
        far = torch.where(semi_hard < near + self.plan.margin, semi_hard, hardest)
        losses = torch.relu(near - far + self.plan.margin)
        missed = (losses > 0).sum()
        return losses.sum() / missed.clamp(min=1), float(missed), len(losses)

    def _rejections(self, drawn: Ids, rng: np.random.Generator) -> Tensor:
        """Keep faces away from the people whom a human said they are not."""
        rows, people = self.rejected[0][drawn], self.rejected[1][drawn]
        faces = self._head(self.vectors[torch.from_numpy(rows)])
        if self.plan.loss == "softmax":
            centres = normalize(self._spread(self.learnt["centres"]))[torch.from_numpy(people)]
            return softplus(SCALE * ((faces * centres).sum(1) - self.plan.margin)).mean() / SCALE
        pairs = np.array([rng.choice(self.own[person], 2) for person in people.tolist()])
        anchors, positives = (self._head(self.vectors[torch.from_numpy(pairs[:, side])]) for side in (0, 1))
        return torch.relu(2 * ((anchors * faces).sum(1) - (anchors * positives).sum(1)) + self.plan.margin).mean()

    # --- what is learnt -------------------------------------------------------------------------

    def _head(self, vectors: Tensor) -> Tensor:
        return normalize(self._spread(vectors) + vectors @ self.learnt["matrix"].T)

    def _spread(self, vectors: Tensor) -> Tensor:
        """Give each model its weight."""
        gains = self.learnt.get("gains")
        return vectors if gains is None else vectors * gains.exp().repeat_interleave(self.sizes)

    def _weight(self) -> Vectors:
        with torch.no_grad():
            whole = self._spread(torch.eye(len(self.learnt["matrix"]), device=self.device)) + self.learnt["matrix"]
            weight: Vectors = whole.cpu().numpy().copy()
        return weight

    def _state(self, number: int) -> dict[str, Vectors]:
        """Return everything that the next epoch depends on."""
        kept = {"epoch": np.array([number], np.float32), "step": np.array([number * self.steps], np.float32)}
        for name, each in self.learnt.items():
            moments = self.optimiser.state[each]
            parts = {"value": each, "mean": moments["exp_avg"], "square": moments["exp_avg_sq"]}
            kept |= {f"{name}.{part}": value.detach().cpu().numpy().copy() for part, value in parts.items()}
        return kept

    def restore(self, state: Mapping[str, Vectors]) -> int:
        """Go on from a state; return the epoch after which it was taken.

        Raises:
            InputError: it is of another lesson or plan.
        """
        for name, each in self.learnt.items():
            parts = [state.get(f"{name}.{part}") for part in ("value", "mean", "square")]
            if "epoch" not in state or any(part is None or part.shape != tuple(each.shape) for part in parts):
                raise InputError("what training should go on from is of another lesson")
            value, mean, square = (torch.from_numpy(part.copy()).to(self.device) for part in parts if part is not None)
            with torch.no_grad():
                each.copy_(value)
            step = torch.tensor(float(state["step"][0]))
            self.optimiser.state[each] = {"step": step, "exp_avg": mean, "exp_avg_sq": square}
        return int(state["epoch"][0])
