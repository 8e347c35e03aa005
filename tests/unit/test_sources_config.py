from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personae.adapters.sources.config import KEYS, LIMITS, TYPES, load_sources
from personae.adapters.sources.factory import open_source
from personae.errors import InputError, PersonaeError
from personae.records import SourceSpec, Trust

PAGE = Path(__file__).parents[2] / "docs" / "sources.md"
KEY = "s3cr3t-k3y-0f-the-operator"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "sources.yaml"


def mistakes(file: Path, text: str) -> list[str]:
    """Return the lines of the error that this text makes."""
    file.write_text(text, "utf-8")
    with pytest.raises(InputError) as caught:
        load_sources(file, environment={})
    return str(caught.value).splitlines()


def test_every_key_is_read(file: Path) -> None:
    file.write_text(
        """\
- name: box
  type: stash_box
  enabled: yes
  trust_level: medium
  endpoint: https://box.example/graphql/
  key_env: BOX_KEY
  purpose: >
    likeness of
    our cast
  legal_basis: contract
  ids: [0123, no, "a b", 0123]
  allow_private: true
  prefer_single_face: off
  limits:
    max_faces: 12
    rate_limit: 0.5

- {name: family, type: folder, endpoint: photos}
""",
        "utf-8",
    )
    box, family = load_sources(file, environment={"BOX_KEY": f"{KEY}\n"})
    assert box == SourceSpec(
        name="box", type="stash_box", enabled=True, trust=Trust.MEDIUM, endpoint="https://box.example/graphql",
        api_key=KEY, purpose="likeness of our cast", legal_basis="contract", ids=("0123", "no", "a b"), max_faces=12,
        rate_limit=0.5, allow_private=True, prefer_single_face=False, line=1,
    )  # fmt: skip
    assert KEY not in repr(box)
    assert family == SourceSpec("family", "folder", endpoint=str(file.parent / "photos"), line=18)


def test_a_typo_is_named_with_its_line_and_what_was_meant(file: Path) -> None:
    said = mistakes(file, "# mine\n- name: a\n  type: folder\n  endpoint: x\n  trust_level: hihg\n")
    assert said == ["sources.yaml, line 5: trust_level is high, medium or low, not hihg (did you mean high?)"]


def test_all_mistakes_are_told_together_in_the_order_of_the_file(file: Path) -> None:
    said = mistakes(
        file,
        """\
- name: a
  type: floder
  enabled: perhaps
- name: a
  type: folder
  endpiont: /photos
  limits: {max_faces: many, rate: 1}
- just text
- name: b/c
  type: immich
  endpoint: ftp://server
""",
    )
    assert [re.sub(r"sources.yaml, line (\d+): ", r"\1 ", line) for line in said] == [
        "2 type is folder, manifest, stash_box, immich or wikidata, not floder (did you mean folder?)",
        "3 enabled is true or false, not perhaps",
        "4 the name a is taken by the source on line 1",
        "4 the source a has no endpoint (folder needs it)",
        "6 there is no key endpiont (did you mean endpoint?)",
        "7 limits has no key rate (did you mean rate_limit?)",
        "7 max_faces is a whole number from 1 to 10,000, not many",
        "8 a source is a group of keys (name: ..., type: ...), not text",
        "9 name is made of letters, digits, and . - _ (at most 64), not 'b/c'",
        "9 this source has no key (immich needs it)",
        "11 endpoint is an address that begins with https:// or http://",
    ]


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("", 1, "not empty"),
        ("# only this\n", 1, "not empty"),
        ("sources:\n  - name: a\n", 1, "not keys with values"),
        ("folder\n", 1, "not text"),
        ("- name: a\n\ttype: folder\n", 2, "a tab"),
        ("- name: a\n  type: [folder\n", 3, ""),
        ("- name: a\n  type: 'folder\n", 3, ""),
        ("- name: a\n--- \n- name: b\n", 2, "second document"),
        ("- &x {name: a}\n- *x\n", 1, "anchors"),
        ("- name: *x\n", 1, "anchors"),
        ("- name: !!python/object/apply:os.system [ls]\n", 1, "tags"),
        ("- name: !secret a\n", 1, "tags"),
        ("- name: !a!b c\n", 1, "tags"),
        ("- name: a\x07\n", 1, "cannot be shown"),
        ("[" * 5000, 1, "so deep"),
        ("- name: a\n  name: b\n", 2, "name is there twice, first on line 1"),
        ("- name: a\n  limits: 5\n", 2, "limits holds max_faces or rate_limit, not a number"),
        ("- name: a\n  limits: {max_faces: 1, max_faces: 2}\n", 2, "max_faces is there twice"),
        ("- name: a\n  max_faces: 5\n", 2, "max_faces belongs under limits"),
        ("- name: a\n  trust: high\n", 2, "did you mean trust_level?"),
        ("- name: a\n  url: b\n", 2, "did you mean endpoint?"),
        ("- name: a\n  ? [1, 2]\n  : c\n", 2, "there is no key ?"),
        ("- name: [a]\n", 1, "name is text, not a list"),
        ("- name:\n", 1, "has no name"),
        ("- name: a\n", 1, "the source a has no type: folder, manifest"),
        ("- name: a\n  ids: {a: b}\n", 2, "an item of ids is text, not keys with values"),
        ("- name: a\n  ids: [a, '']\n", 2, "an item of ids is empty"),
        ("- name: a\n  limits: {max_faces: 0}\n", 2, "from 1 to"),
        ("- name: a\n  limits: {max_faces: 2.5}\n", 2, "not 2.5"),
        ("- name: a\n  limits: {rate_limit: -1}\n", 2, "from 0 to 3600"),
        ("- name: a\n  limits: {rate_limit: .inf}\n", 2, "from 0 to 3600"),
        ("- name: a\n  limits: {rate_limit: '1'}\n", 2, "not 1"),
        ("- name: a\n  enabled: 1\n", 2, "true or false"),
        ("[{name: a, type: folder, endpoint: x}, {name: A, type: folder, endpoint: y}]", 1, "the name A is taken"),
        ('- {name: a, type: folder, endpoint: "x\\0y"}\n', 1, "cannot be shown"),
        ("- {name: a, type: folder, endpoint: 'https://x'}\n", 1, "a path on this machine"),
        ("- {name: a, type: immich, key: k, endpoint: 'https://ann:pw@x'}\n", 1, "user or password"),
        ("- {name: a, type: immich, key: k, endpoint: 'https://x/?key=1'}\n", 1, "leave out"),
        ("- {name: a, type: immich, key: k, endpoint: 'https://[x'}\n", 1, "address"),
        ("- {name: a, type: immich, key: k, key_env: K, endpoint: 'https://x'}\n", 1, "one is enough"),
        ("- {name: a, type: immich, key_env: NOT_SET, endpoint: 'https://x'}\n", 1, "is not set"),
        ("- {name: a, type: folder, endpoint: ~nobody_here/x}\n", 1, "endpoint: "),
    ],
)
def test_what_is_wrong_is_named_with_its_line(file: Path, text: str, line: int, said: str) -> None:
    found = mistakes(file, text)
    assert any(each.startswith(f"sources.yaml, line {line}: ") and said in each for each in found), found


@pytest.mark.parametrize(
    "data", [b"- name: \xff\n", "- name: a\n".encode("utf-16"), b"#" * 2**20 + b"\n"], ids=["latin", "utf-16", "large"]
)
def test_a_file_of_other_bytes(file: Path, data: bytes) -> None:
    file.write_bytes(data)
    with pytest.raises(InputError, match=r"sources\.yaml"):
        load_sources(file)


def test_a_byte_order_mark_is_no_mistake(file: Path) -> None:
    file.write_bytes(b"\xef\xbb\xbf- {name: a, type: folder, endpoint: x}\r\n")
    assert [each.name for each in load_sources(file)] == ["a"]


_PARTS = st.sampled_from(
    ["- ", "\n", "\n  ", ": ", "name", "type", "folder", "endpoint", "limits", "ids", "[", "]", "{", "}", ",", "'", '"',
     "&a ", "*a", "<<", "!", "|\n", "> ", "#", "? ", "---", "\t", "~", "1e999", "0x", "key", "é", "\x00", "%", "@"]
)  # fmt: skip


@given(st.lists(_PARTS | st.text(max_size=3), max_size=30).map("".join))
def test_any_text_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    file = tmp_path_factory.getbasetemp() / "any.yaml"
    file.write_bytes(text.encode("utf-8", "surrogatepass"))
    with suppress(InputError):
        load_sources(file, environment={})


@pytest.mark.parametrize("name", ["missing.yaml", "."])
def test_a_file_that_cannot_be_read(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        load_sources(tmp_path / name)


def test_every_character_of_a_path_and_an_id_counts(file: Path) -> None:
    file.write_text("- {name: a, type: folder, endpoint: 'My  Photos ', ids: ['A  B']}\n")
    (spec,) = load_sources(file)
    assert (Path(spec.endpoint).name, spec.ids) == ("My  Photos", ("A  B",))


def test_an_empty_list_is_no_sources(file: Path) -> None:
    file.write_text("[]\n")
    assert load_sources(file) == []


@pytest.mark.parametrize(
    "entry",
    [
        f"key: [{KEY}]",
        f"key: ü{KEY}",
        f"key: '{KEY} {KEY}'",
        f"key: *{KEY}",
        f"key: !{KEY}",
        f"key: !{KEY}!{KEY}",
        f"key: '{KEY}",
        f'key: "\\q{KEY}"',
        f"key: {KEY}: {KEY}",
        f"key: @{KEY}",
        f"key_env: {KEY}",
        f"key_env: {KEY.replace('-', '_')}",
        f"key_env: {KEY.replace('-', '_')[:9]}.",
        f"key: {KEY}\n  key: {KEY}",
    ],
)
def test_a_key_is_in_no_error(file: Path, entry: str) -> None:
    found = mistakes(file, f"- name: a\n  type: immich\n  endpoint: https://x\n  {entry}\n")
    assert KEY[:9] not in "".join(found)
    assert KEY.replace("-", "_")[:9] not in "".join(found)


def test_a_stash_box_is_off_unless_ids_or_purpose_and_legal_basis_are_stated(file: Path) -> None:
    entry = "- name: box\n  type: stash_box\n  endpoint: https://x/graphql\n  key: k\n"
    file.touch(0o600)
    said = ["sources.yaml, line 1: the source box is off unless you list ids, or state purpose and legal_basis"]
    assert mistakes(file, entry) == said
    assert mistakes(file, f"{entry}  purpose: cast\n") == said
    assert mistakes(file, f"{entry}  ids: []\n  legal_basis: contract\n") == said
    for stated in ("ids: [a]", "purpose: cast\n  legal_basis: contract", "enabled: false"):
        file.write_text(f"{entry}  {stated}\n")
        assert len(load_sources(file)) == 1


def test_the_environment_is_not_asked_for_a_source_that_is_off(file: Path) -> None:
    file.write_text("- {name: a, type: immich, endpoint: 'https://x', key_env: NOT_SET, enabled: false}\n")
    assert load_sources(file, environment={})[0].api_key == ""


def test_a_key_that_others_can_read_is_told(file: Path) -> None:
    file.write_text("- {name: a, type: immich, endpoint: 'https://x', key: k}\n")
    told: list[str] = []
    file.chmod(0o600)
    load_sources(file, told.append)
    assert told == []
    file.chmod(0o644)
    load_sources(file, told.append)
    assert len(told) == 1
    assert "chmod 600" in told[0]
    file.write_text("- {name: a, type: immich, endpoint: 'https://x', key_env: K}\n")
    load_sources(file, told.append, {"K": KEY})
    assert len(told) == 1


def test_a_key_sent_over_http_is_told(file: Path) -> None:
    told: list[str] = []
    file.write_text("- {name: a, type: immich, endpoint: 'http://x', key_env: K}\n")
    load_sources(file, told.append, {"K": KEY})
    assert told == ["sources.yaml, line 1: the key travels unprotected over http: use https"]
    file.write_text("- {name: a, type: immich, endpoint: 'http://x', key_env: K, allow_private: true}\n")
    load_sources(file, told.append, {"K": KEY})
    assert len(told) == 1


def test_each_type_opens_without_being_asked_anything(tmp_path: Path) -> None:
    for name in TYPES:
        spec = SourceSpec(
            "a", name, endpoint="x" if TYPES[name].is_local else "https://x.example", api_key=KEY, ids=("Q42",),
            purpose="ann@example.org", legal_basis="contract",
        )  # fmt: skip
        source = open_source(spec, tmp_path)
        assert source.source_type == name
        source.close()
    with pytest.raises(PersonaeError, match="no type"):
        open_source(replace(SourceSpec("a", "folder"), type="nonsense"))


def test_the_example_in_the_docs_is_right(file: Path) -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    file.write_text(blocks[0], "utf-8")
    file.chmod(0o600)
    told: list[str] = []
    specs = load_sources(file, told.append, {"STASH_KEY": KEY, "IMMICH_KEY": KEY})
    assert {each.type for each in specs} == {*TYPES}
    assert told == []


def test_every_key_and_type_is_in_the_docs() -> None:
    listed = re.findall(r"^\| `([a-z_.]+)` \|", PAGE.read_text("utf-8"), re.MULTILINE)
    assert {*listed} >= {*KEYS, *(f"limits.{each}" for each in LIMITS), *TYPES}


@pytest.mark.parametrize("name", TYPES)
def test_what_a_type_needs_is_in_the_docs(name: str) -> None:
    row = next(line for line in PAGE.read_text("utf-8").splitlines() if line.startswith(f"| `{name}` |"))
    assert set(re.findall(r"`(\w+)`", row.split(" | ")[2])) == {*TYPES[name].needs}
