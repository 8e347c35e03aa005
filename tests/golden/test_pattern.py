"""The drawing on which models are checked must stay as it is: every known number in models.toml depends on it."""

from __future__ import annotations

import numpy as np
import pytest

from personae.adapters.vision.golden import pattern


@pytest.mark.parametrize(
    ("place", "colour"),
    [((8, 8), (68, 104, 220)), ((49, 39), (40, 60, 90)), ((82, 56), (168, 38, 60)), ((60, 56), (188, 112, 84))],
    ids=["background", "eye", "mouth", "nose"],
)
def test_the_drawing_is_the_known_one(place: tuple[int, int], colour: tuple[int, int, int]) -> None:
    assert pattern(112)[place].astype(int) == pytest.approx(np.array(colour), abs=1)


@pytest.mark.parametrize("side", [112, 160, 192])
def test_it_is_the_same_drawing_at_every_size(side: int) -> None:
    assert pattern(side).mean(axis=(0, 1)) == pytest.approx(pattern(112).mean(axis=(0, 1)), abs=1)
