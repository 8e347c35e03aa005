"""Ports of the store's tables: one Protocol for each kind of thing it keeps; `transaction` has them together."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from personae.records import Claim, ClaimState, PersonRecord, SourceProgress
from personae.types import (
    Cluster,
    ClusterId,
    Decision,
    Digest,
    Event,
    Face,
    FaceId,
    FaceRole,
    FileStamp,
    Ids,
    Image,
    ImageId,
    Job,
    JobId,
    Maker,
    ModelId,
    NewImage,
    Operation,
    OperationId,
    Person,
    PersonId,
    Reason,
    Vector,
    Vectors,
)

Clock = Callable[[], datetime]
"""Now, with a time zone."""


class ImageTable(Protocol):
    def stamps(self, uris: Sequence[str]) -> dict[str, FileStamp]:
        """The stamps of those of `uris` that were dealt with before (also of refused files)."""
        ...

    def find(self, digests: Sequence[Digest]) -> dict[Digest, ImageId]: ...

    def add(self, image: NewImage) -> ImageId:
        """Insert the image with its faces and embeddings, and the events image.added, face.added.

        An image whose digest is known is left as it is and its id returned (a second run is harmless).
        """
        ...

    def place(
        self, uri: str, stamp: FileStamp, image_id: ImageId | None, reason: Reason | None = None, detail: str = ""
    ) -> None:
        """Record that this file holds this image, or (image_id None) why it could not be read at all."""
        ...

    def get(self, image_ids: Sequence[ImageId]) -> list[Image]: ...

    def by_uri(self, uri: str) -> Image | None: ...

    def places(self) -> dict[ImageId, list[str]]:
        """Every file that holds an image, by image."""
        ...

    def forget(self, uri: str) -> None:
        """Remove the record of a file; its image stays."""
        ...

    def refusals(self) -> list[tuple[str, Reason, str]]:
        """(uri, reason, detail) of every file that could not be used, by uri."""
        ...

    def counts(self) -> dict[str, int]:
        """images, files, and refused:<reason> for each reason seen."""
        ...


class FaceTable(Protocol):
    def get(self, face_ids: Sequence[FaceId]) -> list[Face]:
        """In the order asked; unknown ids are left out."""
        ...

    def of_images(self, image_ids: Sequence[ImageId]) -> list[Face]: ...

    def select(
        self,
        *,
        roles: Sequence[FaceRole] = (),
        person_id: PersonId | None = None,
        cluster_id: ClusterId | None = None,
        unknown: bool = False,
        unclustered: bool = False,
        limit: int | None = None,
    ) -> list[Face]:
        """Faces by role, person or cluster; `unknown`: with no person, `unclustered`: in no cluster. Best first."""
        ...

    def gallery(self) -> tuple[Ids, Ids, Ids, Ids, Ids]:
        """All faces that are not refused, by id: face, image, person (-1 none), cluster (-1 none), founding (0/1)."""
        ...

    def embeddings(self, model_id: ModelId, face_ids: Ids | None = None) -> tuple[Ids, Vectors]:
        """Ids ascending (n,) int64 and their vectors (n, d) float32; all of the model's when `face_ids` is None."""
        ...

    def identities(self, face_ids: Ids) -> tuple[Ids, Ids]:
        """Person and cluster (n,) of each of these faces, in the order asked; -1 for none."""
        ...

    def lacking(self, model_id: ModelId) -> list[FaceId]:
        """Faces that are not refused and have no embedding under this model."""
        ...

    def add_embeddings(self, model_id: ModelId, vectors: Mapping[FaceId, Vector]) -> None:
        """Insert, and emit face.embedded {face_id} for each."""
        ...

    def set_crop(self, face_id: FaceId, crop: Digest) -> None: ...

    def set_people(self, people: Mapping[FaceId, PersonId | None]) -> None:
        """Write what the ledger resolves to. Only the engine's ledger code calls this and `set_clusters`."""
        ...

    def set_clusters(self, clusters: Mapping[FaceId, ClusterId | None]) -> None: ...

    def crops(self) -> dict[Digest, FaceId]:
        """Every crop and a face it shows."""
        ...

    def counts(self) -> dict[str, int]:
        """Faces that are founding, supporting, refused, named (with a person), clustered (with a cluster, no person).

        And refused:<reason>, supporting:<reason> for each reason that a gate gave.
        """
        ...

    def unknown_counts(self) -> tuple[int, int, int]:
        """Clusters that hold faces without a person, those faces, and all faces without a person; none refused."""
        ...

    def embedding_counts(self) -> dict[ModelId, int]: ...


class PeopleTable(Protocol):
    def add(self, name: str, kind: str = "real") -> PersonId:
        """Insert a person that is not yet active: the ledger's `name` decision makes it so."""
        ...

    def get(self, person_id: PersonId) -> Person:
        """Raises NotFound when there is none or it is not active."""
        ...

    def in_order(self, person_ids: Sequence[PersonId]) -> list[Person]:
        """Those of these people who are active, in the order asked."""
        ...

    def now(self, person_id: PersonId) -> PersonId:
        """Whom merges have made of this person, or itself. Raises NotFound when there never was one."""
        ...

    def all_now(self, person_ids: Collection[PersonId]) -> dict[PersonId, PersonId]:
        """Likewise of each; who never was is left out."""
        ...

    def find(self, name: str) -> list[Person]:
        """Active people of this name or alias, without regard to case."""
        ...

    def all(self) -> list[Person]:
        """Active people, most faces first."""
        ...

    def set_state(self, person_id: PersonId, *, name: str | None, merged_into: PersonId | None) -> None:
        """Write what the ledger resolves to: name None makes the person inactive."""
        ...

    def add_alias(self, person_id: PersonId, alias: str) -> None:
        """Duplicates are ignored; likewise below."""
        ...

    def add_external_id(self, person_id: PersonId, source: str, external_id: str) -> None:
        """Raises Conflict when another person of the project has it."""
        ...

    def add_url(self, person_id: PersonId, url: str, site: str = "") -> None: ...

    def set_record(self, person_id: PersonId, source: str, record: PersonRecord) -> None:
        """Keep what a source says of a person, in place of what it said before; aliases, ids and URLs are added."""
        ...

    def record(self, person_id: PersonId) -> PersonRecord:
        """What the sources say together: of each field the oldest source that fills it."""
        ...

    def stated(self, person_id: PersonId, source: str) -> PersonRecord | None:
        """What this source said last of the person; None: nothing."""
        ...

    def by_external_id(self, source: str, external_id: str, *, active: bool = True) -> PersonId | None:
        """Who holds the id, among people who are active, or among those who were and are nobody now."""


class ClusterTable(Protocol):
    def add(self, count: int) -> list[ClusterId]:
        """Insert `count` clusters, labelled unknown_cluster_N with N counted up for ever."""
        ...

    def get(self, cluster_id: ClusterId) -> Cluster:
        """Raises NotFound."""
        ...

    def find(self, label: str) -> Cluster:
        """By label (unknown_cluster_7) or its number (7). Raises NotFound."""
        ...

    def several(self, cluster_ids: Sequence[ClusterId]) -> list[Cluster]:
        """Those of these clusters that have faces without a person, by id."""
        ...

    def all(self) -> list[Cluster]:
        """Clusters that have faces without a person, largest first."""
        ...


class DecisionTable(Protocol):
    def begin(self, kind: str, maker: Maker, summary: str, undoes: OperationId | None = None) -> OperationId:
        """Raises Conflict when `undoes` is undone already, NotFound when there is no such operation."""
        ...

    def append(self, operation_id: OperationId, decisions: Iterable[Decision]) -> None: ...

    def operation(self, operation_id: OperationId) -> Operation:
        """Raises NotFound."""
        ...

    def operations(self, limit: int = 50) -> list[Operation]:
        """Latest first."""
        ...

    def of_operation(self, operation_id: OperationId) -> list[Decision]: ...

    def last(self, maker: Maker) -> int:
        """Id of the latest operation of this maker; 0 when there is none."""
        ...

    def active(self, face_ids: Sequence[FaceId] | None = None, makers: Collection[Maker] = ()) -> list[Decision]:
        """Decisions on these faces (all when None), by these makers (any), oldest first.

        Without those that are undone, and those of revoked sources; likewise below.
        """
        ...

    def active_people(self, person_ids: Collection[PersonId] | None = None) -> list[Decision]:
        """Active decisions on these people (all when None) themselves (name, merge), oldest first."""
        ...

    def hides(self) -> list[Decision]:
        """Active decisions that hide or show, oldest first; they stand in operations of these two kinds alone."""
        ...

    def of_source(self, source: str) -> list[Decision]:
        """Every decision that this source made, active or not, oldest first."""
        ...

    def kin(self, person_ids: Iterable[PersonId]) -> set[PersonId]:
        """These people and all whom merges, active or not, connect with them."""
        ...

    def faces_of(self, person_ids: Sequence[PersonId]) -> list[FaceId]:
        """Faces that any decision, active or not, ever tied to or kept from these people."""
        ...


class EventTable(Protocol):
    def emit(self, kind: str, payload: Mapping[str, object]) -> int:
        """Append to the outbox; return its sequence number."""
        ...

    def after(self, seq: int, limit: int = 1000, kinds: Sequence[str] = ()) -> list[Event]: ...

    def last(self) -> int:
        """Highest sequence number; 0 when there are none."""
        ...

    def cursor(self, reader: str) -> int: ...

    def set_cursor(self, reader: str, seq: int) -> None: ...


class JobTable(Protocol):
    """Long work as rows (law 8): a token proves who may write to a running job."""

    def add(self, kind: str, payload: Mapping[str, object]) -> JobId: ...

    def get(self, job_id: JobId) -> Job:
        """Raises NotFound."""
        ...

    def claim(
        self, kinds: Sequence[str], now: datetime, lease_seconds: float, job_id: JobId | None = None
    ) -> Job | None:
        """Take the oldest queued job, or a running one whose lease ran out; None when there is nothing to do.

        With `job_id` that job or none. A job that waits after a failure is not taken before its time.
        """
        ...

    def free(self, kinds: Sequence[str], now: datetime, limit: int = 1000) -> list[JobId]:
        """Jobs that could be claimed now, oldest first."""
        ...

    def heartbeat(self, job_id: JobId, token: str, until: datetime) -> bool:
        """Extend the lease; True when cancel was asked for. Raises Conflict for a lost lease, likewise below."""
        ...

    def advance(self, job_id: JobId, token: str, done: int, total: int, doing: str = "") -> None:
        """Note how far it is, and what is going on."""
        ...

    def finish(self, job_id: JobId, token: str, state: str, result: Mapping[str, object]) -> None: ...

    def release(self, job_id: JobId, token: str) -> None:
        """Give it back to the queue, as if it had not been tried."""
        ...

    def retry(self, job_id: JobId, token: str, not_before: datetime, result: Mapping[str, object]) -> None:
        """Give it back to the queue after a failure that may pass, to be tried again then."""
        ...

    def keep(self, job_id: JobId, token: str, checkpoint: Mapping[str, object]) -> None:
        """Note where another runner would go on."""
        ...

    def note(self, job_id: JobId, result: Mapping[str, object]) -> None:
        """Say something about a job that is queued; nothing when it is not."""
        ...

    def cancel(self, job_id: JobId) -> None:
        """Cancel a queued job at once, a running one at its next heartbeat. Raises Conflict when it has ended."""
        ...

    def latest(self, limit: int = 20) -> list[Job]:
        """Newest first."""
        ...

    def unfinished(self) -> list[Job]:
        """Queued and running jobs, oldest first."""
        ...

    def counts(self) -> dict[str, int]:
        """Jobs by state; states that no job is in are left out."""
        ...

    def running(self) -> list[Job]:
        """Running jobs, oldest first, also those whose runner has died."""
        ...


class SourceTable(Protocol):
    """What sources brought, and how far each walk has come."""

    def seen(self, source: str, external_id: str, image_refs: Sequence[str]) -> set[str]:
        """Those of a record's photos that were dealt with before, whatever came of them."""
        ...

    def add_claims(self, claims: Iterable[Claim]) -> None:
        """Insert; a claim on the same source, record and photo takes the place of the former one."""
        ...

    def claims(
        self, *, source: str | None = None, person_id: PersonId | None = None, states: Sequence[ClaimState] = (),
        limit: int | None = None,
    ) -> list[Claim]:  # fmt: skip
        """Claims of faces and refused photos, newest first; those of revoked sources are left out; likewise below."""
        ...

    def claims_on(self, face_ids: Sequence[FaceId]) -> list[Claim]: ...

    def progress(self, source: str) -> SourceProgress | None: ...

    def set_progress(self, source: str, progress: SourceProgress) -> None: ...

    def revoked(self) -> set[str]:
        """Sources whose word does not count now."""
        ...


class SettingTable(Protocol):
    def get(self, key: str) -> object | None:
        """A JSON value, or None."""
        ...

    def set(self, key: str, value: object) -> None: ...

    def all(self) -> dict[str, object]: ...
