"""Models: what faces are recognised by, learning from what people said, and going by something else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Form, Request, Response

from personae.engine.facade import Engine
from personae.errors import InputError, PersonaeError
from personae.loading import damages, offers
from personae.types import Job
from personae.web.api.settings import NOBODY
from personae.web.deps import SiteDep
from personae.web.pages import head_words, model_words
from personae.web.pages.deps import PageAdmin, PageEngine, PageReader, PageWriter, VisitorDep
from personae.web.pages.jobs import in_words
from personae.web.pages.render import fragment, page, redirect, say
from personae.web.places import without_places
from personae.web.site import Site

router = APIRouter(prefix="/models", dependencies=[PageReader])

SWITCH, TRAIN, SMART = "models.switch", "faces.train", "faces.reassign_smart"
KINDS = (SWITCH, TRAIN, SMART)
HEADS = 20
"""Of the heads that were learnt, so many are shown: the newest."""


@router.get("", name="models")
def show_models(request: Request, site: SiteDep, engine: PageEngine) -> Response:
    """Show what is in use, what was learnt, and what else there is."""
    # Before what they change: of a job whose row says that it has ended, the outcome is shown.
    going_on = [job for job in engine.unfinished_jobs() if job.kind in KINDS]
    ended = [job for job in _ended(engine) if job.id not in {other.id for other in going_on}]
    switched = next((job for job in ended if job.kind == SWITCH and job.state == "done"), None)
    jobs = going_on + ended[:1]
    now, base, notes = engine.live_model(), engine.base_model(), engine.heads()
    cards, wrong = _in_use(engine)
    choices, unread = _choices(site, engine)
    return page(
        request, "models", now=now, title=model_words.named(now.model_id), base=model_words.named(now.base),
        by=model_words.somebody(now.by), back=model_words.back_to(now), cards=cards,
        wrong=wrong or unread, choices=choices, jobs=in_words(site, engine, jobs),
        heads=[head_words.shown(note, now.model_id, base, now.before) for note in notes[:HEADS]],
        more_heads=max(0, len(notes) - HEADS),
        report=model_words.report_of(engine, switched) if switched else None,
    )  # fmt: skip


@router.get("/files", name="models_files")
def show_files(request: Request, site: SiteDep, engine: PageEngine) -> Response:
    """Say whether the files of the models in use are here and whole."""
    try:
        troubles = damages(site.settings, engine.parts.models(), engine.parts.heads)
    except PersonaeError as error:
        troubles = [str(error)]
    return fragment(request, "models_files", troubles=[without_places(trouble) for trouble in troubles])


@router.get("/labels", name="models_labels")
def show_labels(request: Request, site: SiteDep, engine: PageEngine) -> Response:
    """Show what there is to learn from, and what is missing."""
    return fragment(request, "models_labels", found=engine.learnable(), cannot=_cannot(site, engine))


@router.post("/learn", name="models_learn", dependencies=[PageWriter])
def learn(request: Request, site: SiteDep, engine: PageEngine) -> Response:
    """Learn from what was confirmed and rejected, as a job."""
    _require_labels(site, engine)
    engine.queue(TRAIN)
    return say(redirect(request, "/models"), "Learning is in the queue.")


@router.post("/learn-and-judge", name="models_learn_and_judge", dependencies=[PageAdmin])
def learn_and_judge(request: Request, site: SiteDep, engine: PageEngine) -> Response:
    """Learn, go by what was learnt if the guard accepts it, and judge recognised faces again: as a job."""
    _require_labels(site, engine)
    engine.queue(SMART)
    return say(redirect(request, "/models"), "Learning and judging again are in the queue.")


@router.post("/switch", name="models_switch", dependencies=[PageAdmin])
def switch(
    request: Request,
    engine: PageEngine,
    visitor: VisitorDep,
    model: Annotated[str, Form(max_length=200)] = "",
    as_set: Annotated[bool, Form()] = False,
    dry_run: Annotated[bool, Form()] = False,
) -> Response:  # fmt: skip
    """Try another model, or go by it, as a job."""
    if not model.strip() and not as_set:
        raise InputError("choose a model first")
    wanted = "" if as_set else model.strip()
    engine.queue(SWITCH, {"model": wanted, "dry_run": dry_run, "by": visitor.name or NOBODY})
    name = model_words.named(wanted) or "what the settings say"
    words = f"Trying {name} is in the queue; nothing changes by it." if dry_run else f"Going by {name} is in the queue."
    return say(redirect(request, "/models"), words)


@router.post("/rollback", name="models_rollback", dependencies=[PageAdmin])
def rollback(request: Request, engine: PageEngine, visitor: VisitorDep) -> Response:
    """Go back to the model before, or forward again, as a job."""
    engine.queue(SWITCH, asdict(engine.rollback_options(visitor.name or NOBODY)))
    return say(redirect(request, "/models"), "Going back is in the queue.")


def _in_use(engine: Engine) -> tuple[list[model_words.ShownModel], str]:
    """Return the models in use, or why they are not known."""
    try:
        return [model_words.shown(card) for card in engine.parts.models()], ""
    except PersonaeError as error:
        return [], without_places(str(error))


def _choices(site: Site, engine: Engine) -> tuple[Sequence[model_words.Choice], str]:
    """Return what there is to go by, or why that is not known."""
    try:
        now = engine.live_model()
        found = [model_words.choice(offer, now) for offer in offers(site.settings)]
        return sorted(found, key=lambda each: (not each.in_use, not each.here, not each.can)), ""
    except PersonaeError as error:
        return (), without_places(str(error))


def _ended(engine: Engine) -> list[Job]:
    """Return the latest work on models that has ended, newest first."""
    return [job for job in engine.browse.jobs(None, 200, ("done", "failed", "cancelled")) if job.kind in KINDS]


def _cannot(site: Site, engine: Engine) -> str:
    """Say why nothing can be learnt here; a worker elsewhere may well be able to."""
    return engine.parts.cannot_train() if site.runner.threads else ""


def _require_labels(site: Site, engine: Engine) -> None:
    """Refuse what would come to nothing. Raises InputError."""
    missing = _cannot(site, engine) or engine.learnable().lacking
    if missing:
        raise InputError(missing)
