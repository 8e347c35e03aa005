"""What sources of people say: records of people, references to their photos, and how far a source is trusted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from enum import StrEnum


class Trust(StrEnum):
    """How far a source is trusted to show the person it names."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class Gender(StrEnum):
    """As the source states it; never inferred."""

    MALE = "male"
    FEMALE = "female"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class ImageRef:
    """A photo that a source offers of a person, not yet fetched."""

    id: str
    """Unique within the source; the same photo keeps it."""
    url: str
    """Where it is: https:, http: or file:."""
    width: int | None = None
    height: int | None = None
    sha256: str | None = None
    """Of the bytes, where the source says it."""
    licence: str = ""
    purpose: str = ""
    expires: date | None = None
    """After this day the photo may not be used."""

    def usable(self, now: datetime) -> bool:
        """Whether the photo may be used at this moment: through the whole of its last day, in UTC."""
        return self.expires is None or now.astimezone(UTC).date() <= self.expires


@dataclass(frozen=True, slots=True)
class PersonRecord:
    """A person as one source describes them. What the source does not say is None or empty."""

    external_id: str
    name: str
    disambiguation: str = ""
    aliases: tuple[str, ...] = ()
    gender: Gender | None = None
    country: str = ""
    birth_date: str = ""
    """ISO 8601, perhaps only the year or month."""
    death_date: str = ""
    ethnicity: str = ""
    """As the source states it; never inferred."""
    height_cm: int | None = None
    eye_color: str = ""
    hair_color: str = ""
    career_start: int | None = None
    """Year."""
    career_end: int | None = None
    external_ids: Mapping[str, str] = field(default_factory=dict)
    """Ids that other sources know the person by, by source."""
    urls: tuple[tuple[str, str], ...] = ()
    """(url, site)."""
    images: tuple[ImageRef, ...] = ()
    deleted: bool = False
    merged_into: str | None = None
    """External id of the record that this one has become part of."""
    updated: str = ""
    """ISO 8601 moment of the last change, where the source says it."""


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a source's people."""

    people: tuple[PersonRecord, ...]
    total: int | None
    """People that the source says it has."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing of a source that was left out; the rest is used."""

    place: str
    """Where: `line 12`, or a path within the source."""
    reason: str
    """In a word: link, bad_row, two_names, ..."""
    detail: str
    """One sentence for a person."""


@dataclass(frozen=True, slots=True)
class SourceSpec:
    """One entry of sources.yaml."""

    name: str
    type: str
    """folder, manifest, stash_box, immich or wikidata."""
    enabled: bool = True
    trust: Trust = Trust.LOW
    endpoint: str = ""
    """URL of a server, or path of a folder or manifest."""
    api_key: str = field(default="", repr=False)
    """Never logged."""
    purpose: str = ""
    legal_basis: str = ""
    ids: tuple[str, ...] = ()
    """People to fetch; empty: all, where the type allows it."""
    max_faces: int = 5
    """Faces a person that this source may bring."""
    rate_limit: float = 1.0
    """Seconds between two requests."""
    allow_private: bool = False
    """Whether the server may be on the operator's own network."""
    prefer_single_face: bool = True
    """For a trusted source: refuse photos that show several faces."""
    line: int = 0
    """Line of sources.yaml where the entry begins."""


class ClaimState(StrEnum):
    """What has become of a face that a source says is a person."""

    ACCEPTED = "accepted"
    QUARANTINED = "quarantined"
    """Waits until another source or a cluster corroborates it."""
    HELD = "held"
    """Nearer to another person than to its own: a human has to look."""
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Claim:
    """One photo of a source, and what came of it. The receipt of a face that a source brought."""

    source: str
    external_id: str
    """The person's, in the source."""
    image_ref: str
    """`ImageRef.id`."""
    url: str
    person_id: int
    face_id: int | None
    """None: the photo was refused before a face was kept."""
    state: ClaimState
    reason: str
    """high_trust, matched_existing, no_match, no_existing_faces, low_trust_quarantined, several_faces, blurred, ..."""
    trust: Trust
    distance: float | None = None
    """To the nearest face of the person, 1 - cosine."""
    threshold: float | None = None
    model_id: str = ""
    other_person_id: int | None = None
    """Of a held face: whom it is nearer to."""
    other_distance: float | None = None

    @property
    def key(self) -> tuple[str, str, str]:
        """Source, record and photo: a photo that shows two people is claimed for each."""
        return self.source, self.external_id, self.image_ref


@dataclass(frozen=True, slots=True)
class SourceProgress:
    """How far the walk through a source has come."""

    last_id: str | None
    """External id of the last person that was finished; None: nothing yet, or the walk has ended."""
    watermark: str
    """ISO 8601 moment up to which changes were seen."""
    people: int
    faces: int
    statistics: Mapping[str, int] = field(default_factory=dict)
    """Counts by name: images_processed, images_skipped, faces_added, errors, refused:<reason>."""
    began: str = ""
    """ISO 8601 moment when the walk that is under way began; empty: none is."""


def moment(said: str) -> datetime | None:
    """Return an ISO 8601 moment in UTC; None when it is none. Without a zone it is taken as UTC."""
    try:
        found = datetime.fromisoformat(said)
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
