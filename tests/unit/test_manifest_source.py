from __future__ import annotations

import csv
import hashlib
import io
import json
import os
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personae.adapters.sources import manifest_rows
from personae.adapters.sources.manifest import ManifestSource
from personae.errors import SourceError
from personae.records import ImageRef, SourceSpec
from tests.sources import age, photo

PHOTO = photo(1)
DIGEST = hashlib.sha256(PHOTO).hexdigest()


class Elsewhere:
    """Answers with a photo, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.closed = 0

    def get_image(self, url: str) -> bytes:
        self.asked.append(url)
        return PHOTO

    def close(self) -> None:
        self.closed += 1


def source_of(folder: Path, text: str | bytes, name: str = "list.csv", **more: object) -> ManifestSource:
    (folder / "a.jpg").write_bytes(PHOTO)
    (folder / name).write_bytes(text.encode() if isinstance(text, str) else text)
    client = more.pop("client", None)
    spec = SourceSpec("archive", "manifest", endpoint=str(folder / name), **more)  # type: ignore[arg-type]
    return ManifestSource(spec, client, lambda: datetime(2030, 6, 1, 12, tzinfo=UTC))  # type: ignore[arg-type]


def told(source: ManifestSource) -> list[tuple[str, str]]:
    return [(each.place, each.reason) for each in source.problems]


def reason(source: ManifestSource, ref: ImageRef) -> str:
    with pytest.raises(SourceError) as caught:
        source.image(ref)
    return caught.value.reason


def test_every_column_is_read(tmp_path: Path) -> None:
    source = source_of(
        tmp_path,
        "id,name,disambiguation,aliases,image,sha256,licence,purpose,expiry\n"
        ' 7 ,"<b>Ann</b> & ""Co""",actress,A. Lee|Annie||annie| Ann ,./a.jpg,'
        f"{DIGEST.upper()},CC BY 4.0,credits,2030-06-01\n"
        "7,,,Ann Lee|A. Lee,sub/b.jpg,,,,\n",
    )
    (ann,) = source.people()
    assert (ann.external_id, ann.name, ann.disambiguation) == ("7", '<b>Ann</b> & "Co"', "actress")
    assert ann.aliases == ("A. Lee", "Annie", "Ann", "Ann Lee")
    first, second = ann.images
    assert first == ImageRef(
        "7/a.jpg", (tmp_path / "a.jpg").as_uri(), sha256=DIGEST, licence="CC BY 4.0", purpose="credits",
        expires=date(2030, 6, 1),
    )  # fmt: skip
    assert second.id == "7/sub/b.jpg"
    assert source.image(first) == PHOTO
    assert reason(source, second) == "gone"
    assert source.problems == ()


def test_json_lines_say_the_same(tmp_path: Path) -> None:
    rows = [
        {"id": 7, "name": "Ann", "aliases": ["A. Lee", "Annie"], "image": "a.jpg", "sha256": DIGEST, "expiry": None},
        {"id": "7", "name": "ann", "aliases": "Annie|Ann Lee"},
        {"id": "8", "name": "Bob\n Ray"},
    ]
    text = "\ufeff" + "\r\n\r\n".join(map(json.dumps, rows))
    source = source_of(tmp_path, text, "list.jsonl")
    ann, bob = source.people()
    assert (ann.name, ann.aliases, len(ann.images)) == ("Ann", ("A. Lee", "Annie", "Ann Lee"), 1)
    assert (bob.name, bob.images) == ("Bob Ray", ())
    assert source.problems == ()


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_other_delimiters_and_a_byte_order_mark(tmp_path: Path, delimiter: str) -> None:
    text = "\ufeffID,Name,image\r\n7,Ann,a.jpg\r\n".replace(",", delimiter)
    (ann,) = source_of(tmp_path, text).people()
    assert (ann.name, len(ann.images)) == ("Ann", 1)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (",Bob,,", "it has no id"),
        ("8,Bob", "2 cells"),
        ("8,Bob,,,", "5 cells"),
        ("8,Bob,/etc/x.jpg,", "leads out"),
        ("8,Bob,../x.jpg,", "leads out"),
        ("8,Bob,a/../../x.jpg,", "leads out"),
        ("8,Bob,..\\x.jpg,", "leads out"),
        ("8,Bob,C:\\x.jpg,", "leads out"),
        ("8,Bob,a\x00.jpg,", "no path has"),
        ("8,Bob,ftp://x/y.jpg,", "neither a path"),
        ("8,Bob,file:///etc/x.jpg,", "neither a path"),
        ("8,Bob,https://ann:pw@x/y.jpg,", "password"),
        ("8,Bob,https://[x/y.jpg,", "no URL"),
        ("8,Bob,https://x:99999/y.jpg,", "no URL"),
        ("8,Bob,https:///y.jpg,", "no URL"),
        ("8,Bob,,tomorrow", "expiry is no day"),
        ('8,"Bob"x,,', "no CSV"),
        ('8,"Bob,,', "no CSV"),
        ("8,B\udcffb,,", "UTF-8"),
        ("7,Somebody,,", "7 is Ann on line 2, but Somebody here"),
    ],
)
def test_a_bad_row_is_told_and_the_others_are_used(tmp_path: Path, row: str, said: str) -> None:
    text = f"id,name,image,expiry\n7,Ann,a.jpg,\n{row}\n9,Eve,,\n"
    source = source_of(tmp_path, text.encode("utf-8", "surrogateescape"))
    assert [each.name for each in source.people()] == ["Ann", "Eve"]
    (problem,) = source.problems
    assert (problem.place, problem.reason) == ("line 3", "bad_row")
    assert said in problem.detail


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ('{"id": "8", "name": "Bob"', "no JSON"),
        ('["8", "Bob"]', "no JSON object"),
        ("[" * 100_000, "no JSON"),
        ('{"id": true, "name": "Bob"}', "id is not text"),
        ('{"id": "8", "name": ["Bob"]}', "name is not text"),
        ('{"id": "8", "name": "B\\ud800b"}', "UTF-8"),
        ('{"id": "8", "name": "Bob", "aliases": [1]}', "aliases is neither"),
        ('{"id": "8", "name": "Bob", "expires": "2031-01-01"}', "did you mean expiry?"),
        ('{"id": "8", "name": "Bob", "license": "MIT"}', "did you mean licence?"),
        ('{"id": "8", "name": "Bob", "sha256": "abc"}', "64 digits"),
        ('{"id": ' + "9" * 5000 + "}", "no JSON"),
    ],
)
def test_a_bad_line_is_told_and_the_others_are_used(tmp_path: Path, row: str, said: str) -> None:
    source = source_of(tmp_path, f'{{"id": "7", "name": "Ann"}}\n{row}\n{{"id": "9", "name": "Eve"}}', "list.jsonl")
    assert [each.name for each in source.people()] == ["Ann", "Eve"]
    (problem,) = source.problems
    assert (problem.place, problem.reason) == ("line 2", "bad_row")
    assert said in problem.detail


def test_lines_are_counted_through_quoted_ones(tmp_path: Path) -> None:
    source = source_of(tmp_path, 'id,name\n7,"Ann\nLee"\n\n,x\n8,"Bob\n9,Eve\n10,Dan\n')
    assert [each.name for each in source.people()] == ["Ann Lee", "Eve", "Dan"]
    assert told(source) == [("line 5", "bad_row"), ("line 6", "bad_row")]
    age(tmp_path)
    assert source.person("10") == [*source.people()][-1]


@pytest.mark.parametrize(
    "header",
    [
        "", "\n", "name,image", "id,image", "id,name,id", "id,name,expires", "id,name,license", 'id,"name"x', "id",
        b"\xff\xfei\x00d\x00", b"\x00\x01\xff",
    ],
)  # fmt: skip
def test_a_header_that_is_none(tmp_path: Path, header: str | bytes) -> None:
    source = source_of(tmp_path, header)
    with pytest.raises(SourceError) as caught:
        list(source.people())
    assert caught.value.reason == "bad_header"


def test_an_unknown_column_is_told_and_not_used(tmp_path: Path) -> None:
    source = source_of(tmp_path, "id,name,shoe size\n7,Ann,38\n8,Bob,44\n")
    assert len([*source.people()]) == 2
    assert told(source) == [("column shoe size", "unknown_column")]


def test_a_person_without_a_name_is_told(tmp_path: Path) -> None:
    source = source_of(tmp_path, "id,name\n7,\n7,\n8,\n8,Bob\n")
    assert [each.name for each in source.people()] == ["Bob"]
    assert told(source) == [("line 2", "no_name")]
    assert source.page(1, 5).total == 1


def test_a_photo_with_another_hash_is_refused(tmp_path: Path) -> None:
    source = source_of(tmp_path, f"id,name,image,sha256\n7,Ann,a.jpg,{DIGEST}\n")
    (ann,) = source.people()
    (tmp_path / "a.jpg").write_bytes(photo(2))
    assert reason(source, ann.images[0]) == "wrong_hash"


def test_a_photo_is_refused_from_the_day_after_its_last(tmp_path: Path) -> None:
    source = source_of(tmp_path, "id,name,image,expiry\n7,Ann,a.jpg,2030-06-01\n8,Bob,a.jpg,2030-05-31\n")
    ann, bob = source.people()
    assert source.image(ann.images[0]) == PHOTO
    assert reason(source, bob.images[0]) == "expired"
    assert ann.images[0].id != bob.images[0].id


@pytest.mark.parametrize(("hour", "zone", "allowed"), [(23, 0, True), (24, 0, False), (27, 4, True), (22, -2, False)])
def test_the_last_day_of_a_photo_is_whole_and_utc(hour: int, zone: int, allowed: bool) -> None:
    moment = datetime(2030, 6, 1, tzinfo=timezone(timedelta(hours=zone))) + timedelta(hours=hour)
    assert ImageRef("1", "", expires=date(2030, 6, 1)).usable(moment) is allowed
    assert ImageRef("1", "").usable(moment)


def test_a_key_in_an_address_is_no_part_of_the_photos_id(tmp_path: Path) -> None:
    url = "https://x.example/y.jpg?id=3&X-Amz-Signature="
    before, after = (
        source_of(tmp_path, f"id,name,image\n7,Ann,{url}{key}\n").page(1, 1).people[0].images[0]
        for key in ("s3cret", "0ther")
    )
    assert before.id == after.id == f"7/{url}***"
    assert (before.url, after.url) == (f"{url}s3cret", f"{url}0ther")


def test_photos_elsewhere_are_fetched_by_the_client(tmp_path: Path) -> None:
    client = Elsewhere()
    url = "https://x.example/y.jpg?key=s3cret"
    text = f"id,name,image,sha256\n7,Ann,{url},{DIGEST}\n8,Bob,{url},{'0' * 64}\n"
    source = source_of(tmp_path, text, client=client)
    ann, bob = source.people()
    assert source.image(ann.images[0]) == PHOTO
    with pytest.raises(SourceError) as caught:
        source.image(bob.images[0])
    assert caught.value.reason == "wrong_hash"
    assert "s3cret" not in str(caught.value)
    assert client.asked == [url, url]
    source.close()
    assert client.closed == 1
    assert reason(source_of(tmp_path, text), ann.images[0]) == "no_client"


def test_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret.jpg").write_bytes(PHOTO)
    place = tmp_path / "m"
    place.mkdir()
    (place / "b.jpg").symlink_to(tmp_path / "secret.jpg")
    source = source_of(place, "id,name,image\n7,Ann,b.jpg\n")
    (ann,) = source.people()
    assert reason(source, ann.images[0]) == "outside_folder"


def test_ten_thousand_aliases(tmp_path: Path) -> None:
    aliases = [f"alias number {number} of Ann" for number in range(10_000)]
    text = f"id,name,aliases\n7,Ann,{'|'.join(aliases * 2)}\n7,Ann,{'|'.join(aliases)}\n"
    (ann,) = source_of(tmp_path, text).people()
    assert ann.aliases == tuple(aliases)


def test_the_same_photo_twice_is_one_and_told_when_it_says_otherwise(tmp_path: Path) -> None:
    source = source_of(tmp_path, "id,name,image,licence\n7,Ann,a.jpg,A\n7,Ann,./a.jpg,A\n7,Ann,a.jpg,B\n")
    (ann,) = source.people()
    assert [ref.licence for ref in ann.images] == ["A"]
    assert told(source) == [("7/a.jpg", "image_twice")]


def test_ids_with_slashes_keep_photos_apart(tmp_path: Path) -> None:
    people = source_of(tmp_path, "id,name,image\nx/a,Ann,b.jpg\nx,Bob,a/b.jpg\n").people()
    assert [each.images[0].id for each in people] == ["x%2Fa/b.jpg", "x/a/b.jpg"]


def test_only_those_listed(tmp_path: Path) -> None:
    source = source_of(tmp_path, "id,name\n7,Ann\n8,Bob\n9,Eve\n", ids=("9", "7", "5"))
    assert [each.external_id for each in source.people()] == ["7", "9"]
    assert source.page(1, 10).total == 2
    assert source.person("8") is None
    assert told(source) == [("5", "no_such_person")]


def test_a_new_state_of_the_file_is_read_anew(tmp_path: Path) -> None:
    source = source_of(tmp_path, "id,name\n7,Ann\n,\n,x\n")
    assert len([*source.people()]) == 1
    assert len(source.problems) == 1
    (tmp_path / "list.csv").write_text("id,name\n8,Bob\n7,Ann\n")
    assert [each.name for each in source.people()] == ["Bob", "Ann"]
    assert source.problems == ()
    assert [each.name for each in source.people(after="gone")] == ["Bob", "Ann"]


def test_a_file_that_changes_under_a_walk_is_told(tmp_path: Path) -> None:
    source = source_of(tmp_path, "id,name\n7,Ann\n8,Bob\n")
    walk = source.people()
    next(walk)
    (tmp_path / "list.csv").write_text("id,name\n1,Somebody else\n2,And another\n")
    source.page(1, 5)
    (tmp_path / "list.csv").write_text("id,name\n")
    with pytest.raises(SourceError) as caught:
        source.page(2, 1)
    assert caught.value.reason == "changed"


def test_changes_are_told_by_time(tmp_path: Path) -> None:
    source = source_of(tmp_path, "id,name,image\n7,Ann,a.jpg\n8,Bob,https://x.example/y.jpg\n")
    old = datetime.now(UTC) - timedelta(days=10)
    for name in ("a.jpg", "list.csv"):
        os.utime(tmp_path / name, (old.timestamp(), old.timestamp()))
    since = (old + timedelta(days=1)).isoformat()
    assert list(source.changed_since(since)) == []
    os.utime(tmp_path / "a.jpg")
    assert [each.name for each in source.changed_since(since)] == ["Ann"]
    hour_ago = (datetime.now(UTC) - timedelta(hours=1)).timestamp()
    os.utime(tmp_path / "a.jpg", (hour_ago, hour_ago))
    os.utime(tmp_path / "list.csv", (hour_ago, hour_ago))
    assert [each.name for each in source.changed_since(since)] == ["Ann", "Bob"]
    mark = max(each.updated for each in source.people())
    assert list(source.changed_since(mark)) == []


@pytest.mark.parametrize("name", ["missing.csv", "."])
def test_a_manifest_that_is_not_there(tmp_path: Path, name: str) -> None:
    source = ManifestSource(SourceSpec("archive", "manifest", endpoint=str(tmp_path / name)))
    with pytest.raises(SourceError) as caught:
        list(source.people())
    assert caught.value.reason == "unreachable"


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "list.csv")
    source = ManifestSource(SourceSpec("archive", "manifest", endpoint=str(tmp_path / "list.csv")))
    with pytest.raises(SourceError):
        source.page(1, 5)


@pytest.mark.parametrize("name", ["list.csv", "list.jsonl"])
def test_a_row_without_end_costs_that_row_alone(tmp_path: Path, name: str) -> None:
    first, last = ("7,Ann", "9,Eve") if name == "list.csv" else ('{"id":"7","name":"Ann"}', '{"id":"9","name":"Eve"}')
    header = "id,name\n" if name == "list.csv" else ""
    source = source_of(tmp_path, f"{header}{first}\n{'x' * 3 * manifest_rows.MAX_ROW}\n{last}\n", name)
    assert [each.name for each in source.people()] == ["Ann", "Eve"]
    assert told(source) == [(f"line {3 if header else 2}", "bad_row")]


def test_many_bad_rows_are_counted(tmp_path: Path) -> None:
    source = source_of(tmp_path, "id,name\n" + ",x\n" * 1500)
    assert list(source.people()) == []
    assert len(source.problems) == 1001
    assert source.problems[-1].detail == "500 more"


_PARTS = st.sampled_from(
    ["id,name,image\n", "7,Ann,\n", '{"id":"7","name":"Ann"}\n', "a.jpg", "/", "..", "%00", "https://", "8,", "Bob",
     ",", "\n", "\r\n", "\r", '"', '""', "|", "{", "}", "[", "null", "\x00", "é", "\ufeff", "\t", ";", "\udcff"]
)  # fmt: skip


@given(
    st.lists(_PARTS | st.text(max_size=3), max_size=30).map("".join), st.sampled_from(["any.csv", "any.jsonl", "any"])
)
def test_any_file_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, text: str, name: str) -> None:
    folder = tmp_path_factory.getbasetemp()
    source = source_of(folder, b"id,name,image\n" + text.encode("utf-8", "surrogateescape"), name)
    everybody = [*source.people()]
    assert [source.person(each.external_id) for each in everybody] == everybody
    assert source.page(1, 1000).people == (*everybody,)
    for each in everybody:
        f"{each}".encode()
        for ref in each.images:
            with suppress(SourceError):
                source.image(ref)


@given(st.lists(st.text(alphabet='ab",\n;|é', max_size=8), max_size=8))
def test_what_is_written_is_read(tmp_path_factory: pytest.TempPathFactory, names: list[str]) -> None:
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerows([("id", "name"), *((f"{number}", f"n{name}") for number, name in enumerate(names))])
    source = source_of(tmp_path_factory.getbasetemp(), file.getvalue(), "written.csv")
    assert [each.name for each in source.people()] == [" ".join(f"n{name}".split()) for name in names]
    assert source.problems == ()
