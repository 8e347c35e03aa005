"""What is left of places of the server's machine in answers."""

from __future__ import annotations

import pytest

from personae.web.places import file_name, placeless, without_places


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("the disk of the store /home/ann/.local/share/store.db is full", "the disk of the store store.db is full"),
        ("/srv/photos/a.jpg: no such file", "a.jpg: no such file"),
        ("'/srv/photos' cannot be read", "'photos' cannot be read"),
        ("(/srv/a/b.jpg)", "(b.jpg)"),
        ("file:///srv/photos/a.jpg is gone", "a.jpg is gone"),
        ("https://example.org/people/1/a.jpg answers 404", "https://example.org/people/1/a.jpg answers 404"),
        ("http://127.0.0.1:8000/a/b", "http://127.0.0.1:8000/a/b"),
        ("ask /api/people/1 again", "ask /api/people/1 again"),
        ("PNG and/or JPEG, 3/4", "PNG and/or JPEG, 3/4"),
        ("nothing", "nothing"),
    ],
)  # fmt: skip
def test_folders_are_left_out_of_sentences(said: str, shown: str) -> None:
    assert without_places(said) == shown
    assert placeless({"error": [said, 7, None]}) == {"error": [shown, 7, None]}


def test_of_a_photo_the_name_is_shown() -> None:
    assert file_name("file:///srv/my%20photos/a%20b.jpg") == "a b.jpg"
    assert file_name("https://example.org/a.jpg") == "https://example.org/a.jpg"
    assert file_name("") == ""
