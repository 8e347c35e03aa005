"""The docs say what the code does: commands, settings, errors, links, records."""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path

import pytest
import typer.main
from typer.core import TyperCommand, TyperGroup

from personae import errors
from personae.cli.main import app
from personae.settings import Settings, describe
from personae.types import Reason

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])
RECORDS = sorted((DOCS / "adr").glob("*.md"))
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]


def commands(group: TyperGroup, prefix: str = "") -> dict[str, TyperCommand]:
    """Return every command by its full name."""
    found: dict[str, TyperCommand] = {}
    for name, command in group.commands.items():
        full = f"{prefix}{name}"
        if not isinstance(command, TyperGroup) or command.invoke_without_command:
            found[full] = command  # type: ignore[assignment]
        if isinstance(command, TyperGroup):
            found |= commands(command, f"{full} ")
    return found


ROOT_COMMAND = typer.main.get_command(app)
COMMANDS = commands(ROOT_COMMAND)  # type: ignore[arg-type]


def sections(page: Path) -> dict[str, str]:
    """Return the text under each second-level heading."""
    parts = re.split(r"^## (.+)$", page.read_text("utf-8"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def rows(text: str) -> list[list[str]]:
    """Return the cells of every table row that begins with code."""
    return [
        [cell.strip() for cell in line.strip("|").split(" | ")] for line in text.splitlines() if line.startswith("| `")
    ]


def test_every_command_has_its_section_and_no_other_has() -> None:
    assert list(sections(DOCS / "commands.md")) == list(COMMANDS) or set(sections(DOCS / "commands.md")) == set(
        COMMANDS
    )


@pytest.mark.parametrize("name", COMMANDS)
def test_a_commands_section_names_all_it_takes(name: str) -> None:
    text = sections(DOCS / "commands.md")[name]
    assert f"`personae {name}" in text
    options = {option for part in COMMANDS[name].params for option in part.opts if option.startswith("--")} - {"--help"}
    assert set(re.findall(r"--[a-z-]+", text)) == options


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert COMMANDS[name].help
    assert ROOT_COMMAND.main([*name.split(), "--help"], standalone_mode=False) == 0
    assert "Usage" in capsys.readouterr().out


def test_the_readme_has_every_verb() -> None:
    table = sections(ROOT / "README.md")["What it does"]
    listed = {row[0].strip("`").split()[0] for row in rows(table)}
    assert listed == {name.split()[0] for name in COMMANDS}


def test_every_setting_is_in_the_docs_as_it_is_in_the_code() -> None:
    listed = [(row[0], row[1], row[3]) for row in rows(sections_text("settings.md"))]
    real = [
        (f"`{row['name']}`", f"`{row['environment']}`", row["description"])
        for row in describe(Settings.model_construct())
    ]
    assert listed == real


def test_the_defaults_in_the_docs_are_the_codes() -> None:
    listed = {row[0].strip("`"): row[2] for row in rows(sections_text("settings.md"))}
    for name, info in Settings.model_fields.items():
        if type(info.default) in {int, float}:
            assert listed[name] == f"{info.default:,}", name


def sections_text(name: str) -> str:
    """Return a page of docs/."""
    return (DOCS / name).read_text("utf-8")


def test_the_error_tree_is_in_the_docs_as_it_is_in_the_code() -> None:
    tree = (errors.__doc__ or "").split("\n\n", 1)[1].strip()
    assert f"```text\n{tree}\n```" in sections_text("errors.md")


def test_the_error_tree_is_the_real_one() -> None:
    tree = errors.__doc__ or ""
    for name, kind in vars(errors).items():
        if isinstance(kind, type) and kind is not errors.PersonaeError:
            assert name in tree
            line = next(line for line in tree.splitlines() if f" {name} " in line)
            if "exit" in line:
                assert line.endswith(f"{kind.http_status}, exit {kind.exit_code}")


def test_every_reason_is_in_the_docs() -> None:
    listed = {row[0].strip("`") for row in rows(sections_text("errors.md"))}
    assert listed == {str(reason) for reason in Reason}


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if not re.match(r"[a-z]+:", target):
            path, _, anchor = target.partition("#")
            assert (page.parent / path).exists() if path else anchor, target


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_commands_in_the_docs_can_be_typed(page: Path) -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for block in re.findall(r"```console\n(.*?)```", page.read_text("utf-8"), re.DOTALL):
        for line in re.findall(r"^\$ (.+)$", block, re.MULTILINE):
            program, *words = shlex.split(line, comments=True)
            if program == "make":
                assert all(re.search(rf"^{word}:", makefile, re.MULTILINE) for word in words if "=" not in word), line
            elif Path(program).name == "personae":
                parse(ROOT_COMMAND, "personae", words)


def parse(command: TyperCommand | TyperGroup, name: str, words: list[str]) -> None:
    """Parse a command line as the program would, without running it. Raises click.UsageError."""
    context = command.make_context(name, list(words))
    if isinstance(command, TyperGroup):
        inner, found, rest = command.resolve_command(context, [*context._protected_args, *context.args])
        assert inner
        assert found
        parse(found, inner, rest)


@pytest.mark.parametrize("record", RECORDS, ids=[record.name for record in RECORDS])
def test_records_have_their_form(record: Path) -> None:
    text = record.read_text("utf-8")
    assert text.startswith(f"# {record.name[:4]}: ")
    assert list(sections(record))[:2] == ["Context", "Decision"]


def test_records_have_numbers_of_their_own() -> None:
    assert len({record.name[:4] for record in RECORDS}) == len(RECORDS)


def test_the_changes_begin_with_this_version() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    assert next(iter(sections(ROOT / "CHANGELOG.md"))) == version


def test_no_registry_address_is_written_down() -> None:
    for name in ("Makefile", ".ci/run", "constraints.txt", "pyproject.toml"):
        text = (ROOT / name).read_text("utf-8")
        assert not re.search(r"https?://|--(extra-)?index-url|--registry", text), name
