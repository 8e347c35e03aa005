"""Parts of the server that need none: errors, pages, names of this machine, kinds of files."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personae import errors
from personae.errors import BackendError, InputError, NotFound, PersonaeError, Unauthenticated
from personae.web.door import is_this_machine
from personae.web.errors import MEANINGS, answer, sentence
from personae.web.paging import Page, Paging, cursor, read_cursor
from personae.web.uploads import is_video

WITH_REASON = (errors.ImageError, errors.SourceError)
KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, PersonaeError)]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_error_has_its_answer(kind: type[PersonaeError]) -> None:
    error = kind("reason", "said") if issubclass(kind, WITH_REASON) else kind("said")
    response = answer(error)
    assert response.status_code == kind.http_status
    assert json.loads(response.body) == {"error": kind.__name__, "detail": "said"}
    assert kind.http_status in MEANINGS


def test_who_is_refused_is_told_how_to_ask_again() -> None:
    assert answer(Unauthenticated("x")).headers["www-authenticate"] == "Bearer"
    assert "retry-after" in answer(BackendError("x")).headers
    assert "retry-after" not in answer(NotFound("x")).headers


def test_a_validation_is_one_sentence_without_the_value() -> None:
    found = [{"loc": ("body", "name"), "msg": "too long", "input": "secret"}, {"loc": ("query", "limit"), "msg": "no"}]
    assert sentence(found) == "body.name: too long; query.limit: no"


# --- pages ------------------------------------------------------------------------------------


@given(
    st.lists(st.integers(-(2**62), 2**62) | st.floats(allow_nan=False, allow_infinity=False) | st.text(), max_size=4)
)
def test_a_cursor_comes_back(parts: list[int | float | str]) -> None:
    assert read_cursor(cursor(*parts), *map(type, parts)) == tuple(parts)


@given(st.text(max_size=50))
def test_what_is_no_cursor_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="cursor"):
        read_cursor(text, int, int, int)


@pytest.mark.parametrize("parts", [[], ["1"], [True], [1, 2], [2**70], {"0": 1}, None, [1.0]])
def test_a_cursor_of_another_list_is_refused(parts: object) -> None:
    text = base64.urlsafe_b64encode(json.dumps(parts).encode()).decode()
    with pytest.raises(InputError, match="cursor"):
        read_cursor(text, int)


def test_pages_follow_each_other_to_the_end() -> None:
    rows, seen, after = list(range(1, 8)), [], None
    for _ in range(10):
        paging = Paging(3, after)
        start = paging.start(int)
        rest = [row for row in rows if start is None or row > start[0]]
        page: Page[int] = paging.page(rest[: paging.limit + 1], lambda row: (row,), lambda row: row * 10)
        seen += page.items
        after = page.next
        if after is None:
            break
    assert seen == [row * 10 for row in rows]


def test_a_full_last_page_names_no_next_one() -> None:
    assert Paging(3, None).page([1, 2, 3], lambda row: (row,), str).next is None


# --- names of this machine --------------------------------------------------------------------


@pytest.mark.parametrize("name", ["localhost", "LOCALHOST", "localhost.", "127.0.0.1", "127.9.9.9", "::1"])
def test_names_of_this_machine(name: str) -> None:
    assert is_this_machine(name)


@pytest.mark.parametrize("name", [None, "", "0.0.0.0", "::", "192.168.0.1", "localhost.evil.test", "127.0.0.1.x", "1"])  # noqa: S104
def test_names_of_others(name: str | None) -> None:
    assert not is_this_machine(name)


# --- kinds of files ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "head", [b"\0\0\0\x20ftypisom", b"\0\0\0\x14ftypqt  ", b"\x1a\x45\xdf\xa3xx", b"RIFF\0\0\0\0AVI LIST", b"FLV\x01"]
)
def test_videos_are_told_by_their_content(head: bytes) -> None:
    assert is_video(head)


@pytest.mark.parametrize(
    "head", [b"", b"\0\0\0\x20ftypheic", b"\0\0\0\x20ftypavif", b"\xff\xd8\xff", b"RIFF\0\0\0\0WEBP"]
)
def test_pictures_are_no_videos(head: bytes) -> None:
    assert not is_video(head)
