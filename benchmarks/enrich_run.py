"""One enrichment with the real models in a process of its own.

python -m benchmarks.enrich_run PEOPLE PHOTOS GAP [faulty]
"""

from __future__ import annotations

import itertools
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.enrich_server import Plan, served
from benchmarks.enrich_world import LIST, Opener, World, engine_on, make_world, specs, write_manifest
from benchmarks.report import peak_bytes
from personae import Engine
from personae.adapters.sources.limits import Limits, Machine
from personae.engine.enrich import EnrichOptions
from personae.engine.enrich_image import Fetched, examine_photos
from personae.records import ImageRef, SourceSpec

FAULTY_SEED = 16
"""Of a schedule with many faults of every kind at each of the servers."""


def examined_alone(engine: Engine, world: World, sources: Sequence[SourceSpec]) -> tuple[int, float, float]:
    """Return how many photos were processed, and the time and the processor's time that examining them takes alone.

    The same bytes, in memory; a person's photos at once, as in the run; as many threads; no network, no store.
    """
    parts = engine.parts
    with parts.store.read() as tx:
        seen = {(claim.source, claim.image_ref.rpartition("/")[2]) for claim in tx.sources.claims()}
    work = [
        (spec, [Fetched(ImageRef(ref, ""), shot.data()) for ref, shot in entry.photos if (spec.name, ref) in seen])
        for spec in sources
        for entry in world[spec.name]
    ]
    started, cpu = time.perf_counter(), time.process_time()
    with ThreadPoolExecutor(parts.rules.workers) as pool:
        list(pool.map(lambda each: examine_photos(parts, parts.rules.enrich_gates, *each), work))
    return len(seen), time.perf_counter() - started, time.process_time() - cpu


def main() -> None:
    """Enrich once, then examine the same photos alone; print the figures as JSON."""
    people, photos, gap = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    world = make_world(people, photos)
    with served(people, photos) as servers, tempfile.TemporaryDirectory() as place:
        home = Path(place) / "home"
        sources = specs(servers.endpoints, write_manifest(world, servers.urls[LIST], Path(place) / "list.jsonl"), gap)
        opener = Opener(home / "sources", Limits(), Machine(), servers.urls[LIST], {})
        servers.begin(Plan(FAULTY_SEED) if "faulty" in sys.argv else Plan())
        with engine_on(home, sources, opener) as engine:
            engine.parts.vision()
            started, cpu = time.perf_counter(), time.process_time()
            summary = engine.enrich(EnrichOptions(faces=True))
            seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
            peak = peak_bytes()
            logs = servers.logs()
            processed, alone, alone_cpu = examined_alone(engine, world, sources)
    arrivals = [log.arrivals for log in logs.values()]
    asked = [client.request_times for client in opener.clients.values()]
    print(json.dumps({
        "people": people, "offered": photos, "photos": processed, "seconds": seconds, "alone_seconds": alone,
        "cpu": cpu, "alone_cpu": alone_cpu,
        "peak_bytes": peak, "faces": summary.faces_added, "failures": [row.failure for row in summary.sources],
        "least_gap_there": min(_gaps(arrivals)), "least_gap_here": min(_gaps(asked)),
        "requests": sum(map(len, arrivals)), "most_at_once": max(log.most_at_once for log in logs.values()),
        "short": sum(each < gap for each in _gaps(arrivals)),
        "too_soon": sum(len(log.too_soon) for log in logs.values()),
        "waits": sum(log.asked_to_wait for log in logs.values()),
    }))  # fmt: skip


def _gaps(times: Sequence[Sequence[float]]) -> list[float]:
    return [later - sooner for each in times for sooner, later in itertools.pairwise(each)]


if __name__ == "__main__":
    main()
