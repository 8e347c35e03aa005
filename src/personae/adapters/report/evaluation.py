"""The page of an evaluation: one HTML file that needs no network, no script and no other file."""

from __future__ import annotations

from collections import Counter
from importlib.resources import files

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from personae.adapters.report import plots
from personae.adapters.report.html import printable
from personae.core.evaluation import Evaluation


def render_evaluation(evaluation: Evaluation) -> str:
    """Return the page.

    Args:
        evaluation: what to show; of the photos that could not be used only the reasons are shown, not the names.

    Returns:
        A whole HTML document, UTF-8 encodable.
    """
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, finalize=_finalize, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["number"] = lambda value: f"{value:,}"
    environment.filters["percent"] = percent
    environment.filters["rate"] = lambda rate: f"{100 * rate:g}%"
    environment.filters["words"] = lambda reason: str(reason).replace("_", " ")
    here = files(__package__)
    style = "\n".join((here / name).read_text("utf-8") for name in ("style.css", "evaluation.css"))
    template = environment.from_string((here / "evaluation.html.j2").read_text("utf-8"))
    return template.render(
        evaluation=evaluation,
        models=evaluation.models,
        style=Markup(style),  # noqa: S704 - our own files
        comparisons=plots.comparisons(evaluation.models),
        searches=plots.searches(evaluation.models),
        probabilities=[(model.model_id, plots.probabilities(model)) for model in evaluation.models],
        questions=plots.QUESTIONS,
        histograms=[(model.model_id, plots.histogram(model)) for model in evaluation.models],
        unused=Counter(unused.reason for unused in evaluation.unused).most_common(),
    )


def percent(rate: float | None) -> str:
    """Return a rate as a percentage with as many digits as mean something."""
    if rate is None:
        return "–"
    if rate in {0, 1}:
        return f"{rate:.0%}"
    per_cent = 100 * rate
    if 0.01 <= per_cent <= 99.99:
        return f"{per_cent:.2f}%"
    return f"{per_cent:.2g}%" if per_cent < 1 else "> 99.99%"


def _finalize(value: object) -> object:
    """Clean every string that the template prints."""
    return value if isinstance(value, Markup) or not isinstance(value, str) else printable(value)
