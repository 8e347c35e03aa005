from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from personae.adapters.sources import content, local
from personae.adapters.sources.folder import FolderSource
from personae.adapters.sources.local import person_name
from personae.errors import SourceError
from personae.records import ImageRef, SourceSpec
from tests.sources import age, fill, photo

PHOTO = photo(1)


def source_of(folder: Path, ids: tuple[str, ...] = ()) -> FolderSource:
    return FolderSource(SourceSpec("family", "folder", endpoint=str(folder), ids=ids))


def put(path: Path, data: bytes = PHOTO) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def reasons(source: FolderSource) -> set[tuple[str, str]]:
    return {(each.place, each.reason) for each in source.problems}


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("Ann Lee", ("Ann Lee", "")),
        ("Ann Lee (actress, born 1970)", ("Ann Lee", "actress, born 1970")),
        ("Ann_Lee", ("Ann Lee", "")),
        ("Ann_Lee_(actress)", ("Ann Lee", "actress")),
        ("Ann (B) Lee", ("Ann (B) Lee", "")),
        ("(B)", ("(B)", "")),
        ("Ann ()", ("Ann ()", "")),
        ("a_b c", ("a_b c", "")),
        ("<b>Ann</b> & [red]Co[/red]", ("<b>Ann</b> & [red]Co[/red]", "")),
        ("Ann\n Lee\x1b[31m", ("Ann Lee[31m", "")),
        ("Zoe\u0308", ("Zoë", "")),
        ("J\udcfcrgen", ("J\ufffdrgen", "")),
    ],
)
def test_a_name_comes_from_the_folder(folder: str, name: tuple[str, str]) -> None:
    assert person_name(folder) == name


def test_photos_lie_at_any_depth_and_are_known_by_their_content(tmp_path: Path) -> None:
    put(tmp_path / "Ann" / "a.jpg")
    put(tmp_path / "Ann" / "2019" / "on stage" / "b.PNG")
    put(tmp_path / "Ann" / "no suffix")
    put(tmp_path / "Ann" / "page.jpg", b"<html>")
    put(tmp_path / "Ann" / "notes.txt", b"hello")
    source = source_of(tmp_path)
    (ann,) = source.people()
    refs = {ref.id: ref for ref in ann.images}
    assert list(refs) == ["Ann/2019/on stage/b.PNG", "Ann/a.jpg", "Ann/no suffix", "Ann/page.jpg"]
    assert source.image(refs["Ann/no suffix"]) == PHOTO
    with pytest.raises(SourceError) as caught:
        source.image(refs["Ann/page.jpg"])
    assert caught.value.reason == "not_an_image"


def test_hidden_and_machine_made_things_are_left_out(tmp_path: Path) -> None:
    for place in (".hidden/a.jpg", "Ann/.b.jpg", "Ann/.c/d.jpg", "lost+found/e.jpg", "Ann/@eaDir/f.jpg"):
        put(tmp_path / place)
    put(tmp_path / "loose.jpg")
    put(tmp_path / "readme.txt")
    source = source_of(tmp_path)
    assert [(each.name, each.images) for each in source.people()] == [("Ann", ())]
    assert reasons(source) == {("loose.jpg", "no_person")}


def test_links_are_not_followed(tmp_path: Path) -> None:
    outside = put(tmp_path / "outside" / "x.jpg").parent
    people = tmp_path / "people"
    put(people / "Ann" / "a.jpg")
    (people / "Bob").symlink_to(outside)
    (people / "Ann" / "b.jpg").symlink_to(outside / "x.jpg")
    (people / "Ann" / "c").symlink_to(outside)
    (people / "Ann" / "loop").symlink_to(people)
    source = source_of(people)
    assert [[ref.id for ref in each.images] for each in source.people()] == [["Ann/a.jpg"]]
    assert reasons(source) == {(place, "link") for place in ("Bob", "Ann/b.jpg", "Ann/c", "Ann/loop")}
    assert source.person("Bob") is None


def test_the_folder_itself_may_be_a_link(tmp_path: Path) -> None:
    fill(tmp_path / "real")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    source = source_of(tmp_path / "link")
    assert all(source.image(ref) for each in source.people() for ref in each.images)


@pytest.mark.parametrize(
    "place", ["../secret.jpg", "Ann/../../secret.jpg", "Ann/link.jpg", "Ann/linked/secret.jpg", ""]
)
def test_nothing_outside_the_folder_is_read(tmp_path: Path, place: str) -> None:
    put(tmp_path / "secret.jpg")
    people = tmp_path / "people"
    put(people / "Ann" / "a.jpg")
    (people / "Ann" / "link.jpg").symlink_to(tmp_path / "secret.jpg")
    (people / "Ann" / "linked").symlink_to(tmp_path)
    with pytest.raises(SourceError) as caught:
        source_of(people).image(ImageRef("x", f"{people.as_uri()}/{place}"))
    assert caught.value.reason == "outside_folder"


@pytest.mark.parametrize("external_id", ["..", ".", "", "../people/Ann", "Ann/", "Ann/2019", "/", "\x00", ".hidden"])
def test_an_id_is_no_path(tmp_path: Path, external_id: str) -> None:
    put(tmp_path / "people" / "Ann" / "2019" / "a.jpg")
    put(tmp_path / "people" / ".hidden" / "a.jpg")
    assert source_of(tmp_path / "people").person(external_id) is None


@pytest.mark.skipif(os.name == "nt", reason="names are Unicode there")
def test_a_name_that_is_no_utf_8(tmp_path: Path) -> None:
    put(Path(os.fsdecode(os.fsencode(tmp_path) + b"/J\xfcrgen/\xff.jpg")))
    source = source_of(tmp_path)
    age(tmp_path)
    (person,) = source.people()
    assert (person.external_id, person.name) == ("J\\xfcrgen", "J\ufffdrgen")
    assert [ref.id for ref in person.images] == ["J\\xfcrgen/\\xff.jpg"]
    assert source.image(person.images[0]) == PHOTO
    assert source.person("J\\xfcrgen") == person


def test_folders_alike_but_for_capitals_are_two_people_and_told(tmp_path: Path) -> None:
    for name in ("Ann", "ann"):
        (tmp_path / name).mkdir()
    if len(list(tmp_path.iterdir())) == 1:
        pytest.skip("this file system knows no capitals")
    source = source_of(tmp_path)
    assert [each.external_id for each in source.people()] == ["Ann", "ann"]
    assert reasons(source) == {("ann", "look_alike")}
    list(source.people())
    assert len(source.problems) == 1


def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    put(tmp_path / "Ann" / "a.jpg")
    os.mkfifo(tmp_path / "Ann" / "b.jpg")
    source = source_of(tmp_path)
    (ann,) = source.people()
    assert [ref.id for ref in ann.images] == ["Ann/a.jpg"]
    for place in ("Ann/b.jpg", "Ann"):
        with pytest.raises(SourceError) as caught:
            source.image(ImageRef("x", (tmp_path / place).as_uri()))
        assert caught.value.reason == "not_a_file"


@pytest.mark.parametrize(
    ("data", "reason"),
    [(b"", "not_an_image"), (b"<svg xmlns='x'/>", "not_an_image"), (b"GIF89a", "not_an_image"), (None, "gone")],
)
def test_what_is_no_photo_is_refused(tmp_path: Path, data: bytes | None, reason: str) -> None:
    place = put(tmp_path / "Ann" / "a.jpg", data or b"")
    if data is None:
        place.unlink()
    with pytest.raises(SourceError) as caught:
        source_of(tmp_path).image(ImageRef("x", place.as_uri()))
    assert caught.value.reason == reason


def test_a_photo_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    place = put(tmp_path / "Ann" / "a.jpg")
    os.truncate(place, content.MAX_IMAGE_BYTES + 1)
    with pytest.raises(SourceError) as caught:
        source_of(tmp_path).image(ImageRef("x", place.as_uri()))
    assert caught.value.reason == "too_large"


@pytest.mark.parametrize("place", ["missing", "a.jpg"])
def test_a_folder_that_is_not_there(tmp_path: Path, place: str) -> None:
    put(tmp_path / "a.jpg")
    source = source_of(tmp_path / place)
    for ask in (lambda: list(source.people()), lambda: source.page(1, 5), lambda: source.person("x")):
        with pytest.raises(SourceError) as caught:
            ask()
        assert caught.value.reason == "unreachable"


def test_only_those_listed(tmp_path: Path) -> None:
    source = source_of(fill(tmp_path), ids=("Eve", "Nobody", "Dan"))
    assert [each.external_id for each in source.people()] == ["Dan", "Eve"]
    assert source.page(1, 10).total == 2
    assert source.person("Ann Lee") is None
    assert reasons(source) == {("Nobody", "no_such_person")}


def test_a_walk_continues_behind_a_folder_that_is_gone(tmp_path: Path) -> None:
    source = source_of(fill(tmp_path))
    assert [each.external_id for each in source.people(after="Cz")] == ["Dan", "Eve"]


def test_pages_keep_the_order_of_the_first_one(tmp_path: Path) -> None:
    source = source_of(fill(tmp_path))
    first = source.page(1, 2)
    (tmp_path / "Aaron").mkdir()
    assert source.page(2, 2).people[0].external_id == "Carla_Díaz"
    assert source.page(1, 2) != first


def test_changes_are_told_by_time(tmp_path: Path) -> None:
    source = source_of(fill(tmp_path))
    old = datetime.now(UTC) - timedelta(days=10)
    for place in [*tmp_path.rglob("*"), tmp_path]:
        os.utime(place, (old.timestamp(), old.timestamp()))
    since = (old + timedelta(days=1)).isoformat()
    assert list(source.changed_since(since)) == []
    put(tmp_path / "Ann Lee" / "new.jpg")
    os.utime(tmp_path / "Eve" / "0.jpg")
    (tmp_path / "Bob Ray (actor)" / "0.jpg").unlink()
    assert [each.name for each in source.changed_since(since)] == ["Ann Lee", "Bob Ray", "Eve"]
    assert [each.name for each in source.changed_since(since.removesuffix("+00:00"))] == ["Ann Lee", "Bob Ray", "Eve"]
    with pytest.raises(SourceError):
        list(source.changed_since("yesterday"))


def test_what_changes_behind_the_walk_is_found_by_the_next_one(tmp_path: Path) -> None:
    source = source_of(fill(tmp_path))
    age(tmp_path)
    later = (datetime.now(UTC) + timedelta(days=400)).timestamp()
    os.utime(tmp_path / "Eve" / "0.jpg", (later, later))
    walk = source.people()
    marks = [next(walk).updated]
    put(tmp_path / "Ann Lee" / "late.jpg")
    put(tmp_path / "Dan" / "later.jpg")
    marks += [each.updated for each in walk]
    assert [each.name for each in source.changed_since(max(marks))] == ["Ann Lee", "Dan", "Eve"]


@pytest.mark.parametrize(("number", "size"), [(0, 1), (1, 0), (-1, 5)])
def test_there_is_no_such_page(tmp_path: Path, number: int, size: int) -> None:
    with pytest.raises(SourceError):
        source_of(fill(tmp_path)).page(number, size)


def test_an_unreadable_place_is_told_and_the_rest_is_used(tmp_path: Path) -> None:
    put(tmp_path / "Ann" / "closed" / "a.jpg")
    put(tmp_path / "Ann" / "b.jpg")
    (tmp_path / "Ann" / "closed").chmod(0)
    if os.access(tmp_path / "Ann" / "closed", os.R_OK):
        pytest.skip("this user may read everything")
    source = source_of(tmp_path)
    assert [len(each.images) for each in source.people()] == [1]
    assert reasons(source) == {("Ann/closed", "unreadable")}


def test_a_time_before_1970(tmp_path: Path) -> None:
    assert local.instant(-1_500_000_000).isoformat() == "1969-12-31T23:59:58.500000+00:00"
