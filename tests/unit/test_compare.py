from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from personae.core.compare import (
    cosine,
    cosines,
    fuse_scores,
    fuse_vectors,
    normalise,
    require_unit,
)
from personae.errors import InputError, ModelMismatch
from tests.generate import unit_rows

ROWS = arrays(np.float64, (4, 5), elements=st.floats(-1e6, 1e6)).filter(lambda rows: (np.abs(rows).max(1) > 0).all())


@given(ROWS)
def test_rows_get_length_one_and_keep_their_direction(rows: np.ndarray) -> None:
    before = rows.copy()
    unit = normalise(rows)
    assert unit.dtype == np.float32
    assert np.allclose(np.linalg.norm(unit, axis=1), 1, atol=1e-6)
    scaled = rows / np.abs(rows).max(1, keepdims=True)
    assert np.allclose(np.einsum("ij,ij->i", unit, scaled), np.linalg.norm(scaled, axis=1), rtol=1e-5)
    assert (rows == before).all()


def test_a_single_vector_and_no_rows() -> None:
    assert normalise([3, 4]).tolist() == pytest.approx([0.6, 0.8])
    assert normalise(np.empty((0, 8))).shape == (0, 8)


def test_tiny_and_huge_rows_neither_vanish_nor_overflow() -> None:
    assert normalise([[3e-200, 4e-200], [3e200, 4e200]]).tolist() == pytest.approx(np.array([[0.6, 0.8]] * 2))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 0.0])
def test_rows_without_direction_are_refused(bad: float) -> None:
    with pytest.raises(InputError):
        normalise([[1.0, 2.0], [bad, 0.0]])


def test_only_unit_rows_of_the_dimension_pass() -> None:
    rows = unit_rows(3, 8)
    assert (require_unit(rows, 8) == rows).all()
    for bad in (rows * 1.1, rows * np.nan, rows * 0):
        with pytest.raises(InputError):
            require_unit(bad, 8)
    for shape in (rows[:, :7], rows[0]):
        with pytest.raises(ModelMismatch):
            require_unit(shape, 8)


def test_cosines_are_those_of_each_pair() -> None:
    first, second = unit_rows(3, 8, 1), unit_rows(4, 8, 2)
    table = cosines(first, second)
    assert table.shape == (3, 4)
    assert table[1, 2] == pytest.approx(cosine(first[1], second[2]), abs=1e-6)
    assert cosines(first, first).max() <= 1.0


@given(st.integers(0, 2**32 - 1), st.integers(1, 3))
def test_the_mean_of_the_models_is_the_cosine_of_the_fused_vectors(seed: int, models: int) -> None:
    per_model = [unit_rows(2, 8 * (place + 1), seed + place) for place in range(models)]
    fused = fuse_vectors(per_model)
    scores = {str(place): cosine(rows[0], rows[1]) for place, rows in enumerate(per_model)}
    assert cosine(fused[0], fused[1]) == pytest.approx(fuse_scores(scores), abs=1e-5)
    assert np.allclose(np.linalg.norm(fused, axis=1), 1, atol=1e-5)


def test_nothing_and_unequal_things_are_not_fused() -> None:
    with pytest.raises(InputError):
        fuse_scores({})
    with pytest.raises(InputError):
        fuse_vectors([])
    with pytest.raises(InputError):
        fuse_vectors([unit_rows(2, 4), unit_rows(3, 4)])


def test_embeddings_of_different_dimensions_never_meet() -> None:
    with pytest.raises(ModelMismatch):
        cosine(np.ones(3, np.float32), np.ones(4, np.float32))
