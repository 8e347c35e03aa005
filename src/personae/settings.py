"""What the user may choose: command line > environment > personae.toml > default."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated, Any, Literal

from platformdirs import user_cache_path, user_config_path, user_data_path
from pydantic import Field, SecretStr, TypeAdapter, field_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from personae.access import DEFAULT_PROJECT

PREFIX = "PERSONAE_"


Method = Literal["auto", "linkage", "whispers", "hdbscan", "dbscan", "agglomerative"]


class Settings(BaseSettings):
    """Every setting, with its default. Fields are read from `PERSONAE_<NAME>` unless another name is given."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", populate_by_name=True, frozen=True)

    home: Path = Field(
        default_factory=lambda: user_data_path("personae"),
        description="Folder of the store, the crops, the indexes and the report; one for each database.",
    )
    database_url: str = Field(
        default="",
        description="SQLAlchemy URL of the store; empty: SQLite in `home`. PostgreSQL: postgresql+psycopg://...",
    )
    project: str = Field(default=DEFAULT_PROJECT, description="Name of the project to work in.")
    models_dir: Path = Field(
        default_factory=lambda: user_cache_path("personae") / "models",
        description="Folder where pulled and converted models are kept.",
    )
    detector: str = Field(default="centerface", description="model_id of the face detector.")
    embedders: Annotated[tuple[str, ...], NoDecode] = Field(
        default=("facenet512", "arcface512"),
        min_length=1,
        description="model_ids of the embedders, in the environment with commas; with two, their scores are fused.",
    )
    model_name: str = Field(
        default="",
        validation_alias="FACE_MODEL_NAME",
        description="The embedder, or two joined by +, over `embedders`; buffalo_l is InsightFace's. Empty: buffalo_l "
        "when it was added and `embedders` is not set, else `embedders`.",
    )
    model_checkpoint: str = Field(
        default="",
        pattern=r"^(head-[0-9a-f]{16})?$",
        validation_alias="FACE_MODEL_CHECKPOINT",
        description="The head that a project goes by which was never switched to another model; empty: none.",
    )
    profile: Literal["album", "enrich"] = Field(default="album", description="Quality gates that faces pass.")
    min_face_side: float | None = Field(
        default=None,
        ge=0,
        description="Overrides the profile's smallest face side, pixels.",
    )
    min_det_score: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="Overrides the profile's lowest detector confidence.",
    )
    enrich_min_face_side: float = Field(
        default=80, ge=0, description="Smallest side of a face that a source brings, pixels."
    )
    enrich_min_det_score: float = Field(
        default=0.8, ge=0, le=1, description="Lowest detector confidence of a face that a source brings."
    )
    enrich_min_image_side: float = Field(
        default=400, ge=0, description="Shorter side that a source's photo has at least, pixels; 0: any."
    )
    enrich_max_yaw: float = Field(
        default=45, ge=0, le=180, description="How far a head that a source brings may be turned, degrees; 180: any."
    )
    device: Literal["auto", "cpu", "cuda"] = Field(
        default="auto", description="Where models run; auto: CUDA when present."
    )
    workers: int = Field(
        default_factory=lambda: (
            len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        ),
        ge=1,
        description="Inference threads; default: the processor's cores.",
    )
    batch_size: int = Field(
        default=32,
        ge=1,
        le=4096,
        validation_alias="FACE_BATCH_SIZE",
        description="Images in one transaction, and faces in one step of training.",
    )
    max_pixels: int = Field(
        default=150_000_000,
        ge=1,
        description="Images with more pixels than this are refused before they are decoded.",
    )
    max_file_bytes: int = Field(
        default=512 * 2**20,
        ge=1,
        description="Files larger than this are refused unread.",
    )
    max_upload_bytes: int = Field(
        default=256 * 2**20,
        ge=1,
        description="Uploads to the server, all files of one request together, that are larger are refused.",
    )
    exact_limit: int = Field(
        default=100_000,
        ge=0,
        description="Up to so many faces the index is searched exactly; above it, by Voyager with exact re-ranking.",
    )
    index: Literal["auto", "exact", "voyager", "qdrant", "qdrant-edge", "pgvector"] = Field(
        default="auto",
        description="What finds the nearest faces; auto: qdrant where `qdrant_url` is set, else by `exact_limit`.",
    )
    qdrant_url: str = Field(
        default="",
        validation_alias="QDRANT_URL",
        description="Address of a Qdrant server, to which embeddings are sent; empty: Qdrant keeps them in `home`.",
    )
    qdrant_api_key: SecretStr = Field(
        default=SecretStr(""),
        validation_alias="QDRANT_API_KEY",
        description="What the Qdrant server asks for; never shown.",
    )
    person_match_threshold: float = Field(
        default=0.7,
        ge=-1,
        le=1,
        validation_alias="FACE_PERSON_MATCH_THRESHOLD",
        description="Score from which a face is tied to a known person without asking.",
    )
    unknown_method: Method = Field(
        default="auto",
        validation_alias="FACE_UNKNOWN_CLUSTERING_METHOD",
        description="How unknown faces are grouped: auto (which is linkage), whispers, hdbscan, dbscan, agglomerative.",
    )
    unknown_eps: float = Field(
        default=0.5,
        gt=0,
        le=2,
        validation_alias="FACE_UNKNOWN_EPS",
        description="Cosine distance up to which dbscan calls faces neighbours.",
    )
    unknown_min_cluster_size: int = Field(
        default=3,
        ge=2,
        le=1_000_000,
        validation_alias="FACE_UNKNOWN_MIN_CLUSTER_SIZE",
        description="Smallest group that is shown as an unknown person.",
    )
    redis_url: str = Field(
        default="",
        validation_alias="REDIS_URL",
        description="Address of a Redis server that carries jobs to `personae worker`; empty: none.",
    )
    hooks_allow_private: bool = Field(
        default=False,
        description="Whether webhooks may lead to this machine and the operator's own network.",
    )
    reference_threshold: float = Field(
        default=0.7,
        ge=0,
        le=1,
        description="Detector confidence under which the face of a character's reference is low_confidence.",
    )
    triplet_margin: float = Field(
        default=0.2,
        ge=0,
        le=2,
        validation_alias="FACE_TRIPLET_MARGIN",
        description="How far training wants different people to be beyond faces of one person.",
    )
    training_epochs: int = Field(
        default=20,
        ge=1,
        le=10_000,
        validation_alias="FACE_TRAINING_EPOCHS",
        description="How often training looks at every face.",
    )
    learning_rate: float = Field(
        default=0.0001,
        gt=0,
        le=1,
        validation_alias="FACE_LEARNING_RATE",
        description="Size of one step of training.",
    )
    training_enabled: bool = Field(
        default=False,
        validation_alias="FACE_TRAINING_ENABLED",
        description="Whether `faces reassign` learns from new labels first; no: only when it is told to.",
    )
    sources_file: Path = Field(
        default=Path("sources.yaml"), description="Where the sources of people are listed; see sources.md."
    )

    @field_validator("embedders", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        """Take the comma-separated form of the environment."""
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the signature is pydantic's
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Put personae.toml (working folder, else the user's configuration folder) below the environment."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, config_file())


def config_file() -> Path:
    """Return the personae.toml that is read: the working folder's, else the user's."""
    here = Path("personae.toml")
    return here if here.is_file() else user_config_path("personae") / "personae.toml"


def as_environment(settings: Settings) -> dict[str, str]:
    """Return the environment variables under which another process has the same settings; passwords are in them."""
    variables = {}
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        # What nobody chose is left to the other process: some defaults depend on what was not chosen.
        if value is not None and name in settings.model_fields_set:
            plain = value.get_secret_value() if isinstance(value, SecretStr) else value
            variables[_environment_name(name)] = ",".join(plain) if isinstance(plain, tuple) else str(plain)
    return variables


def origin(settings: Settings, name: str) -> str:
    """Return where a value comes from: command line, environment, personae.toml or default."""
    if name not in settings.model_fields_set:
        return "default"
    variables = {key.lower(): text for key, text in os.environ.items()}
    own, value = variables.get(_environment_name(name).lower()), getattr(settings, name)
    if own is not None and _same(name, own, value):
        return "environment"
    written = TomlConfigSettingsSource(type(settings), config_file())()
    if own is None and {name, _environment_name(name)} & set(written):
        return "personae.toml"
    return "command line"


def checked(name: str, value: object) -> Any:
    """Return a value as a setting takes it. Raises ValueError that says what it must be."""
    info = Settings.model_fields[name]
    if isinstance(value, bool) and info.annotation is not bool:
        raise ValueError("true and false are no values of it")
    kind: Any = Annotated[info.annotation, *info.metadata] if info.metadata else info.annotation
    return TypeAdapter(kind).validate_python(value)


def _same(name: str, text: str, value: object) -> bool:
    try:
        return bool(checked(name, text) == value)
    except ValueError:
        # A list, which the environment spells with commas.
        return True


def _environment_name(name: str) -> str:
    alias = Settings.model_fields[name].validation_alias
    return alias if isinstance(alias, str) else PREFIX + name.upper()


def describe(settings: Settings) -> list[dict[str, Any]]:
    """Return name, value, environment variable and meaning of every setting, for `config show` and the docs."""
    rows = []
    for name, info in type(settings).model_fields.items():
        rows.append(
            {
                "name": name,
                "value": _without_password(getattr(settings, name)),
                "environment": _environment_name(name),
                "description": info.description or "",
            }
        )
    return rows


def _without_password(value: Any) -> Any:
    """Hide a secret, and the password of an address."""
    if isinstance(value, SecretStr):
        return "***" if value.get_secret_value() else ""
    if not isinstance(value, str):
        return value
    return re.sub(r"([?&]password=)[^&]*", r"\1***", re.sub(r"(://[^:/@]*):.*@", r"\1:***@", value))
