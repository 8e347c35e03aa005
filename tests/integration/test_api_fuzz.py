"""The server makes no mistake, whatever fits its OpenAPI document or just does not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import hypothesis
import pytest
import schemathesis
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import response_schema_conformance, status_code_conformance

from personae.types import JobId
from scripts.api_docs import endpoints
from tests.api import vectors_in, watched
from tests.patterns import photo
from tests.served import served

pytestmark = pytest.mark.slow
EXAMPLES = 25
LEFT_OUT = {"POST /api/hooks/deliver"}
"""What it does lies elsewhere: it tells whoever was made up as a receiver."""
CHECKS = [not_a_server_error, response_schema_conformance, status_code_conformance]


class NoRunner:
    """`JobQueue` that starts nothing: what is fuzzed into the queue stays there."""

    def carry(self, job_id: JobId) -> None:
        """See the port."""

    def trouble(self) -> str:
        """See the port."""
        return ""


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The document of a server that has something of everything."""
    with served(tmp_path_factory.mktemp("home")) as running, watched(running) as client:
        running.engine.parts = replace(running.engine.parts, queue=NoRunner())
        for person in range(3):
            for number in range(3):
                client.post("/api/images", files={"picture": photo(person, number)})
        client.post("/api/faces/cluster/dual", json={"unknown_min_size": 2})
        client.post("/api/clusters/1/name", json={"name": "Ann"})
        client.post("/api/characters", json={"name": "Mara"})
        client.post("/api/characters/2/references", files={"picture": photo(1, 1)})
        yield schemathesis.openapi.from_url(f"{running.url}/openapi.json")


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
        answer = case.call()
        if answer.status_code != 503 or path != "/ready":  # the patterns are no models that can be pulled
            case.validate_response(answer, checks=CHECKS)
        if answer.headers.get("content-type", [""])[0].startswith("application/json"):
            assert not list(vectors_in(answer.json()))

    answers()


def test_no_sequence_of_requests_breaks_the_server(document: Any) -> None:
    machine = document.exclude(path="/api/hooks/deliver").as_state_machine()

    class Asked(machine):  # type: ignore[misc, valid-type]
        """Requests whose ids are those that earlier answers gave."""

        def before_call(self, case: Any) -> None:
            (case.query or {}).pop("project", None)
            (case.headers or {}).pop("X-Project", None)

        def validate_response(self, response: Any, case: Any, **_more: Any) -> None:
            if response.status_code != 503 or case.path != "/ready":
                case.validate_response(response, checks=[not_a_server_error])

    Asked.run(
        settings=hypothesis.settings(
            max_examples=EXAMPLES, stateful_step_count=10, derandomize=True, deadline=None, database=None,
            suppress_health_check=list(hypothesis.HealthCheck), phases=[hypothesis.Phase.generate],
        )
    )  # fmt: skip
