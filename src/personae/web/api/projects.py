"""Projects: collections with people and pictures of their own."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field

from personae.errors import NotFound
from personae.web.deps import Admin, Reader, SiteDep
from personae.web.errors import responses
from personae.web.models import Shape

router = APIRouter(prefix="/api/projects", tags=["projects"], dependencies=[Reader])

ProjectName = Annotated[str, Path(max_length=100, description="Name of the project.")]


class ProjectBody(BaseModel):
    """What a project is called."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(max_length=1000)


class ProjectShape(Shape):
    """A collection with people and pictures of its own; `?project=NAME` chooses it."""

    id: int
    name: str
    created_at: datetime


@router.get("", name="list")
def list_projects(site: SiteDep) -> list[ProjectShape]:
    """List the projects of the database, by name."""
    return [ProjectShape.model_validate(project) for project in site.engines.projects()]


@router.post("", name="create", status_code=201, dependencies=[Admin], responses=responses(409))
def create_project(site: SiteDep, body: ProjectBody) -> ProjectShape:
    """Make a project."""
    return ProjectShape.model_validate(site.engines.create(body.name))


@router.patch("/{project}", name="rename", dependencies=[Admin], responses=responses(404, 409))
def rename_project(site: SiteDep, project: ProjectName, body: ProjectBody) -> ProjectShape:
    """Give a project another name; not the server's own, and not while jobs of it run."""
    return ProjectShape.model_validate(site.engines.rename(project, body.name))


@router.delete("/{project}", name="remove", dependencies=[Admin], responses=responses(404, 409))
def remove_project(site: SiteDep, project: ProjectName) -> ProjectShape:
    """Remove a project with its people, pictures and files, for ever; not the server's own, and not while jobs run."""
    return ProjectShape.model_validate(site.engines.remove(project))


@router.get("/{project}", name="show", responses=responses(404))
def show_project(site: SiteDep, project: ProjectName) -> ProjectShape:
    """Show one project."""
    for each in site.engines.projects():
        if each.name == project:
            return ProjectShape.model_validate(each)
    raise NotFound(f"there is no project {project}")
