"""The kinds of jobs: what each takes from its payload, and what it runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from personae.engine import background, cluster
from personae.engine import map as face_map
from personae.engine import switch as switching
from personae.engine.backfill import backfill
from personae.engine.enrich import EnrichOptions, enrich
from personae.engine.methods import GroupOptions, choose
from personae.engine.parts import Parts
from personae.engine.progress import Resumable
from personae.engine.reference import EXTRACT
from personae.engine.reference_extract import ExtractOptions, extract
from personae.engine.relearn import reassign_smart
from personae.engine.train import TrainOptions, choose_plan, train
from personae.errors import InputError

Options = TypeVar("Options")

BEYOND = 2**63
"""The first whole number that neither the databases nor arrays hold."""


@dataclass(frozen=True)
class BackfillOptions:
    """What a backfill is told."""

    limit: int | None = None
    """Embeddings that are made at the most; None: all."""

    def __post_init__(self) -> None:
        if self.limit is not None and self.limit < 1:
            raise InputError(f"at least 1 embedding is made, not {self.limit}; leave the limit out for all")


@dataclass(frozen=True)
class NoOptions:
    """Of work that goes by the settings alone."""


@dataclass(frozen=True)
class Kind:
    """One kind of job."""

    options: type[Any]
    """Dataclass that its payload is: plain values and ids, never embeddings."""
    run: Callable[[Parts, Any, Resumable], object]
    """Does the work as the options say, and returns its summary, a dataclass. What takes `Progress` fits too."""
    check: Callable[[Parts, Any], object] = lambda _parts, _options: None
    """Raises InputError for options that `run` would refuse, before they are queued."""
    alone: bool = True
    """Whether it keeps others of the kind out of the project, as what rewrites the grouping must. What is not alone
    runs beside everything, and its last write is short."""


def _check_grouping(parts: Parts, options: GroupOptions) -> None:
    choose(options, parts.rules)


def _check_plan(parts: Parts, options: TrainOptions) -> None:
    choose_plan(options, parts.rules.plan)


KINDS: Mapping[str, Kind] = {
    "faces.group": Kind(NoOptions, lambda parts, _options, progress: cluster.group(parts, progress)),
    "faces.cluster_dual": Kind(GroupOptions, cluster.cluster_dual, _check_grouping),
    "faces.cluster": Kind(GroupOptions, cluster.cluster, _check_grouping),
    "faces.assign": Kind(GroupOptions, cluster.assign, _check_grouping),
    "faces.reassign": Kind(GroupOptions, cluster.reassign, _check_grouping),
    "faces.reassign_smart": Kind(GroupOptions, reassign_smart, _check_grouping),
    "images.ingest": Kind(background.PathOptions, background.run_ingest, background.check_paths),
    "images.organise": Kind(background.PathOptions, background.run_organise, background.check_paths),
    "people.enrich": Kind(EnrichOptions, enrich),
    EXTRACT: Kind(ExtractOptions, extract, alone=False),
    "models.evaluate": Kind(background.LabelOptions, background.run_evaluate),
    "faces.train": Kind(TrainOptions, train, _check_plan, alone=False),
    "models.switch": Kind(switching.SwitchOptions, switching.switch, switching.check, alone=False),
    "faces.backfill": Kind(BackfillOptions, lambda parts, options, progress: backfill(parts, options.limit, progress)),
    face_map.KIND: Kind(face_map.MapOptions, face_map.draw, face_map.check, alone=False),
}


def read_options(kind: type[Options], payload: Mapping[str, object]) -> Options:
    """Return the options that a payload says.

    Args:
        kind: the dataclass of the options.
        payload: values by field; what is not there has its default.

    Raises:
        InputError: there is no such field, one is missing, or a value is of another type or too large.
    """
    hints = get_type_hints(kind)
    needed = [field.name for field in fields(kind) if field.default is MISSING and field.default_factory is MISSING]  # type: ignore[arg-type]
    if lacking := [name for name in needed if name not in payload]:
        raise InputError(f"say also {' and '.join(lacking)}")
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in payload.items()}
    for name, value in values.items():
        if name not in hints:
            raise InputError(f"there is no option {name}; there are: {', '.join(hints)}")
        if not _fits(value, hints[name]):
            raise InputError(f"option {name} is not of its type: {value!r}")
        if isinstance(value, int) and abs(value) >= BEYOND:
            raise InputError(f"option {name}: a number is too large")
    return kind(**values)


def _fits(value: object, hint: Any) -> bool:
    """Whether a value of JSON, its lists made tuples, is what an option takes."""
    if get_origin(hint) is tuple:
        return isinstance(value, tuple) and all(isinstance(member, get_args(hint)[0]) for member in value)
    whole = isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, hint) or (whole and isinstance(0.0, hint))
