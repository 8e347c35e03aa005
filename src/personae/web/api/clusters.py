"""Unknown groups: faces of one person each, whom nobody has named yet."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, model_validator

from personae.engine.facade import Engine
from personae.web.api.ids import ClusterNumber, Id
from personae.web.deps import EngineDep, Reader, Writer
from personae.web.errors import responses
from personae.web.models import (
    ClusterShape,
    FaceShape,
    NameBody,
    OperationShape,
    SplitBody,
    SplitProposalShape,
    SplitShape,
)
from personae.web.once import OnceRoute
from personae.web.paging import Page, PagingDep

router = APIRouter(prefix="/api/clusters", tags=["clusters"], dependencies=[Reader], route_class=OnceRoute)
CHANGED = responses(404, 409)


class JoinBody(BaseModel):
    """Whom a group is one with: a person or another group."""

    model_config = ConfigDict(extra="forbid")

    person_id: Id | None = None
    cluster_id: Id | None = None

    @model_validator(mode="after")
    def _one(self) -> JoinBody:
        if (self.person_id is None) == (self.cluster_id is None):
            raise ValueError("say either person_id or cluster_id")
        return self


class PersonBody(BaseModel):
    """Who a group is not."""

    model_config = ConfigDict(extra="forbid")

    person_id: Id = Field(description="The person.")


@router.get("", name="list")
def list_clusters(engine: EngineDep, paging: PagingDep) -> Page[ClusterShape]:
    """List the unknown groups, oldest first."""
    start = paging.start(int)
    rows = engine.browse.clusters(int(start[0]) if start else 0, paging.limit + 1)
    return paging.page(rows, lambda cluster: (int(cluster.id),), ClusterShape.model_validate)


@router.get("/{cluster_id}", name="show", responses=responses(404))
def show_cluster(engine: EngineDep, cluster_id: ClusterNumber) -> ClusterShape:
    """Show one unknown group; its faces are at /api/faces?cluster_id=."""
    return ClusterShape.model_validate(engine.browse.cluster(cluster_id))


@router.get("/{cluster_id}/faces", name="faces", responses=CHANGED)
def faces_of_cluster(engine: EngineDep, cluster_id: ClusterNumber) -> list[FaceShape]:
    """List the faces of an unknown group, best first, each with its receipt; at most 1,000 of them."""
    shown = engine.show(_label(engine, cluster_id))
    return [FaceShape.of(face) for face in engine.browse.several([face.face_id for face in shown.faces[:1000]])]


@router.post("/{cluster_id}/name", name="name", dependencies=[Writer], responses=CHANGED)
def name_cluster(engine: EngineDep, cluster_id: ClusterNumber, body: NameBody) -> OperationShape:
    """Give an unknown group a name: it becomes a person, or joins the one of this name."""
    return OperationShape.of(engine.name(_label(engine, cluster_id), body.name))


@router.post("/{cluster_id}/merge", name="merge", dependencies=[Writer], responses=CHANGED)
def merge_cluster(engine: EngineDep, cluster_id: ClusterNumber, body: JoinBody) -> OperationShape:
    """Make an unknown group one with a person, or with another group."""
    into = _label(engine, body.cluster_id) if body.cluster_id is not None else f"#{body.person_id}"
    return OperationShape.of(engine.merge(_label(engine, cluster_id), into))


@router.post("/{cluster_id}/reject", name="reject", dependencies=[Writer], responses=CHANGED)
def reject_cluster(engine: EngineDep, cluster_id: ClusterNumber, body: PersonBody) -> OperationShape:
    """Say that no face of a group is this person; it is never proposed again."""
    return OperationShape.of(engine.reject(_label(engine, cluster_id), f"#{body.person_id}"))


@router.post("/{cluster_id}/hide", name="hide", dependencies=[Writer], responses=CHANGED)
def hide_cluster(engine: EngineDep, cluster_id: ClusterNumber) -> OperationShape:
    """Leave a group out where the pages list people, however its faces are grouped again."""
    return OperationShape.of(engine.hide(_label(engine, cluster_id)))


@router.post("/{cluster_id}/show", name="show_again", dependencies=[Writer], responses=CHANGED)
def show_cluster_again(engine: EngineDep, cluster_id: ClusterNumber) -> OperationShape:
    """Show a group that was hidden."""
    return OperationShape.of(engine.show_again(_label(engine, cluster_id)))


@router.get("/{cluster_id}/split", name="propose_split", responses=CHANGED)
def propose_split_of_cluster(engine: EngineDep, cluster_id: ClusterNumber) -> SplitProposalShape:
    """Propose how to split a group in two; nothing is written."""
    return SplitProposalShape.model_validate(engine.propose_split(_label(engine, cluster_id)))


@router.post("/{cluster_id}/split", name="split", dependencies=[Writer], responses=CHANGED)
def split_cluster(engine: EngineDep, cluster_id: ClusterNumber, body: SplitBody) -> SplitShape:
    """Take faces out of a group: they become a group of their own, or the person of this name."""
    return SplitShape.model_validate(engine.split(_label(engine, cluster_id), body.face_ids, body.name))


def _label(engine: Engine, cluster_id: int) -> str:
    """Return how the engine's verbs call a group. Raises NotFound."""
    return engine.browse.cluster(cluster_id).label
