"""The pages: one router a subject, server-rendered, on the API's own engine calls."""

from __future__ import annotations

from fastapi import APIRouter

from personae.web.pages import (
    assets,
    audit,
    character,
    character_checks,
    character_pictures,
    characters,
    face_map,
    frame,
    group,
    jobs,
    live,
    models,
    people,
    person,
    photo,
    photos,
    review,
    settings,
    signing,
    sources,
    start,
    who,
)

ROUTERS: list[APIRouter] = [
    assets.router,
    characters.router,
    character.router,
    character_checks.router,
    character_pictures.router,
    signing.router,
    frame.router,
    start.router,
    live.router,
    jobs.router,
    review.router,
    photos.router,
    photo.router,
    who.router,
    people.router,
    person.router,
    group.router,
    audit.router,
    sources.router,
    settings.router,
    models.router,
    face_map.router,
]
"""What `personae.web.app.create_app` includes, in this order; none is in the API's document."""
