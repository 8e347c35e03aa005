"""The likeness along a sequence of frames, as a picture and as a page."""

from __future__ import annotations

import base64
import io
from importlib.resources import files

import numpy as np
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from personae.adapters.report.html import printable
from personae.album import reason_words
from personae.core.continuity import Continuity, Drop, FrameScore
from personae.errors import InputError

WIDTH, HEIGHT = 9.6, 3.6
"""Inches at `DOTS` to the inch."""
DOTS = 144
LETTERS = 9.0
LINE, MARK, GREY = "#0b62a4", "#c4501b", "#777777"
ROWS = 500
"""Drops that the page lists."""
FORMS = ("png", "svg", "html")


def draw_continuity(continuity: Continuity, form: str) -> bytes:
    """Return the scores over the frames, drops marked.

    Args:
        continuity: what was measured.
        form: png or svg for the plot alone, html for a page with the plot and the list of drops.

    Raises:
        InputError: another form.
    """
    if form not in FORMS:
        raise InputError(f"a continuity is drawn as {', '.join(FORMS)}, not as {form or 'a file without a suffix'}")
    return _page(continuity).encode() if form == "html" else _plot(continuity, form)


def _plot(continuity: Continuity, form: str) -> bytes:
    figure = Figure(figsize=(WIDTH, HEIGHT), layout="constrained")
    axes = figure.add_subplot()
    clock = all(frame.seconds is not None for frame in continuity.frames)
    axes.set_xlabel("seconds" if clock else "frame", fontsize=LETTERS)
    axes.set_ylabel("cosine score", fontsize=LETTERS)
    axes.tick_params(labelsize=LETTERS - 1)
    axes.spines[["top", "right"]].set_visible(False)
    _draw(axes, continuity, clock)
    drawn = io.BytesIO()
    if form == "svg":
        FigureCanvasSVG(figure)
        figure.savefig(drawn, format="svg", metadata={"Date": None, "Creator": None})
    else:
        FigureCanvasAgg(figure)
        figure.savefig(drawn, format="png", dpi=DOTS, metadata={"Software": None})
    return drawn.getvalue()


def _draw(axes: Axes, continuity: Continuity, clock: bool) -> None:
    frames = continuity.frames
    places = np.array([_place(frame, clock) for frame in frames])
    # A gap in the line is a frame without a score.
    scores = np.array([np.nan if frame.score is None else frame.score for frame in frames])
    axes.plot(places, scores, color=LINE, linewidth=1.4, marker=".", markersize=4, label="score")
    for drop, marker in ((Drop.BELOW_THRESHOLD, "x"), (Drop.BELOW_MEDIAN, "v")):
        at = np.array([frame.drop is drop for frame in frames], bool)
        if at.any():
            axes.plot(places[at], scores[at], marker, color=MARK, markersize=6, label=reason_words(drop))
    faceless = np.isnan(scores)
    low = min(continuity.threshold, float(np.nanmin(scores)) if not faceless.all() else 0.0) - 0.08
    if faceless.any():
        axes.plot(places[faceless], np.full(faceless.sum(), low), "|", color=GREY, markersize=8, label="no score")
    axes.axhline(continuity.threshold, color=MARK, linewidth=1, linestyle="--", label="threshold of the model")
    if continuity.median is not None and continuity.floor is not None:
        axes.axhline(continuity.median, color=GREY, linewidth=0.9, linestyle=":", label="median of the sequence")
        axes.axhline(continuity.floor, color=GREY, linewidth=0.9, linestyle="-.", label="usual down to here")
    axes.set_ylim(low - 0.04, 1.02)
    axes.legend(fontsize=LETTERS - 1.5, frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))


def _place(frame: FrameScore, clock: bool) -> float:
    return frame.seconds if clock and frame.seconds is not None else float(frame.number)


def _page(continuity: Continuity) -> str:
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, finalize=_finalize, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["number"] = lambda value: f"{value:,}"
    environment.filters["score"] = lambda value: "–" if value is None else f"{value:.3f}"
    environment.filters["words"] = reason_words
    here = files(__package__)
    template = environment.from_string((here / "continuity.html.j2").read_text("utf-8"))
    plot = base64.b64encode(_plot(continuity, "svg")).decode("ascii")
    reasons = {frame.number: frame.reasons for frame in continuity.frames}
    return template.render(
        continuity=continuity,
        style=Markup((here / "style.css").read_text("utf-8")),  # noqa: S704 - our own file
        plot=f"data:image/svg+xml;base64,{plot}",
        drops=[(spell, reasons[spell.lowest_frame]) for spell in continuity.drops[:ROWS]],
        more=max(0, len(continuity.drops) - ROWS),
    )


def _finalize(value: object) -> object:
    """Clean every string that the template prints."""
    return value if isinstance(value, Markup) or not isinstance(value, str) else printable(value)
