"""Verbs that measure: evaluate, calibrate."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from personae.cli.context import Context, Json, columns, out, printable, show_json
from personae.cli.progress import watching
from personae.core.probability import in_100

if TYPE_CHECKING:
    from personae.core.evaluation import Evaluation, Measured
    from personae.engine.calibrate import Calibrated
    from personae.engine.chances import Chances

UNUSED_SHOWN = 20
SCORES_SHOWN = (0.3, 0.4, 0.5, 0.6, 0.7)
"""Of which it is shown how often they are right."""


def register(app: typer.Typer) -> None:
    """Add the verbs to the app."""
    for command in (evaluate, calibrate):
        app.command()(command)


def evaluate(
    context: typer.Context,
    labels: Annotated[
        Path, typer.Option(help="A folder with a folder for each person, or a CSV with the columns path and person.")
    ],
    to: Annotated[Path | None, typer.Option(help="Page to write.", show_default="evaluation.html in the home")] = None,
    json: Json = False,
) -> None:
    """Measure the models on photos whose people you know, and write a page with plots."""
    obj: Context = context.obj
    with obj.engine() as engine, watching(not json) as progress:
        measured, page = engine.evaluate(labels, to, progress)
    if json:
        show_json({**_plain(measured), "page": page})
        return
    out.print(
        f"{measured.faces:,} of {measured.photos:,} photos used, of {measured.people:,} people, "
        f"{measured.single:,} of them with one photo only."
    )
    _say_unused(measured)
    _say_rates(measured)
    out.print(f"\nPage: {page}")


def calibrate(
    context: typer.Context,
    fmr: Annotated[float, typer.Option(help="Wanted false match rate.")] = 1e-4,
    probability: Annotated[
        bool, typer.Option("--probability", help="Learn how often a score is right instead; the threshold stays.")
    ] = False,
    reset: Annotated[bool, typer.Option("--reset", help="Go by the models' own threshold again.")] = False,
    undo: Annotated[bool, typer.Option("--undo", help="Take the last calibration or reset back.")] = False,
    json: Json = False,
) -> None:
    """Find the score that strangers of your own gallery reach at a false match rate, and ask from there on."""
    obj: Context = context.obj
    if probability:
        _learn_chances(obj, reset, json)
        return
    if undo:
        _undo(obj, json)
        return
    with obj.engine() as engine:
        if reset:
            known = engine.reset_calibration()
            found = None
        else:
            found = engine.calibrate(fmr)
    if found is None:
        if json:
            show_json({"reset": known})
        else:
            out.print("The models' own threshold is in use again." if known else "Nothing was calibrated.")
    elif json:
        show_json(found)
    else:
        _say_calibrated(found)


def _undo(obj: Context, json: bool) -> None:
    with obj.engine() as engine:
        threshold = engine.undo_calibration()
    if json:
        show_json({"threshold": threshold})
    else:
        out.print(f"From {threshold:.3f} on a human is asked again.")


def _learn_chances(obj: Context, reset: bool, json: bool) -> None:
    with obj.engine() as engine:
        known, found = (engine.forget_chances(), None) if reset else (False, engine.learn_chances())
    if found is None:
        if json:
            show_json({"reset": known})
        else:
            out.print("Nothing is said of how often a score is right." if known else "Nothing was learnt.")
        return
    if json:
        show_json(_without_points(found))
        return
    out.print(
        f"{found.model_id}: how often a score is right was learnt from {found.faces:,} confirmed faces, of "
        f"{found.people:,} people on several photos. Half of those who are asked about are taken to be known."
    )
    table = columns("question", "method", "right", "wrong", *(f"at {score:g}" for score in SCORES_SHOWN))
    for question, curve in found.curves.items():
        shown = (f"{in_100(curve.of(score))} in 100" for score in SCORES_SHOWN)
        table.add_row(question, curve.method, f"{curve.right:,}", f"{curve.wrong:,}", *shown)
    out.print(table)


def _without_points(found: Chances) -> dict[str, Any]:
    plain = asdict(found)
    for curve in plain["curves"].values():
        for points in ("scores", "values", "slope", "intercept"):
            del curve[points]
    return plain


def _plain(measured: Evaluation) -> dict[str, Any]:
    """Return the figures; the points of the plots are in the page."""
    plain = asdict(measured)
    for model in plain["models"]:
        del model["plots"]
    return plain


def _say_unused(measured: Evaluation) -> None:
    for reason, count in Counter(unused.reason for unused in measured.unused).most_common():
        out.print(f"  {count:,} not used: {reason.replace('_', ' ')}")
    for unused in measured.unused[:UNUSED_SHOWN]:
        out.print(f"    {printable(unused.where)}: {printable(unused.detail or unused.reason)}")
    if len(measured.unused) > UNUSED_SHOWN:
        out.print(f"    and {len(measured.unused) - UNUSED_SHOWN:,} more; --json lists all")


def _say_rates(measured: Evaluation) -> None:
    first = measured.models[0]
    table = columns(
        "model",
        *(f"TAR at FAR {rate.far:g}" for rate in first.at_fars),
        *(f"FNIR at FPIR {rate.fpir:g}" for rate in first.at_fpirs),
        "BCubed F", "pairwise F",
    )  # fmt: skip
    table.columns[0].no_wrap = True
    for model in measured.models:
        table.add_row(
            model.model_id, *_rates(model), f"{model.grouped.bcubed.f:.3f}", f"{model.grouped.pairwise.f:.3f}"
        )
    out.print(table)
    reasons = [rate.why for rate in first.at_fars] + [rate.why for rate in first.at_fpirs]
    for why in sorted({why for why in reasons if why}):
        out.print(f"  not observable: {why}")
    limits = columns("model", "threshold", "cosine", "FMR", "FNMR")
    for model in measured.models:
        for at in model.at_thresholds:
            limits.add_row(model.model_id, at.name, f"{at.threshold:.3f}", _share(at.fmr), _share(at.fnmr))
    out.print(limits)
    sure = columns("model", "probability of", "method", "answers", "ECE", "Brier", "log loss")
    for model in measured.models:
        for told in model.foretold:
            if told.found is not None:
                errors = (told.found.expected_error, told.found.brier, told.found.log_loss)
                sure.add_row(model.model_id, told.question, told.method, f"{told.found.answers:,}",
                             *(f"{error:.4f}" for error in errors))  # fmt: skip
    if sure.rows:
        out.print(sure)


def _rates(model: Measured) -> list[str]:
    tars = [_share(rate.tar) for rate in model.at_fars]
    return tars + [
        f"{_share(rate.fnir)} ({_share(rate.low)} to {_share(rate.high)})" if rate.fnir is not None else "-"
        for rate in model.at_fpirs
    ]


def _share(rate: float | None) -> str:
    return "-" if rate is None else f"{rate:.4f}" if rate >= 1e-3 or rate == 0 else f"{rate:.1e}"


def _say_calibrated(found: Calibrated) -> None:
    kept = found.calibration
    pairs = f"{kept.comparisons:,} pairs of"
    source = (
        f"seen on {pairs} faces you have named"
        if kept.source == "labels"
        else (f"worked out from {pairs} all faces, those that look alike set aside")
    )
    out.print(
        f"{kept.model_id}: from {kept.threshold:.3f} on a human is asked (before: {found.before:.3f}, the models' own: "
        f"{found.model_threshold:.3f}). False match rate {kept.fmr:g}, {source}."
    )
    if found.look_alikes:
        out.print(
            f"{found.look_alikes:,} pairs of faces that you gave to different people have a score of "
            f"{found.match_threshold:.2f} or more. If some names are wrong, the threshold is too high."
        )
