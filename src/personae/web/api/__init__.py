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
    models,
    people,
    projects,
    settings,
    training,
    upkeep,
)

# A request's path is tried against one route after another: those come first that pages ask again and again.
SUBJECTS = (
    likeness, characters, jobs, events, faces, people, images, projects, grouping, clusters, decisions, hooks,
    identify, enrich, settings, training, models, upkeep,
)  # fmt: skip
ROUTERS: list[APIRouter] = [subject.router for subject in SUBJECTS]
"""What `personae.web.app.create_app` includes, in this order; each router has its whole prefix and its tag."""
