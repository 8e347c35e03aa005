"""Jobs in words, whatever came of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from personae.engine.kinds import KINDS
from personae.types import Job, JobId
from personae.web.pages.job_words import TITLES, Line, ShownJob, shown

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def job(kind: str = "faces.group", state: str = "done", result: dict[str, Any] | None = None, **more: Any) -> ShownJob:
    values: dict[str, Any] = {
        "payload": {}, "done": 0, "total": 0, "attempts": 1, "token": None, "lease_until": None, "cancel": False,
        "result": result or {}, "created_at": NOW, **more,
    }  # fmt: skip
    return shown(Job(id=JobId(1), kind=kind, state=state, **values), NOW, values.pop("runs_here", True))


def test_every_kind_has_a_title() -> None:
    assert set(KINDS) <= set(TITLES)


@pytest.mark.parametrize("kind", [*KINDS, "something.else"])
@pytest.mark.parametrize(
    "result", [{}, {"sources": 7, "models": "x", "ingest": None, "refused_files": [1]}, {"images": "x"}]
)
def test_whatever_a_row_says_can_be_shown(kind: str, result: dict[str, Any]) -> None:
    row = job(kind, result=result)
    assert row.title
    assert row.ended
    assert not row.error


def test_an_organising_tells_both_halves() -> None:
    row = job("images.organise", payload={"paths": ["/home/ann/photos/2019"]}, result={
        "ingest": {"images": 1, "faces": 2, "known": 0, "refused_files": {"corrupt": 1, "empty": 2}},
        "grouping": {"assigned_to_people": 1, "unknown_clusters": 3, "single": 0},
    })  # fmt: skip
    assert row.about == "2019"
    assert row.lines == (
        Line(1, "new photo", "/photos"), Line(2, "faces found"), Line(1, "face recognised", "/people"),
        Line(3, "groups of unknown people", "/review"),
    )  # fmt: skip
    assert [(line.count, line.words) for line in row.refused] == [(2, "empty file"), (1, "damaged")]


def test_why_a_job_waits() -> None:
    assert "before it" in job(state="queued").note
    assert "redis" in job(state="queued", result={"waiting": "redis is away"}).note
    assert "03:05:05" in job(state="queued", not_before=NOW + timedelta(minutes=1)).note
    died = job(state="running", lease_until=NOW - timedelta(seconds=1))
    assert "takes it over" in died.note
    assert (
        job(state="running", lease_until=NOW + timedelta(seconds=9), result={"doing": "grouping"}).doing == "grouping"
    )


def test_an_error_names_no_folder() -> None:
    row = job(state="failed", result={"error": "/home/ann/a.jpg: no such file"})
    assert row.error == "a.jpg: no such file"
    assert not row.lines


def test_states_are_said_as_people_say_them() -> None:
    words = {state: job(state=state).state_words for state in ("queued", "running", "done", "failed", "cancelled")}
    assert list(words.values()) == ["waiting", "running", "done", "failed", "stopped"]
    assert job(state="running", cancel=True).state_words == "stopping"
