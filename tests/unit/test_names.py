from __future__ import annotations

import pytest

from personae.engine.review import clean_name
from personae.errors import InputError


@pytest.mark.parametrize(
    "name", ["Ann", "Ann O'Neill", "[red]x[/red]", "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645", "Zoë 2"]
)
def test_a_name_stays_as_it_is(name: str) -> None:
    assert clean_name(name) == name


def test_white_space_is_tidied() -> None:
    assert clean_name("  Ann \n  B. ") == "Ann B."


@pytest.mark.parametrize("name", ["", " \t", "a\x00b", "a\x1b[31m", "\udcff", "x" * 301])
def test_what_cannot_be_a_name(name: str) -> None:
    with pytest.raises(InputError):
        clean_name(name)


@pytest.mark.parametrize("name", ["42", "#1", "unknown_cluster_3", "unknown_noise_12"])
def test_a_name_is_not_a_reference(name: str) -> None:
    with pytest.raises(InputError, match="choose another"):
        clean_name(name)
