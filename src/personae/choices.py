"""From settings to the rules that use cases obey, and those of them that may be changed while personae runs."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from pydantic import ValidationError

from personae.core.quality import ENRICH, PROFILES, Gates
from personae.engine.parts import Rules
from personae.engine.preferences import RULES
from personae.errors import InputError
from personae.ports.train import SAMPLED, Plan
from personae.preferences import Changeable, Value
from personae.settings import Settings, checked, origin


def rules_of(settings: Settings, embedders: tuple[str, ...]) -> Rules:
    """Return the rules that use cases obey.

    Args:
        settings: as they are at the start.
        embedders: model_ids of the embedders that they lead to.
    """
    return Rules(
        gates=_gates(settings),
        workers=settings.workers,
        batch_size=settings.batch_size,
        max_file_bytes=settings.max_file_bytes,
        match_threshold=settings.person_match_threshold,
        unknown_method=settings.unknown_method,
        min_cluster_size=settings.unknown_min_cluster_size,
        unknown_eps=settings.unknown_eps,
        embedders=embedders,
        enrich_gates=_enrich_gates(settings),
        reference_threshold=settings.reference_threshold,
        plan=_plan(settings),
        trains=settings.training_enabled,
    )


def _plan(settings: Settings) -> Plan:
    return Plan(
        margin=settings.triplet_margin,
        epochs=settings.training_epochs,
        batch_size=max(2 * SAMPLED, settings.batch_size),
        learning_rate=settings.learning_rate,
    )


def changeable_of(settings: Settings) -> list[Changeable]:
    """Return the settings that may be changed while personae runs, as they are at the start."""
    return [
        Changeable(name, getattr(settings, name), origin(settings, name), partial(_checked, name)) for name in RULES
    ]


def _checked(name: str, value: object) -> Value:
    try:
        found: Value = checked(name, value)
    except ValidationError as error:
        raise InputError(f"{name}: {'; '.join(each['msg'] for each in error.errors())}") from error
    except ValueError as error:
        raise InputError(f"{name}: {error}") from error
    return found


def _gates(settings: Settings) -> Gates:
    """The profile's gates, with the user's own values where there are any."""
    gates = PROFILES[settings.profile]
    if settings.min_face_side is not None:
        gates = replace(gates, min_face_side=settings.min_face_side)
    if settings.min_det_score is not None:
        gates = replace(gates, min_det_score=settings.min_det_score)
    return gates


def _enrich_gates(settings: Settings) -> Gates:
    """The gates of faces that sources bring: what a face of one's own photos must be does not weaken them."""
    return replace(
        ENRICH,
        min_face_side=settings.enrich_min_face_side,
        min_det_score=settings.enrich_min_det_score,
        min_image_side=settings.enrich_min_image_side,
        max_yaw=settings.enrich_max_yaw,
    )
