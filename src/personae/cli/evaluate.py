"""Verbs that measure: evaluate, calibrate."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from personae.cli.context import Context, Json, columns, out, printable, show_json
from personae.cli.progress import watching

if TYPE_CHECKING:
    from personae.core.evaluation import Evaluation, Measured
    from personae.engine.calibrate import Calibrated

UNUSED_SHOWN = 20


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
    reset: Annotated[bool, typer.Option("--reset", help="Go by the models' own threshold again.")] = False,
    json: Json = False,
) -> None:
    """Find the score that strangers of your own gallery reach at a false match rate, and ask from there on."""
    obj: Context = context.obj
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
