"""The server under load: status reads, uploads while a worker extracts, many uploads at once.

python -m benchmarks server. Reads are asked by `wrk` where it is installed (or by the file that WRK names), else by
`python -m benchmarks.server_load`, which takes about as much of the processor as the server itself. BENCH_SECONDS says
how long reads go on.
"""

from __future__ import annotations

import asyncio
import io
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.report import ROOT, Row
from scripts import demo_album

CONNECTIONS = (4, 16)
PHOTO_BYTES = 3_000_000
UPLOADS = 100
TOGETHER = 200
ROUNDS = 3
GROWTH = 30
"""MiB by which the memory may grow from the first time to the last."""
PATIENCE = 120.0
EACH_OTHER = 0.25
"""Seconds from one upload to the next while a worker extracts: it always has some left to do."""


@dataclass(frozen=True)
class Running:
    """A server that runs, and its process."""

    url: str
    home: Path
    pid: int

    def client(self) -> httpx.Client:
        """Return a client; close it."""
        return httpx.Client(base_url=self.url, trust_env=False, timeout=PATIENCE)

    @property
    def memory(self) -> float:
        """MiB that the process holds."""
        return _status(self.pid, "VmRSS")

    @property
    def most_memory(self) -> float:
        """MiB that it has held at the most."""
        return _status(self.pid, "VmHWM")


def run() -> list[Row]:
    """Return the rows of this benchmark."""
    try:
        photo = _photo(demo_album.originals()["obama"])
    except demo_album.Unavailable:
        return []
    with tempfile.TemporaryDirectory() as place, serving(Path(place)) as server:
        return [*_reads(server), *_uploads(server, photo), *_together(server)]


# --- status reads -----------------------------------------------------------------------------


def _reads(server: Running) -> list[Row]:
    with server.client() as client:
        number = client.post("/api/characters", json={"name": "read"}).json()["id"]
    path = f"/api/characters/{number}/embedding-status"
    seconds = int(os.environ.get("BENCH_SECONDS", "10"))
    _load(server.url + path, CONNECTIONS[0], 2)
    return [row for connections in CONNECTIONS for row in _reads_by(server.url + path, connections, seconds)]


def _reads_by(url: str, connections: int, seconds: int) -> list[Row]:
    by, rate, p50, p99 = _load(url, connections, seconds)
    return [
        Row(f"status reads, {connections} connections, {by}", ">= 1,000 a second", f"{rate:,.0f} a second",
            rate >= 1000),
        Row("likewise, 99th percentile", "<= 20 ms", f"{p99:.1f} ms (median {p50:.1f})", p99 <= 20),
    ]  # fmt: skip


def _load(url: str, connections: int, seconds: int) -> tuple[str, float, float, float]:
    """Return what has asked, answers a second, and the median and 99th percentile of milliseconds."""
    wrk = os.environ.get("WRK") or shutil.which("wrk")
    if wrk:
        command = [wrk, "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", url]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        if "Non-2xx" in said or "Socket errors" in said:
            raise RuntimeError(said)
        rate = re.search(r"Requests/sec:\s+([\d.]+)", said)
        p50, p99 = (re.search(rf"{part}%\s+([\d.]+)(us|ms|s)", said) for part in (50, 99))
        if rate is None or p50 is None or p99 is None:
            raise RuntimeError(said)
        scale = {"us": 1e-3, "ms": 1.0, "s": 1e3}
        return "wrk", float(rate[1]), float(p50[1]) * scale[p50[2]], float(p99[1]) * scale[p99[2]]
    words = [url, str(connections), str(seconds)]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.server_load", *words], capture_output=True, text=True, check=True, cwd=ROOT
    )
    answers, median, slow = (float(each) for each in done.stdout.split())
    return "a loader in Python beside it", answers, median, slow


# --- uploads while a worker extracts ----------------------------------------------------------


def _uploads(server: Running, photo: bytes) -> list[Row]:
    command = [sys.executable, "-m", "personae.cli.main", "--home", str(server.home), "worker"]
    with server.client() as client, _process(command):
        _extract_one(client, photo)
        times = []
        for number in range(UPLOADS):
            who = client.post("/api/characters", json={"name": f"upload {number}"}).json()["id"]
            data = photo + number.to_bytes(4, "big")
            began = time.perf_counter()
            answer = client.post(f"/api/characters/{who}/references", files={"picture": ("photo.jpg", data)})
            times.append((time.perf_counter() - began) * 1000)
            answer.raise_for_status()
            time.sleep(EACH_OTHER)
        jobs = client.get("/api/jobs?limit=1000").json()["items"]
        ended = [job for job in jobs if job["state"] in {"done", "failed"}]
    p50, p99 = np.percentile(times, [50, 99])
    what = f"upload of a photo of {len(photo) / 1e6:.1f} MB while a worker extracts, 99th percentile of {UPLOADS}"
    return [
        Row(what, "<= 50 ms", f"{p99:.1f} ms (median {p50:.1f}, longest {max(times):.1f})", bool(p99 <= 50)),
        Row("extractions that ended meanwhile", "", f"{len(ended)} of {len(jobs)}"),
    ]


def _extract_one(client: httpx.Client, photo: bytes) -> None:
    """Wait until the worker has its models: it shall compute, not load."""
    who = client.post("/api/characters", json={"name": "first"}).json()["id"]
    client.post(f"/api/characters/{who}/references", files={"picture": ("photo.jpg", photo)}).raise_for_status()
    until = time.monotonic() + PATIENCE
    while client.get(f"/api/characters/{who}/embedding-status").json()["status"] in {"pending", "extracting"}:
        if time.monotonic() > until:
            raise TimeoutError("the worker extracts nothing")
        time.sleep(0.1)


# --- many at once -----------------------------------------------------------------------------


def _together(server: Running) -> list[Row]:
    photos = [_noise(number) for number in range(TOGETHER)]
    before, after, lost, began = server.memory, [], 0, time.perf_counter()
    for _ in range(ROUNDS):
        with server.client() as client:
            names = [{"name": f"many {number}"} for number in range(TOGETHER)]
            who = [client.post("/api/characters", json=name).json()["id"] for name in names]
            answers = asyncio.run(_send_all(server.url, who, photos))
            kept = [client.get(f"/api/characters/{number}/references").json() for number in who]
            for number in who:
                client.delete(f"/api/characters/{number}").raise_for_status()
        lost += sum(status != 202 or len(references) != 1 for status, references in zip(answers, kept, strict=True))
        after.append(server.memory)
    seconds = (time.perf_counter() - began) / ROUNDS
    held = ", ".join(f"{each:.0f}" for each in after)
    size = np.mean([len(photo) for photo in photos]) / 1e6
    return [
        Row(f"{TOGETHER} uploads of {size:.1f} MB at once, {ROUNDS} times", "none lost",
            f"{lost} lost; {seconds:.1f} s a time, with making and removing the characters", lost == 0),
        Row("memory of the server", "flat",
            f"{before:.0f} MiB before, {held} after each time, {server.most_memory:.0f} at the most",
            after[-1] - after[0] < GROWTH),
    ]  # fmt: skip


async def _send_all(url: str, who: Sequence[int], photos: Sequence[bytes]) -> list[int]:
    """Send each photo on a connection of its own, all at once; return the statuses."""
    limits = httpx.Limits(max_connections=len(who))

    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=PATIENCE, limits=limits) as client:

        async def send(number: int, photo: bytes) -> int:
            answer = await client.post(f"/api/characters/{number}/references", files={"picture": ("a.jpg", photo)})
            return answer.status_code

        return await asyncio.gather(*(send(number, photo) for number, photo in zip(who, photos, strict=True)))


# --- the world --------------------------------------------------------------------------------


@contextmanager
def serving(place: Path) -> Iterator[Running]:
    """Serve a new home with no worker inside the server."""
    home = place / "home"
    command = [sys.executable, "-m", "personae.cli.main", "--home", str(home), "serve", "--port", "0",
               "--workers-of-jobs", "0"]  # fmt: skip
    with _process(command, stderr=subprocess.PIPE) as process:
        said = process.stderr.readline() if process.stderr else ""
        url = re.search(r"http://[\d.]+:\d+", said)
        if url is None:
            raise RuntimeError(f"the server does not start: {said}")
        server = Running(url[0], home, process.pid)
        until = time.monotonic() + PATIENCE
        with server.client() as client:
            while client.get("/ready").status_code != 200 and time.monotonic() < until:
                time.sleep(0.1)
        yield server


@contextmanager
def _process(command: Sequence[str], **options: Any) -> Iterator[subprocess.Popen[str]]:
    """Run a command until the block is left, then ask it to stop."""
    options = {"stderr": subprocess.DEVNULL, **options}
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, text=True, cwd=ROOT, **options) as process:
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(PATIENCE)


def _status(pid: int, name: str) -> float:
    lines = Path(f"/proc/{pid}/status").read_text("ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:")) / 1024


def _photo(file: Path) -> bytes:
    """Return a photo of about 3 MB: a real one, as large as a camera makes it, with a camera's noise."""
    with Image.open(file) as opened:
        image = opened.convert("RGB")
    width = 4000
    image = image.resize((width, image.height * width // image.width), Image.Resampling.BICUBIC)
    noise = np.random.default_rng(0).normal(0, 4, (image.height, image.width, 1))
    pixels = np.clip(np.asarray(image, np.float32) + noise, 0, 255).astype(np.uint8)
    made = [_jpeg(pixels, quality) for quality in (95, 92, 90, 85, 80, 70)]
    return min(made, key=lambda data: abs(len(data) - PHOTO_BYTES))


def _noise(number: int) -> bytes:
    return _jpeg(np.random.default_rng(number).integers(0, 255, (400, 600, 3), np.uint8), 90)


def _jpeg(pixels: NDArray[np.uint8], quality: int) -> bytes:
    made = io.BytesIO()
    Image.fromarray(pixels).save(made, "JPEG", quality=quality)
    return made.getvalue()
