"""Hold pictures against a character's template."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TypeVar

from personae.core.compare import cosine, fuse_scores
from personae.core.geometry import rescale, scale_box
from personae.core.image_quality import REFERENCE, judge
from personae.core.quality import ALBUM
from personae.engine.analyse import analyse
from personae.engine.parts import Parts
from personae.engine.reference import find_character, template_of
from personae.engine.thresholds import thresholds
from personae.errors import Conflict
from personae.types import Box, Detection, ModelId, NewFace, PersonId, Picture, Vector

NO_FACE = "no_face"
NO_USABLE_FACE = "no_usable_face"
SEVERAL_FACES = "several_faces"
BELOW_THRESHOLD = "below_threshold"

AT_ONCE = 4
"""Pictures in one run of the embedders."""

LIMITS = replace(REFERENCE, image_side=0, face_side=ALBUM.founding_side, yaw=ALBUM.founding_yaw)
"""From where on a picture's quality is a reason why its score may be low: pictures need not be references."""

In = TypeVar("In")
Out = TypeVar("Out")


@dataclass(frozen=True, slots=True)
class Anchor:
    """What pictures are held against, as it was when it was read."""

    person_id: PersonId
    name: str
    vectors: Mapping[ModelId, Vector]
    """(d,) float32 unit vector of each model in use."""
    version: int
    """Of the template."""
    threshold: float
    """Fused cosine from which a face is the character's."""
    model_id: str


@dataclass(frozen=True, slots=True)
class Held:
    """What came of one picture."""

    score: float | None
    """Fused cosine of the face that is most like the character; None: there is no face that can be compared."""
    box: Box | None
    """Of that face, pixels of the full-size image."""
    reasons: tuple[str, ...]


def anchor_of(parts: Parts, who: str) -> Anchor:
    """Return what pictures are held against.

    Args:
        parts: adapters and rules.
        who: the character, by name or #number.

    Raises:
        NotFound: there is no such character.
        Conflict: it has no completed reference, or one that a model in use has not seen.
    """
    vision = parts.vision()
    with parts.store.read() as tx:
        character = find_character(tx, who)
        template = template_of(tx, character.person_id)
        if template is None:
            raise Conflict(f"{character.name} has no completed reference: give it a source image first")
        missing = [model_id for model_id in vision.model_ids if model_id not in template.vectors]
        if missing:
            raise Conflict(f"the reference of {character.name} has no embedding of {missing[0]}: extract it again")
        vectors = {model_id: template.vectors[model_id] for model_id in vision.model_ids}
        return Anchor(
            character.person_id, character.name, vectors, template.version, thresholds(tx, vision).review,
            vision.model_id,
        )  # fmt: skip


def hold(parts: Parts, anchor: Anchor, pictures: Sequence[Picture]) -> list[Held]:
    """Hold pictures against a character: of each the face that is most like it.

    Args:
        parts: adapters and rules; faces that the gates refuse are not compared.
        anchor: the character.
        pictures: decoded images.

    Raises:
        Conflict: the project was switched to other models since the anchor was read.
    """
    vision = parts.vision()
    if vision.model_id != anchor.model_id:
        raise Conflict(f"the project was switched to {vision.model_id} meanwhile: ask again")
    found = analyse(vision, parts.rules.gates, lambda _pixels: b"", pictures)
    return [
        _held(anchor, picture, [analysed.face for analysed in faces])
        for picture, faces in zip(pictures, found, strict=True)
    ]


def _held(anchor: Anchor, picture: Picture, faces: Sequence[NewFace]) -> Held:
    if not faces:
        return Held(None, None, (NO_FACE,))
    scored = [(_score(anchor, face), face) for face in faces if face.embeddings]
    if not scored:
        return Held(None, None, (NO_USABLE_FACE, *map(str, faces[0].reasons)))
    score, face = max(scored, key=lambda pair: pair[0])
    several = (SEVERAL_FACES,) if len(scored) > 1 else ()
    below = (BELOW_THRESHOLD,) if score < anchor.threshold else ()
    return Held(score, face.box, (*below, *several, *_faults(picture, face)))


def _score(anchor: Anchor, face: NewFace) -> float:
    return fuse_scores(
        {str(model_id): cosine(vector, face.embeddings[model_id]) for model_id, vector in anchor.vectors.items()}
    )


def _faults(picture: Picture, face: NewFace) -> tuple[str, ...]:
    """Return what makes the face hard to compare."""
    scale = picture.scale
    detection = Detection(scale_box(face.box, scale), rescale(face.landmarks, scale), face.det_score)
    return judge(picture.pixels, [detection], scale, LIMITS).reasons


def in_order(work: Callable[[list[In]], list[Out]], given: Iterable[In], threads: int) -> Iterator[Out]:
    """Yield what `work` makes of things, in their order, several batches at a time; no more are in memory.

    Args:
        work: `AT_ONCE` things -> as many results; safe to call from several threads.
        given: the things.
        threads: how many run together.
    """
    waiting: deque[Future[list[Out]]] = deque()
    source = iter(given)
    with ThreadPoolExecutor(threads, "likeness") as pool:
        try:
            while batch := list(itertools.islice(source, AT_ONCE)):
                waiting.append(pool.submit(work, batch))
                if len(waiting) > threads:
                    yield from waiting.popleft().result()
            while waiting:
                yield from waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
