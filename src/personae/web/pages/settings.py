"""Settings: thresholds over the scores of this collection, how unknown faces are grouped, and who set what."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Form, Query, Request, Response
from pydantic import BaseModel, Field

from personae.engine.facade import Engine
from personae.errors import InputError, NotFound
from personae.preferences import Change, InForce, PreferenceScope, Value
from personae.settings import describe, origin
from personae.web.api.settings import NOBODY, PLACES
from personae.web.deps import SiteDep
from personae.web.pages.deps import PageAdmin, PageEngine, PageReader, VisitorDep
from personae.web.pages.render import Back, by_htmx, fragment, page, redirect, say
from personae.web.pages.setting_words import FORMS, draw, shown
from personae.web.site import Site

router = APIRouter(prefix="/settings", dependencies=[PageReader, PageAdmin])

MATCH = "person_match_threshold"
RATES = ((1e-3, "1 in 1,000"), (1e-4, "1 in 10,000"), (1e-5, "1 in 100,000"))
"""Wrong matches of pairs of two people that a calibration may allow."""


class ChangeForm(BaseModel):
    """What was changed; empty: nothing was set."""

    before: str = Field(default="", max_length=100)
    after: str = Field(default="", max_length=100)
    studio: bool = False


@router.get("", name="settings")
def show_settings(request: Request, site: SiteDep, engine: PageEngine) -> Response:
    """Show every setting, and change those that may be changed now."""
    settings = engine.settings()
    changeable = {each.name for each in settings}
    others = [_fixed(site, row) for row in describe(site.settings) if row["name"] not in changeable]
    return page(request, "settings", settings=shown(settings), others=others)


@router.get("/scores", name="settings_scores")
def show_scores(
    request: Request, engine: PageEngine, value: Annotated[float | None, Query(ge=-1, le=1)] = None
) -> Response:
    """Show the scores of pairs of faces of this collection, with the thresholds."""
    now = next((each.value for each in engine.settings() if each.name == MATCH), 0.7)
    counts = engine.score_counts()
    return fragment(
        request, "settings_scores", counts=counts, drawing=draw(counts, float(now) if value is None else value),
        rates=RATES, learnt=engine.chances(),
    )  # fmt: skip


@router.post("/calibration", name="settings_calibrate")
def calibrate(
    request: Request,
    engine: PageEngine,
    rate: Annotated[float | None, Form(gt=0, lt=1)] = None,
    reset: Annotated[str, Form(max_length=10)] = "",
) -> Response:
    """Ask from the score on that strangers of this collection reach at a rate; or as the models say."""
    if rate is None or reset:
        words = "Asked from the models' own score on." if engine.reset_calibration() else "It is so already."
    else:
        found = engine.calibrate(rate)
        words = f"From {found.calibration.threshold:.2f} on somebody is asked; it was {found.before:.2f}."
    return say(redirect(request, "/settings"), words)


@router.post("/calibration/undo", name="settings_uncalibrate")
def uncalibrate(request: Request, engine: PageEngine) -> Response:
    """Take back the last calibration."""
    return say(redirect(request, "/settings"), f"Somebody is asked from {engine.undo_calibration():.2f} on again.")


@router.post("/probability", name="settings_learn_chances")
def learn_chances(request: Request, engine: PageEngine, reset: Annotated[str, Form(max_length=10)] = "") -> Response:
    """Learn from the faces that were named how often a score is right; or say nothing of it."""
    if reset:
        words = "Nothing is said of it any more." if engine.forget_chances() else "It is so already."
    else:
        words = f"Learnt from {engine.learn_chances().faces:,} named faces. It is said wherever a score is."
    return say(redirect(request, "/settings"), words)


@router.post("/{name}", name="settings_set")
def set_setting(
    request: Request,
    engine: PageEngine,
    visitor: VisitorDep,
    name: str,
    value: Annotated[str, Form(max_length=100)],
    studio: Annotated[bool, Form()] = False,
) -> Response:  # fmt: skip
    """Change a setting from now on."""
    before = engine.chosen_setting(_known(name), studio)
    now = engine.set_setting(name, _typed(name, value), visitor.name or NOBODY, studio)
    words = f"It is {now.value} now."
    if studio and now.source == "project":
        words = f"All other projects have {value} now; this one keeps its own, {now.value}."
    return _changed(request, words, now, _back(engine, name, before, studio))


@router.post("/{name}/unset", name="settings_unset")
def unset_setting(request: Request, engine: PageEngine, name: str, studio: Annotated[bool, Form()] = False) -> Response:
    """Take a change back."""
    before = engine.chosen_setting(_known(name), studio)
    now = engine.unset_setting(name, studio)
    return _changed(request, f"It is {now.value} again.", now, _back(engine, name, before, studio))


@router.post("/{name}/undo", name="settings_undo")
def undo_setting(
    request: Request,
    engine: PageEngine,
    visitor: VisitorDep,
    name: str,
    said: Annotated[ChangeForm, Form()],
) -> Response:
    """Set back a change, unless somebody has made another since."""
    scope = PreferenceScope.STUDIO if said.studio else PreferenceScope.PROJECT
    before, after = (_typed(_known(name), text) if text else None for text in (said.before, said.after))
    now = engine.undo_setting(Change(name, scope, before, after), visitor.name or NOBODY)
    return _changed(request, f"It is {now.value} again.", now, _back(engine, name, after, said.studio))


def _back(engine: Engine, name: str, before: Value | None, studio: bool) -> Back:
    """Return the form that sets back what has just been changed."""
    after = engine.chosen_setting(name, studio)
    values = {part: "" if value is None else str(value) for part, value in (("before", before), ("after", after))}
    return Back(f"/settings/{name}/undo", {**values, "studio": "true" if studio else "false"}, f"#{name}")


def _changed(request: Request, words: str, now: InForce, back: Back) -> Response:
    if not by_htmx(request):
        return say(redirect(request, f"/settings#{now.name}"), words)
    return say(fragment(request, "setting", setting=shown([now])[0]), words, back=back)


def _known(name: str) -> str:
    if name not in {form.name for form in FORMS}:
        raise NotFound(f"there is no setting {name} that may be changed here")
    return name


def _typed(name: str, text: str) -> str | float | int:
    """Return what a field of the form says. Raises InputError when it is no number and should be one."""
    form = next(form for form in FORMS if form.name == name)
    if form.choices:
        return text
    try:
        number = float(text.strip().replace(",", "."))
    except ValueError as error:
        raise InputError(f"{form.title}: {text!r} is no number") from error
    return int(number) if form.step == 1 and number.is_integer() else number


def _fixed(site: Site, row: dict[str, Any]) -> dict[str, Any]:
    """Return a setting of the start; where things lie on the server's machine is not shown."""
    hidden = isinstance(row["value"], Path) or row["name"] in PLACES
    value = row["value"]
    text = (
        "not shown" if hidden else ", ".join(value) if isinstance(value, tuple) else "" if value is None else str(value)
    )
    return {**row, "value": text, "source": origin(site.settings, row["name"])}
