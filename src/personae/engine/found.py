"""What was found in the collection so far: how many of what, and the largest of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from personae.engine.cluster import CURSOR
from personae.engine.parts import Parts
from personae.ports import PeopleFilter, PeopleOrder, Transaction
from personae.types import Cluster, FaceRole, Person

NEW = ("face.added", "face.embedded")
"""Events after which there is something to group."""
LARGEST = 12
"""People, and groups, that are told one by one."""


@dataclass(frozen=True, slots=True)
class Found:
    """The collection as somebody sees it who has just brought it."""

    photos: int
    faces: int
    """Those that were not refused."""
    named_faces: int
    single_faces: int
    """With neither person nor group."""
    refused_faces: int
    people: int
    """With a face at least; those that are hidden are left out, likewise below."""
    groups: int
    largest_people: tuple[Person, ...] = ()
    largest_groups: tuple[Cluster, ...] = ()
    refused_files: Mapping[str, int] = field(default_factory=dict)
    """By reason."""
    refused_by: Mapping[str, int] = field(default_factory=dict)
    """Faces by reason; one may have several."""
    ungrouped: bool = False
    """Whether faces have come since the last grouping."""
    seq: int = 0
    """Number of the latest event by then."""


def found(parts: Parts) -> Found:
    """Return what there is; it is counted once for each event."""
    with parts.store.read() as tx:
        images, last = tx.images.counts(), tx.events.last()
        kept = parts.found.value
        counted = kept if kept is not None and kept.seq == last else _counted(tx, last)
    parts.found.value = counted
    return replace(counted, photos=images.get("images", 0), refused_files=_of(images, "refused:"))


def _counted(tx: Transaction, last: int) -> Found:
    """Count what no more than events tell of; photos are left out."""
    faces = tx.faces.counts()
    largest = tx.browse.named(PeopleFilter(), PeopleOrder.FACES, None, LARGEST)
    kept = faces.get(FaceRole.FOUNDING, 0) + faces.get(FaceRole.SUPPORTING, 0)
    return Found(
        photos=0,
        faces=kept,
        named_faces=faces.get("named", 0),
        single_faces=kept - faces.get("named", 0) - faces.get("clustered", 0),
        refused_faces=faces.get(FaceRole.REFUSED, 0),
        people=tx.browse.with_faces(),
        groups=len(tx.browse.group_sizes(hidden=False)),
        largest_people=tuple(person for person in largest if person.face_count),
        largest_groups=tuple(tx.browse.groups(None, LARGEST)),
        refused_by=_of(faces, f"{FaceRole.REFUSED}:"),
        ungrouped=bool(tx.events.after(tx.events.cursor(CURSOR), 1, NEW)),
        seq=last,
    )


def _of(counts: Mapping[str, int], prefix: str) -> dict[str, int]:
    """Return the counts of a prefix without it, most first."""
    mine = {key.removeprefix(prefix): count for key, count in counts.items() if key.startswith(prefix)}
    return dict(sorted(mine.items(), key=lambda item: (-item[1], item[0])))
