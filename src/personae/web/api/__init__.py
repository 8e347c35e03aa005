"""The JSON API: one router a subject."""

from __future__ import annotations

from fastapi import APIRouter

from personae.web.api import (
    characters,
    clusters,
    decisions,
    enrich,
    events,
    faces,
    grouping,
    hooks,
    identify,
    images,
    jobs,
    likeness,
    people,
    projects,
    settings,
    upkeep,
)

SUBJECTS = (
    projects, people, likeness, characters, images, faces, grouping, clusters, decisions, jobs, events, hooks,
    identify, enrich, settings, upkeep,
)  # fmt: skip
ROUTERS: list[APIRouter] = [subject.router for subject in SUBJECTS]
"""What `personae.web.app.create_app` includes, in this order; each router has its whole prefix and its tag."""
