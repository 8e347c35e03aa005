"""A job in words: what it is, how far it has come, what came of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from personae.album import reason_words
from personae.engine.carry import WAITING
from personae.engine.jobs import abandoned
from personae.engine.reference import EXTRACT
from personae.types import Job
from personae.web.pages.model_words import agreed, named
from personae.web.pages.values import listed, mapping, whole
from personae.web.places import placeless, without_places

TITLES = {
    "faces.group": "Recognise people and group new faces",
    "faces.cluster_dual": "Recognise people and group all faces anew",
    "faces.cluster": "Group unknown faces anew",
    "faces.assign": "Recognise known people",
    "faces.reassign": "Judge recognised faces again",
    "faces.reassign_smart": "Learn, then judge recognised faces again",
    "faces.train": "Learn from what was confirmed and rejected",
    "faces.backfill": "Make missing embeddings",
    "images.ingest": "Take in photos",
    "images.organise": "Take in photos and group the faces",
    "people.enrich": "Bring people from sources",
    "models.evaluate": "Measure the models",
    "models.switch": "Go by another model",
    EXTRACT: "Look for faces on a source image",
    "map": "Lay out the map of faces",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that came of a job."""

    count: int | None
    words: str
    to: str = ""
    """The page that shows it; of a count of 0 there is nothing to show."""


@dataclass(frozen=True, slots=True)
class ShownJob:
    """A job as its row shows it."""

    id: int
    title: str
    kind: str
    state: str
    created_at: datetime
    done: int
    total: int
    doing: str
    note: str
    """Why it waits, or what is special about how it goes; empty: nothing is."""
    error: str
    lines: tuple[Line, ...]
    refused: tuple[Line, ...]
    """What could not be used, by reason."""
    about: str
    """What it works on; empty: on all there is."""
    stopping: bool
    attempts: int

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen."""
        return self.state in {"done", "failed", "cancelled"}

    @property
    def state_words(self) -> str:
        """The state as people say it."""
        words = {"queued": "waiting", "cancelled": "stopped"}
        return "stopping" if self.stopping and not self.ended else words.get(self.state, self.state)


def shown(job: Job, now: datetime, runs_here: bool = True) -> ShownJob:
    """Return a job in words; where its files lie is left out.

    Args:
        job: from `personae.engine.jobs.told`.
        now: to tell whether its runner has died.
        runs_here: whether this server runs jobs itself.
    """
    result = {} if job.state == "running" else placeless(job.result)
    error = str(result.get("error") or "")
    lines, refused = _outcome(job.kind, result) if job.state == "done" else ((), ())
    return ShownJob(
        id=job.id, title=title(job.kind), kind=job.kind, state=job.state, created_at=job.created_at, done=job.done,
        total=job.total, doing=str(job.result.get("doing") or "") if job.state == "running" else "",
        note=_note(job, now, runs_here), error=error, lines=lines, refused=refused, about=_about(job),
        stopping=job.cancel, attempts=job.attempts,
    )  # fmt: skip


def title(kind: str) -> str:
    """Return what a kind of job does."""
    return TITLES.get(kind, kind.replace("_", " ").replace(".", ": "))


def _note(job: Job, now: datetime, runs_here: bool) -> str:
    """Return why a job does not go on as one expects."""
    if abandoned(job, now):
        return "Its runner has died. The next one takes it over within half a minute."
    if job.state != "queued":
        return ""
    waiting = without_places(str(job.result.get(WAITING) or ""))
    if waiting:
        return f"No runner knows of it yet: {waiting}"
    if job.not_before is not None and job.not_before > now:
        return f"It failed in a way that may pass, and is tried again at {job.not_before:%H:%M:%S} UTC."
    if not runs_here:
        return "It waits for a worker: this server runs no jobs itself. Start one with: personae worker"
    return "It begins when the jobs before it have ended."


def _about(job: Job) -> str:
    """Return what a job was told to work on."""
    payload: Mapping[str, Any] = placeless(job.payload)
    if job.kind in {"images.ingest", "images.organise"}:
        return ", ".join(str(path).rstrip("/") for path in listed(payload.get("paths")))
    if job.kind == "people.enrich":
        return ", ".join(map(str, listed(payload.get("sources")))) or "all sources"
    if job.kind == EXTRACT:
        return f"reference {payload.get('reference_id')}"
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in payload.items() if value is not None)


# --- what came of it --------------------------------------------------------------------------

Outcome = tuple[tuple[Line, ...], tuple[Line, ...]]


def _outcome(kind: str, result: Mapping[str, Any]) -> Outcome:
    return _OUTCOMES.get(kind, _numbers)(result)


def _ingested(result: Mapping[str, Any]) -> Outcome:
    lines = [
        _line(_count(result, "images"), "new photo", "new photos", "/photos"),
        _line(_count(result, "faces"), "face found", "faces found"),
        _line(_count(result, "known"), "file known before", "files known before"),
        _line(_count(result, "refused_faces"), "face too poor to use", "faces too poor to use"),
        _line(_count(result, "ignored"), "file that is no picture", "files that are no pictures"),
    ]
    refused = [
        Line(n, reason_words(reason), f"/photos?show=refused&reason={reason}")
        for reason, n in _counts(result, "refused_files")
    ]
    return (lines[0], *_some(lines[1:])), tuple(refused)


def _grouped(result: Mapping[str, Any]) -> Outcome:
    if result.get("unchanged"):
        return (Line(None, "Nothing had come since the last time."),), ()
    lines = [
        _line(_count(result, "assigned_to_people"), "face recognised", "faces recognised", "/people"),
        _line(_count(result, "unknown_clusters"), "group of an unknown person", "groups of unknown people", "/review"),
        _line(_count(result, "single"), "face in no group", "faces in no group"),
        _line(_count(result, "to_review"), "face that may be somebody you know", "faces that may be somebody you know",
              "/review"),
        _line(_count(result, "released"), "face no longer taken for somebody", "faces no longer taken for somebody"),
    ]  # fmt: skip
    return (*lines[:2], *_some(lines[2:])), ()


def _trained(result: Mapping[str, Any]) -> Outcome:
    if not result.get("head"):
        return (), ()
    lines = [
        _line(_count(result, "faces"), "face learnt from", "faces learnt from"),
        Line(None, "What was learnt is better, and may be used." if result.get("accepted") else
             "What was learnt is not surely better, and is not used."),
        *(Line(None, str(reason)) for reason in listed(result.get("reasons"))),
        Line(None, "What was measured, and going by it", "/models#heads"),
    ]  # fmt: skip
    return tuple(lines), ()


def _relearnt(result: Mapping[str, Any]) -> Outcome:
    why = str(result.get("why") or "")
    learnt = (Line(None, f"Nothing was learnt: {why}"),) if why else _trained(mapping(result.get("head")))[0]
    switched = (Line(None, "Faces are recognised by it from now on."),) if result.get("switched") else ()
    return learnt + switched + _grouped(mapping(result.get("grouping")))[0], ()


def _organised(result: Mapping[str, Any]) -> Outcome:
    taken, refused = _ingested(mapping(result.get("ingest")))
    return taken + _grouped(mapping(result.get("grouping")))[0], refused


def _enriched(result: Mapping[str, Any]) -> Outcome:
    sources = [mapping(each) for each in listed(result.get("sources"))]
    waiting, held = (sum(_count(source, name) for source in sources) for name in ("quarantined", "held"))
    lines = [
        _line(_count(result, "people"), "person", "people", "/people"),
        _line(_count(result, "faces_brought"), "face brought", "faces brought"),
        _line(_count(result, "faces_added"), "face accepted", "faces accepted"),
        *_some([
            _line(waiting, "face waits for a word", "faces wait for a word", "/sources/waiting"),
            _line(held, "face is nearer to somebody else", "faces are nearer to somebody else", "/sources"),
        ]),
        *(Line(None, f"{source.get('source')}: {source['failure']}") for source in sources if source.get("failure")),
    ]  # fmt: skip
    if result.get("dry_run"):
        lines.append(Line(None, "It was a rehearsal: nothing was written."))
    return tuple(lines), ()


def _extracted(result: Mapping[str, Any]) -> Outcome:
    error = str(result.get("error") or "")
    status = str(result.get("status") or "").replace("_", " ")
    said = error or f"The reference is {status}."
    return (_line(_count(result, "faces"), "face found", "faces found"), Line(None, said)), ()


def _backfilled(result: Mapping[str, Any]) -> Outcome:
    rest = [
        Line(_count(result, "without_crop"), "could not be made: the picture of the face is gone"),
        Line(_count(result, "left"), "left for the next time"),
    ]
    return (_line(_count(result, "embedded"), "embedding made", "embeddings made"), *_some(rest)), ()


def _evaluated(result: Mapping[str, Any]) -> Outcome:
    models = [str(mapping(each).get("model_id")) for each in listed(result.get("models"))]
    lines = (
        _line(_count(result, "photos"), "labelled photo", "labelled photos"),
        _line(_count(result, "people"), "person", "people"),
        Line(None, f"Measured: {', '.join(models)}"),
    )
    unused = Counter(str(mapping(each).get("reason")) for each in listed(result.get("unused")))
    return lines, tuple(Line(n, reason_words(reason)) for reason, n in unused.most_common())


def _switched(result: Mapping[str, Any]) -> Outcome:
    after, before = (named(str(result.get(name) or "")) for name in ("after", "before"))
    agreement = mapping(result.get("agreement"))
    lines = [
        Line(None, f"From {before} to {after}." if result.get("switched") else f"{after} was tried; nothing changed."),
        _line(_count(result, "embedded"), "embedding made", "embeddings made"),
        *_some([
            _line(_count(agreement, "disagreements"), "face is taken for somebody else by it",
                  "faces are taken for somebody else by it", "/models#report"),
            Line(_count(result, "without_embedding"), "could not be embedded: the picture of the face is gone"),
        ]),
        *(Line(None, sentence) for sentence in agreed(agreement)),
        Line(None, "What is in use, and the way back", "/models"),
    ]  # fmt: skip
    return tuple(lines), ()


def _numbers(result: Mapping[str, Any]) -> Outcome:
    """Of a kind that has no words of its own: its counts."""
    counts = [Line(value, name.replace("_", " ")) for name, value in result.items() if _whole(value)]
    return tuple(counts), ()


_OUTCOMES: Mapping[str, Callable[[Mapping[str, Any]], Outcome]] = {
    "faces.group": _grouped,
    "faces.cluster_dual": _grouped,
    "faces.cluster": _grouped,
    "faces.assign": _grouped,
    "faces.reassign": _grouped,
    "faces.reassign_smart": _relearnt,
    "faces.train": _trained,
    "faces.backfill": _backfilled,
    "images.ingest": _ingested,
    "images.organise": _organised,
    "people.enrich": _enriched,
    "models.evaluate": _evaluated,
    "models.switch": _switched,
    EXTRACT: _extracted,
}


def _line(count: int, one: str, many: str, to: str = "") -> Line:
    return Line(count, one if count == 1 else many, to)


def _some(lines: list[Line]) -> list[Line]:
    """Return those of which there are any."""
    return [line for line in lines if line.count]


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _count(result: Mapping[str, Any], name: str) -> int:
    return whole(result.get(name))


def _counts(result: Mapping[str, Any], name: str) -> list[tuple[str, int]]:
    """Return counts by reason, most first."""
    counts = {str(key): value for key, value in mapping(result.get(name)).items() if _whole(value)}
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))
