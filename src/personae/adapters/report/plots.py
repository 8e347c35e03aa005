"""Plots of an evaluation, as SVG pictures that stand for themselves."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from personae.core.evaluation import FARS, FPIRS, Curve, Measured

WIDTH, HEIGHT = 4.8, 3.3
"""Inches at 72 to the inch: about the width of a telephone, so that letters of 9 points can be read there."""
LETTERS = 9.0
MATED, NONMATED, MARK = "#0b62a4", "#c4501b", "#333333"
LINES = (("#0b62a4", "--"), ("#c4501b", "-."), ("#1d1d1d", "-"), ("#2e7d4f", ":"))
"""Told apart without colours as well."""
EDGE = 1.3
"""Room beside the lowest and the highest rate, so that a line on them can be seen."""
PLOTTED_FROM = 10
"""Answers from which on a bin of a reliability plot is drawn: fewer lie anywhere."""
QUESTIONS = {"face": "searches for a person", "pair": "comparisons of two photos"}
FLOOR = 1e-4
"""Lowest rate that a curve is drawn at, and the lower edge: zero has no place on a logarithmic axis."""


def histogram(model: Measured) -> str:
    """Return the scores of pairs of one person and of two, with the model's thresholds, as a data: URI."""
    figure, axes = _blank(f"Scores under {model.model_id}", "cosine score", "share of the pairs")
    edges = model.plots.edges
    for shares, colour, hatch, label in (
        (model.plots.nonmated, NONMATED, "///", "different people"),
        (model.plots.mated, MATED, "", "one person"),
    ):
        axes.stairs(shares, edges, fill=True, facecolor=colour, alpha=0.35, hatch=hatch, edgecolor=colour, label=label)
        axes.stairs(shares, edges, color=colour, linewidth=1.2)
    axes.set_xlim(edges[0], 1.0)
    axes.set_ylim(bottom=0)
    top = axes.get_ylim()[1]
    axes.set_ylim(0, top * 1.12)
    for rate in model.at_thresholds:
        axes.axvline(rate.threshold, color=MARK, linewidth=0.9, linestyle=":")
        axes.text(rate.threshold, top * 1.1, f"{rate.name} ", rotation=90, va="top", ha="right", fontsize=LETTERS - 1.5)
    axes.yaxis.set_major_formatter(FuncFormatter(_percent))
    figure.legend(fontsize=LETTERS - 1, frameon=False, ncols=2, loc="outside lower center")
    return _picture(figure)


def comparisons(models: Sequence[Measured]) -> str:
    """Return FNMR over FMR of each model as a data: URI."""
    figure, axes = _blank("Comparing two faces", "FMR: different people match", "FNMR: one person does not")
    _curves(axes, [(model.model_id, model.plots.comparisons) for model in models], FARS)
    return _picture(figure)


def searches(models: Sequence[Measured]) -> str:
    """Return FNIR over FPIR of each model as a data: URI."""
    figure, axes = _blank("Searching a gallery", "FPIR: a stranger is answered", "FNIR: an enrolled person is missed")
    _curves(axes, [(model.model_id, model.plots.searches) for model in models], FPIRS)
    return _picture(figure)


def probabilities(model: Measured) -> str:
    """Return how often scores were right over how often that was said, as a data: URI."""
    figure, axes = _blank(f"How sure is {model.model_id}?", "said to be right", "right")
    axes.plot([0, 1], [0, 1], color=MARK, linewidth=0.9, linestyle=":", label="as said")
    for told, (colour, line), marker in zip(model.foretold, LINES, "os", strict=False):
        bins = [] if told.found is None else [each for each in told.found.bins if each.answers >= PLOTTED_FROM]
        if bins:
            said, right = ([getattr(each, name) for each in bins] for name in ("said", "right"))
            axes.plot(said, right, line, color=colour, marker=marker, markersize=4, linewidth=1.2,
                      label=QUESTIONS[told.question])  # fmt: skip
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(FuncFormatter(_percent))
    if not any(told.found for told in model.foretold):
        axes.text(0.5, 0.25, "too few photos", transform=axes.transAxes, ha="center", fontsize=LETTERS)
    axes.legend(fontsize=LETTERS - 1, frameon=False, loc="upper left")
    return _picture(figure)


def _blank(title: str, across: str, up: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(WIDTH, HEIGHT), layout="constrained")
    axes = figure.add_subplot()
    axes.set_title(title, fontsize=LETTERS + 1.5)
    axes.set_xlabel(across, fontsize=LETTERS)
    axes.set_ylabel(up, fontsize=LETTERS)
    axes.tick_params(labelsize=LETTERS - 1)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _curves(axes: Axes, curves: Sequence[tuple[str, Curve]], marks: Sequence[float]) -> None:
    """Draw error rates on two logarithmic axes, as detection error trade-off curves are, and mark some rates."""
    for (label, curve), (colour, line) in zip(curves, LINES * len(curves), strict=False):
        if curve.x:
            axes.plot(curve.x, [max(rate, FLOOR) for rate in curve.y], line, color=colour, linewidth=1.6, label=label)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_ylim(FLOOR / EDGE, EDGE)
    axes.xaxis.set_major_formatter(FuncFormatter(_percent))
    axes.yaxis.set_major_formatter(
        FuncFormatter(lambda rate, _: f"0 to {100 * FLOOR:g}%" if rate <= FLOOR else _percent(rate))
    )
    for mark in marks:
        axes.axvline(mark, color=MARK, linewidth=0.9, linestyle=":")
    axes.grid(visible=True, which="major", color="#dddddd", linewidth=0.6)
    if any(curve.x for _, curve in curves):
        axes.legend(fontsize=LETTERS - 1, frameon=False)
    else:
        axes.text(0.5, 0.5, "too few photos", transform=axes.transAxes, ha="center", fontsize=LETTERS)


def _percent(rate: float, _: int | None = None) -> str:
    return f"{100 * rate:g}%"


def _picture(figure: Figure) -> str:
    drawn = io.BytesIO()
    FigureCanvasSVG(figure)
    figure.savefig(drawn, format="svg", metadata={"Date": None, "Creator": None})
    return "data:image/svg+xml;base64," + base64.b64encode(drawn.getvalue()).decode("ascii")
