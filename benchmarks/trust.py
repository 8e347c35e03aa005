"""How well three sources, trusted as they deserve, are told apart: faces under a wrong name, and those under the right.

Reads ../shared/data/lfw-dev where present (a folder per person). Detections and embeddings are made once by the real
models and kept; each figure is a run of the engine on manifests, from an empty store to the settlement.
"""

from __future__ import annotations

import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from benchmarks.report import CACHE, SHARED, Row, markdown
from benchmarks.trust_cuts import at_right, at_wrong, halves, spreads
from benchmarks.trust_models import Models
from benchmarks.trust_sources import (
    HIGH,
    LOW,
    MEDIUM,
    PER_PERSON,
    TRUST,
    WRONG,
    Outcome,
    bring,
    copied,
    count,
    look,
    settle,
    split,
    write,
)
from personae.core.compare import fuse_vectors
from personae.core.hearing import SOURCE_LIMIT, TOTAL_LIMIT
from personae.core.poison import POISON
from personae.core.trust import NO_EXISTING_FACES
from personae.engine.enrich_image import Examined
from personae.records import ClaimState, Trust
from personae.settings import Settings
from personae.types import ModelId, Vectors

PHOTOS = SHARED / "data" / "lfw-dev"
SEEDS = (0, 1, 2)
MOST_WRONG, MOST_REFUSED = 0.01, 0.03
"""Shares of the planted faces accepted, and of the right ones refused or held, that are allowed."""
LIMITS = (SOURCE_LIMIT, TOTAL_LIMIT)
ALL_TRUSTED = {**TRUST, MEDIUM: Trust.HIGH}
"""The medium source believed like the high one, so that nothing but the poison check stands in the way."""

Names = tuple[str, ...]
"""model_ids of embedders that are used together."""
RULED: Names = ("facenet512",)
"""The model whose cuts the rule states: others are tried for comparison alone."""


@dataclass
class Measured:
    """One model, or a pair: all random splits together."""

    settled: Outcome = field(default_factory=Outcome)
    trusted: Outcome = field(default_factory=Outcome)
    """With the medium source trusted highly; of the first split."""
    elsewhere: Outcome = field(default_factory=Outcome)
    """With cuts chosen on other people."""
    cuts: list[tuple[float, ...]] = field(default_factory=list)
    """Those cuts."""


def run(cache: Path = CACHE, settings: Settings | None = None) -> list[Row]:
    """Measure each embedder and, of two, their fusion.

    Args:
        cache: folder for what the models said.
        settings: which models; None reads them as every command does.

    Returns:
        Rows of the table; none where the photos are not present.
    """
    chosen = settings or Settings()
    if not any(PHOTOS.glob("*/*.jpg")):
        return []
    models = Models(chosen, cache)
    examined = look(PHOTOS, models, *chosen.embedders)
    sets: list[Names] = [(model_id,) for model_id in chosen.embedders]
    if len(chosen.embedders) > 1:
        sets.append(tuple(chosen.embedders))
    found: dict[Names, Measured] = {names: Measured() for names in sets}
    with tempfile.TemporaryDirectory(dir=cache) as name:
        folder = Path(name)
        copied(PHOTOS, folder)
        for seed in SEEDS:
            _measure(models, examined, seed, folder, found)
    rows = list(_sources(found[sets[-1]].settled))
    for names, measured in found.items():
        rows += _rows("+".join(names), measured)
    return rows


def _measure(
    models: Models, examined: Mapping[str, Examined], seed: int, folder: Path, found: Mapping[Names, Measured]
) -> None:
    """Let the engine settle one split for each model: as it is, and with cuts of other people."""
    photos = by_person(examined)
    offers = split(photos, seed)
    everything = models.vision(*models.embedders)
    specs = write(offers, folder)
    bring(specs, everything, folder / f"home-{seed}")
    for names, measured in found.items():
        measured.settled.add(count(settle(specs, models.vision(*names), folder / f"home-{seed}"), photos))
        vectors = by_vectors(examined, names)
        one, other = halves(photos, seed)
        for here, there in ((one, other), (other, one)):
            spread = spreads({person: rows for person, rows in vectors.items() if person in there}, seed)
            cuts = at_right(spread, MOST_REFUSED) if names == RULED else at_wrong(spread)
            claims = settle(specs, models.vision(*names, trust=cuts), folder / f"home-{seed}")
            measured.elsewhere.add(count(claims, here))
            measured.cuts.append(cuts)
    if seed == SEEDS[0]:
        specs = write(offers, folder, ALL_TRUSTED)
        bring(specs, everything, folder / "trusted")
        for names, measured in found.items():
            measured.trusted.add(count(settle(specs, models.vision(*names), folder / "trusted"), photos))


def by_person(examined: Mapping[str, Examined]) -> dict[str, list[str]]:
    """Return everybody's photos, also those without a usable face."""
    found: dict[str, list[str]] = defaultdict(list)
    for photo in examined:
        found[photo.partition("/")[0]].append(photo)
    return dict(found)


def by_vectors(examined: Mapping[str, Examined], names: Names) -> dict[str, Vectors]:
    """Return everybody's faces under these models, fused."""
    found: dict[str, list[Examined]] = defaultdict(list)
    for photo, each in examined.items():
        if each.face is not None:
            found[photo.partition("/")[0]].append(each)
    return {person: fuse_vectors([_stacked(own, ModelId(name)) for name in names]) for person, own in found.items()}


def _stacked(own: Sequence[Examined], model_id: ModelId) -> Vectors:
    return np.stack([each.face.face.embeddings[model_id] for each in own if each.face is not None])


# --- rows -----------------------------------------------------------------------------------------


def _sources(outcome: Outcome) -> Iterator[Row]:
    """What the sources hold, which is the same for every model."""
    told = []
    for source in TRUST:
        reasons = Counter({why: n for (name, why), n in outcome.photos.items() if name == source})
        right, wrong = outcome.count(source, True), outcome.count(source, False)
        without = ", ".join(f"{why} {n:,}" for why, n in reasons.most_common())
        told.append(f"{source} {right:,} right and {wrong:,} planted (no face kept: {without or 'none'})")
    yield Row(
        f"faces of {len(SEEDS)} random splits of LFW's photos into three sources: one photo a person; up to "
        f"{PER_PERSON} more, {WRONG:.0%} planted under another person's name; the rest, likewise. LFW's own few wrong "
        "names count as right ones",
        "", "; ".join(told),
    )  # fmt: skip
    unknown = outcome.count(MEDIUM, True, reasons=[NO_EXISTING_FACES])
    yield Row(
        "right faces of the medium source refused since of the high one's photo no face was kept, so nobody is known; "
        "left out below",
        "", _share(unknown, outcome.count(MEDIUM, True)),
    )  # fmt: skip


def _rows(name: str, measured: Measured) -> Iterator[Row]:
    settled = measured.settled
    yield _wrong(f"{name}: planted wrong faces of the medium source accepted", settled)
    yield _refused(f"{name}: right faces of the medium source refused or held", settled)
    held, high = settled.count(HIGH, True, ClaimState.HELD), settled.count(HIGH, True)
    what = f"{name}: right faces of the high source held (most are of people whom LFW has under two names)"
    yield Row(what, "", _share(held, high))
    taken = [settled.count(LOW, right, ClaimState.ACCEPTED) for right in (True, False)]
    given = [settled.count(LOW, right) for right in (True, False)]
    yield Row(
        f"{name}: faces of the low source promoted", "",
        f"right {_share(taken[0], given[0])}, planted {_share(taken[1], given[1])}; others: "
        f"right {_told(settled.reasons(LOW, True))}; planted {_told(settled.reasons(LOW, False))}",
    )  # fmt: skip
    yield _poison(f"{name}: what the trust rule has let through, and the poison check holds", settled)
    yield _poison(f"{name}: the poison check alone, the medium source trusted highly (one split)", measured.trusted)
    spans = ", ".join(_span(cuts) for cuts in zip(*measured.cuts, strict=True))
    ruled = name == "+".join(RULED)
    how = f"beyond which {MOST_REFUSED:.0%} of right faces lie, " if ruled else ""
    how = f"{name}, cuts {how}chosen on other people ({spans})"
    yield _wrong(f"{how}: planted wrong faces accepted", measured.elsewhere, claimed=not ruled)
    yield _refused(f"{how}: right faces refused or held", measured.elsewhere, claimed=not ruled)


def _wrong(what: str, outcome: Outcome, claimed: bool = True) -> Row:
    accepted, planted = outcome.count(MEDIUM, False, ClaimState.ACCEPTED), outcome.count(MEDIUM, False)
    others = _told(outcome.reasons(MEDIUM, False))
    claim = f"at most {MOST_WRONG:.0%}" if claimed else ""
    return Row(what, claim, f"{_share(accepted, planted)}; others: {others}",
               accepted <= MOST_WRONG * planted if claimed else None)  # fmt: skip


def _refused(what: str, outcome: Outcome, claimed: bool = True) -> Row:
    """Those of people who have a face, and within the limits: the rule's own doing."""
    reasons = {why: n for why, n in outcome.reasons(MEDIUM, True).items() if why not in (NO_EXISTING_FACES, *LIMITS)}
    apart = outcome.count(MEDIUM, True, reasons=(NO_EXISTING_FACES, *LIMITS))
    refused, faces = sum(reasons.values()), outcome.count(MEDIUM, True) - apart
    claim = f"at most {MOST_REFUSED:.0%}" if claimed else ""
    return Row(what, claim, f"{_share(refused, faces)}: {_told(reasons)}",
               refused <= MOST_REFUSED * faces if claimed else None)  # fmt: skip


def _poison(what: str, outcome: Outcome) -> Row:
    wrong, right = (outcome.count(MEDIUM, named, reasons=[POISON]) for named in (False, True))
    given = outcome.count(MEDIUM, False), outcome.count(MEDIUM, True) + outcome.count(HIGH, True)
    right += outcome.count(HIGH, True, reasons=[POISON])
    return Row(
        what, "",
        f"planted faces held {_share(wrong, given[0])}, {outcome.scored[MEDIUM, False]:,} of them with both "
        f"scores (any others are a person's only face); right faces held {_share(right, given[1])}",
    )  # fmt: skip


def _share(part: int, whole: int) -> str:
    return f"{part:,} of {whole:,}" + (f" ({part / whole:.1%})" if whole else "")


def _told(reasons: Mapping[str, int]) -> str:
    return ", ".join(f"{why} {n:,}" for why, n in reasons.items()) or "none"


def _span(cuts: Sequence[float]) -> str:
    return f"{min(cuts):.2f}" if min(cuts) == max(cuts) else f"{min(cuts):.2f}-{max(cuts):.2f}"


def main() -> None:
    """Print the table."""
    print(markdown("Trust", run()))


if __name__ == "__main__":
    main()
