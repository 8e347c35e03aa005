"""The server makes no mistake, whatever fits its OpenAPI document or just does not: `make fuzz` asks for longer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import schemathesis
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import response_schema_conformance, status_code_conformance

from scripts.api_docs import endpoints
from tests.api import vectors_in
from tests.fuzzed import LEFT_OUT, ask, fuzzed
from tests.served import Served

pytestmark = pytest.mark.slow
EXAMPLES = 6
SECONDS = 15
PATIENCE = 60
"""Seconds that an answer may take: the first map compiles what it computes with."""
CHECKS = [not_a_server_error, response_schema_conformance, status_code_conformance]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with fuzzed(tmp_path_factory.mktemp("home")) as running:
        yield running


@pytest.fixture(scope="module")
def document(server: Served) -> Any:
    return schemathesis.openapi.from_url(f"{server.url}/openapi.json")


@pytest.mark.parametrize("call", [each.call for each in endpoints() if each.call not in LEFT_OUT])
def test_no_request_breaks_the_server(document: Any, call: str) -> None:
    method, path = call.split()

    @hypothesis.given(case=document[path][method].as_strategy())
    @hypothesis.settings(
        max_examples=EXAMPLES, derandomize=True, suppress_health_check=list(hypothesis.HealthCheck),
        phases=[hypothesis.Phase.generate], deadline=None, database=None,
    )  # fmt: skip
    def answers(case: Any) -> None:
        # A project that is not there is all that would be answered to.
        (case.query or {}).pop("project", None)
        (case.headers or {}).pop("X-Project", None)
        answer = case.call(timeout=PATIENCE)
        case.validate_response(answer, checks=CHECKS)
        if answer.headers.get("content-type", [""])[0].startswith("application/json"):
            assert not list(vectors_in(answer.json()))

    answers()


def test_no_sequence_of_requests_breaks_the_server(server: Served, tmp_path: Path) -> None:
    asked = ask(server.url, tmp_path, SECONDS, "--phases=stateful", "--seed=1")
    assert not asked.mistakes, asked.said
    assert asked.requests > SECONDS
