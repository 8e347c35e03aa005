"""Settings: what is in force, who has set it, and changing it while the server runs."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path as File
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from personae.preferences import InForce, PreferenceScope
from personae.settings import describe, origin
from personae.web.deps import Admin, EngineDep, KeyDep, Reader, SiteDep
from personae.web.errors import responses
from personae.web.site import Site

router = APIRouter(prefix="/api/settings", tags=["settings"], dependencies=[Reader])
PLACES = {"database_url"}
"""Settings that hold a place on the server's machine, beside those that are paths: they are not shown."""
NOBODY = "this machine"
"""Who sets something where no key is asked for."""

SettingName = Annotated[str, Path(max_length=100, description="Name of the setting.")]


class SettingShape(BaseModel):
    """One setting; what holds a place on the server's machine has no value here."""

    name: str
    value: Any
    source: str = Field(description="project, studio, command line, environment, personae.toml or default.")
    set_by: str | None = Field(description="Who has set it while personae ran: the key's name, or a user's.")
    set_at: datetime | None
    changeable: bool = Field(description="Whether it may be changed while the server runs.")
    environment: str
    description: str


class ValueBody(BaseModel):
    """What a setting is to be."""

    model_config = ConfigDict(extra="forbid")

    value: Annotated[float, Field(strict=True, allow_inf_nan=False)] | str = Field(
        description="As the setting takes it."
    )
    scope: PreferenceScope = Field(
        default=PreferenceScope.PROJECT,
        description="For this project, or (studio) for all that have none of their own.",
    )


@router.get("", name="list", dependencies=[Admin])
def list_settings(site: SiteDep, engine: EngineDep) -> list[SettingShape]:
    """Show every setting, its value, where it comes from, and who set it."""
    return _shapes(site, engine.settings())


@router.put("/{name}", name="set", dependencies=[Admin], responses=responses(404))
def set_setting(site: SiteDep, engine: EngineDep, key: KeyDep, name: SettingName, body: ValueBody) -> SettingShape:
    """Change a setting from now on, for this project or for the studio; the answer says what is in force."""
    by = NOBODY if key is None else key.name
    return _shape(site, engine.set_setting(name, body.value, by, body.scope is PreferenceScope.STUDIO))


@router.delete("/{name}", name="unset", dependencies=[Admin], responses=responses(404))
def unset_setting(
    site: SiteDep, engine: EngineDep, name: SettingName,
    scope: Annotated[PreferenceScope, Query(description="Whose value is taken back.")] = PreferenceScope.PROJECT,
) -> SettingShape:  # fmt: skip
    """Take a change back; the answer says what is in force."""
    return _shape(site, engine.unset_setting(name, scope is PreferenceScope.STUDIO))


def _shape(site: Site, now: InForce) -> SettingShape:
    return next(each for each in _shapes(site, [now]) if each.name == now.name)


def _shapes(site: Site, changed: list[InForce]) -> list[SettingShape]:
    now = {each.name: each for each in changed}
    return [_described(site, row, now.get(row["name"])) for row in describe(site.settings)]


def _described(site: Site, row: dict[str, Any], now: InForce | None) -> SettingShape:
    if now is not None:
        told = {"value": now.value, "source": now.source, "set_by": now.set_by, "set_at": now.set_at}
    else:
        hidden = isinstance(row["value"], File) or row["name"] in PLACES
        told = {"value": None if hidden else row["value"], "source": origin(site.settings, row["name"]),
                "set_by": None, "set_at": None}  # fmt: skip
    return SettingShape(**{**row, **told}, changeable=now is not None)
