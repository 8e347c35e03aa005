from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from personae.core import metrics
from personae.core.evaluation import BINS, measure
from personae.core.likeness import Prototypes
from personae.core.pairs import pair_scores
from personae.core.search_metrics import fnir_at_fpir, search, split
from personae.types import Thresholds
from tests.generate import faces

LIMITS = Thresholds(verify=0.28, review=0.34, match=0.7, cluster=0.45)


def test_every_figure_is_that_of_its_metric() -> None:
    vectors, people = faces([8] * 40 + [1] * 350, dimension=64, spread=0.75)
    found = measure("model", vectors, people, np.ones(len(people), bool), LIMITS)
    pairs, searches = pair_scores(vectors, people), search(vectors, people, split(people), Prototypes(LIMITS.review))
    assert (found.mated_pairs, found.nonmated_pairs) == (40 * 28, len(pairs.nonmated))
    assert [at.name for at in found.at_thresholds] == ["verify", "review", "match"]
    assert found.at_thresholds[0].fmr == metrics.fmr(pairs.nonmated, 0.28)
    assert found.at_thresholds[2].fnmr == metrics.fnmr(pairs.mated, 0.7)
    assert [rate.tar for rate in found.at_fars] == [metrics.tar_at_far(pairs.mated, pairs.nonmated, far)
                                                    for far in (1e-3, 1e-4)]  # fmt: skip
    assert (found.enrolled_people, found.enrolled_photos) == (40, 160)
    assert (found.mated_searches, found.nonmated_searches) == (160, 350)
    for rate in found.at_fpirs:
        assert rate.fnir == fnir_at_fpir(searches, rate.fpir)
        assert rate.low is not None
        assert rate.high is not None
        assert rate.low <= rate.fnir <= rate.high
    assert found.grouped.bcubed.f > 0.5
    assert found.plots.searches.x[-1] == 1
    assert list(found.plots.comparisons.y) == sorted(found.plots.comparisons.y, reverse=True)


@settings(max_examples=25)
@given(st.lists(st.integers(1, 4), min_size=1, max_size=8), st.integers(0, 1000))
def test_few_faces_never_invent_a_figure(sizes: list[int], seed: int) -> None:
    vectors, people = faces(sizes, seed=seed)
    found = measure("model", vectors, people, np.ones(len(people), bool), LIMITS)
    for rate in (*found.at_fars, *found.at_fpirs):
        number = rate.tar if hasattr(rate, "tar") else rate.fnir
        assert number is None
        assert rate.why
    for shares, count in ((found.plots.mated, found.mated_pairs), (found.plots.nonmated, found.nonmated_pairs)):
        assert len(shares) == BINS
        assert sum(shares) == pytest.approx(1 if count else 0)
    placed = found.mated_searches + found.nonmated_searches + found.enrolled_photos
    assert placed == (len(people) if max(sizes) > 1 else 0)
