"""The API can do what the command line can, and the docs say so: three lists held against each other."""

from __future__ import annotations

import typer.main
from typer.core import TyperGroup

from personae.cli.main import app
from scripts import api_docs

ENDPOINTS = {endpoint.call: endpoint for endpoint in api_docs.endpoints()}


def commands(group: TyperGroup, prefix: str = "") -> set[str]:
    """Return the full name of every command."""
    found = set()
    for name, command in group.commands.items():
        if not isinstance(command, TyperGroup) or command.invoke_without_command:
            found.add(f"{prefix}{name}")
        if isinstance(command, TyperGroup):
            found |= commands(command, f"{prefix}{name} ")
    return found


def test_every_command_has_an_endpoint_or_a_reason() -> None:
    root = typer.main.get_command(app)
    assert isinstance(root, TyperGroup)
    assert commands(root) == set(api_docs.COMMANDS) | set(api_docs.NOT_OVER_HTTP)
    assert not set(api_docs.COMMANDS) & set(api_docs.NOT_OVER_HTTP)


def test_every_endpoint_has_a_command_or_a_reason() -> None:
    by_command = {call for calls in api_docs.COMMANDS.values() for call in calls}
    assert by_command | set(api_docs.MORE) == set(ENDPOINTS)
    assert not by_command & set(api_docs.MORE)


def test_every_endpoint_asks_for_a_key_but_those_that_tell_whether_it_runs() -> None:
    assert {call for call, endpoint in ENDPOINTS.items() if not endpoint.role} == {"GET /health", "GET /ready"}


def test_only_looking_takes_no_more_than_a_readers_key() -> None:
    asks = {"POST /api/identify", "POST /api/verify", "POST /api/detect", "POST /api/models/check"}
    for call, endpoint in ENDPOINTS.items():
        if not call.startswith("GET ") and call not in asks:
            assert endpoint.role in {"write", "admin"}, call


def test_what_reads_the_servers_own_files_takes_an_admins_key() -> None:
    for call in ("POST /api/images/ingest", "POST /api/images/organise", "POST /api/evaluations", "POST /api/jobs"):
        assert ENDPOINTS[call].role == "admin"


def test_the_docs_have_every_endpoint() -> None:
    text = api_docs.PAGE.read_text("utf-8")
    assert text.count(api_docs.BEGIN) == text.count(api_docs.END) == 2
    assert api_docs.page(text) == text, "run: python -m scripts.api_docs"
