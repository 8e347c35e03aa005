"""The models: what is known of them, where their files are, whether they are themselves."""

from __future__ import annotations

import hashlib
import io
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib import resources
from pathlib import Path

import numpy as np

from personae.adapters.vision.entries import Catalogue, Entry, Source, parse, write
from personae.adapters.vision.pull import place, pull
from personae.errors import InputError, ModelError, NotFound
from personae.types import ModelCard, Thresholds

Note = Callable[[str], None]

_CHUNK = 2**22
PREPARED = 1
"""Raised when `prepare` changes what it makes, so that older results are made again."""


def _quiet(_: str) -> None:
    return


class Registry:
    """The entries shipped with personae and the user's own, and the folder that holds their files.

    Opening it reads no model; a file is hashed whenever its path is asked for.
    """

    def __init__(self, models_dir: Path, user_file: Path | None = None) -> None:
        self._folder = models_dir
        self._user_file = user_file or models_dir / "models.toml"
        shipped = parse(resources.files(__package__).joinpath("models.toml").read_text("utf-8"), "models.toml")
        own = _read(self._user_file)
        self._own = {entry.id: entry for entry in own.model}
        self._entries = {entry.id: entry for entry in shipped.model} | self._own
        self._fusions = [*own.fusion, *shipped.fusion]

    def list(self) -> list[Entry]:
        """Return every entry: the shipped ones in their order, then the user's."""
        return [*self._entries.values()]

    def entry(self, model_id: str) -> Entry:
        """Return one entry. Raises NotFound when there is none."""
        if model_id not in self._entries:
            known = ", ".join(self._entries)
            raise NotFound(f"There is no model {model_id!r}. Known: {known}. Run: personae models list")
        return self._entries[model_id]

    def card(self, model_id: str) -> ModelCard:
        """Return what a user should know of a model before using it."""
        return self.entry(model_id).card

    def thresholds(self, model_ids: Sequence[str]) -> Thresholds:
        """Return the thresholds of one embedder, or of several whose scores are averaged.

        Args:
            model_ids: embedders; a pair that is listed as a fusion has thresholds of its own, others get the mean of
                their members'.

        Raises:
            ModelError: one is unknown or no embedder.
        """
        for fusion in self._fusions:
            if sorted(fusion.members) == sorted(model_ids):
                return fusion.thresholds
        known = [self.entry(model_id).thresholds for model_id in model_ids]
        rows = [each for each in known if each is not None]
        if not rows or len(rows) < len(known):
            raise ModelError(f"Not all of {', '.join(model_ids)} are embedders. Run: personae models list")
        if len(rows) == 1:
            return rows[0]
        # Trust distances are not averaged: a mean that nobody measured shall not say who is let in.
        verify, review, match, cluster = np.mean([(r.verify, r.review, r.match, r.cluster) for r in rows], axis=0)
        return Thresholds(float(verify), float(review), float(match), float(cluster))

    def pairs(self) -> Sequence[tuple[str, ...]]:
        """Return the embedders that are listed as a fusion, pair by pair: the user's, then the shipped ones."""
        known = {entry.id for entry in self._entries.values() if entry.task == "embedder"}
        return [*dict.fromkeys(each.members for each in self._fusions if known.issuperset(each.members))]

    def present(self, model_id: str) -> bool:
        """Whether the model's file is here (unread)."""
        return self._source_path(self.entry(model_id)).is_file()

    def path(self, model_id: str, note: Note = _quiet) -> Path:
        """Return the ONNX file that is run, prepared from the source file when need be.

        Args:
            model_id: of an entry.
            note: is told when the file has to be prepared.

        Raises:
            ModelError: the file is missing or damaged; it says what to do.
        """
        entry = self.entry(model_id)
        if not entry.prepare:
            return self._checked_source(entry)
        ready = self._prepared(entry)
        if ready is not None:
            return ready
        return self._prepare(entry, note)

    def pull(self, model_id: str, note: Note = _quiet) -> Path:
        """Fetch a model unless it is here and whole; return the file that is run.

        Args:
            model_id: of an entry.
            note: is told what is going on.

        Raises:
            ModelError: it cannot be had; it says what to do.
        """
        entry = self.entry(model_id)
        target = self._source_path(entry)
        if not (target.is_file() and entry.sha256 and _hash(target) == entry.sha256):
            _make_folder(self._folder)
            pull(entry, target, note)
        return self.path(model_id, note)

    def add(self, source: Path, model: str | None = None) -> Sequence[str]:
        """Take in a model of the user's own.

        Args:
            source: an ONNX file (with `model`), a folder of InsightFace with the files that entries name, or a TOML
                file of entries whose `member` is a file beside it.
            model: the entry an ONNX file belongs to.

        Returns:
            The ids that are there now.

        Raises:
            InputError: `source` is none of these.
            ModelError: a file is not the network its entry says.
        """
        _make_folder(self._folder)
        if source.is_dir():
            return self._add_folder(source)
        if not source.is_file():
            raise InputError(f"{source} is not there.")
        if source.suffix == ".toml":
            entries = _read(source).model
            return [self._add_file(source.parent / entry.source.member, entry) for entry in entries]
        if model is None:
            own = ", ".join(entry.id for entry in self._entries.values() if entry.source.kind == "file")
            raise InputError(f"Say what {source.name} is with --model: {own}; or give a TOML entry.")
        return [self._add_file(source, replace(self.entry(model), golden=(), sha256=""))]

    def check_file(self, model_id: str) -> None:
        """Check a model's file by its hash, without loading the network.

        Raises:
            NotFound: there is no such model.
            ModelError: the file is missing or damaged; it says what to do.
        """
        self._checked_source(self.entry(model_id))

    def check(self, model_id: str) -> None:
        """Check a model's files by their hashes and its outputs by the golden vectors.

        Raises:
            ModelError: what is wrong and what to do.
        """
        from personae.adapters.vision import factory  # noqa: PLC0415 - as in _try

        entry = self.entry(model_id)
        self._checked_source(entry)
        factory.load(self, model_id, "cpu")

    def _add_folder(self, folder: Path) -> Sequence[str]:
        wanted = [e for e in self._entries.values() if e.source.kind == "file" and (folder / e.source.member).is_file()]
        if not wanted:
            names = ", ".join(e.source.member for e in self._entries.values() if e.source.kind == "file")
            raise InputError(f"{folder} holds none of the files that personae knows: {names}.")
        return [self._add_file(folder / e.source.member, replace(e, golden=(), sha256="")) for e in wanted]

    def _add_file(self, file: Path, entry: Entry) -> str:
        """Try the file; when it is what its entry says, keep it with its hash and its golden numbers."""
        try:
            data = file.read_bytes()
        except OSError as error:
            raise InputError(f"{file} cannot be read: {error.strerror}.") from error
        known = self._try(entry, data)
        entry = replace(entry, source=Source("file", member=file.name), golden=known)
        digest = place(io.BytesIO(data), self._source_path(entry), entry.sha256, entry.id)
        self._own[entry.id] = self._entries[entry.id] = replace(entry, sha256=digest)
        self._save_own()
        return entry.id

    def _try(self, entry: Entry, data: bytes) -> tuple[float, ...]:
        """Load a network that is not kept yet; return the numbers it is known by."""
        # Listing models must not wait for ONNX Runtime.
        from personae.adapters.vision import factory, golden  # noqa: PLC0415
        from personae.adapters.vision.prepare import prepare  # noqa: PLC0415

        with tempfile.TemporaryDirectory(dir=self._folder, prefix=".add-") as name:
            trial = Path(name) / f"{entry.id}.onnx"
            trial.write_bytes(prepare(entry.prepare, data) if entry.prepare else data)
            model = factory.build(entry, trial, "cpu", 1)
            if entry.golden:
                golden.check(model, entry.golden)
            return entry.golden or tuple(golden.numbers(model))

    def _save_own(self) -> None:
        text = "# Written by `personae models add`.\n" + write(tuple(self._own.values()))
        place(io.BytesIO(text.encode()), self._user_file, "", "models.toml")

    def _source_path(self, entry: Entry) -> Path:
        suffix = Path(entry.source.member or entry.source.url).suffix or ".onnx"
        return self._folder / f"{entry.id}{suffix}"

    def _checked_source(self, entry: Entry) -> Path:
        path = self._source_path(entry)
        if not path.is_file():
            how = "add FILE --model" if entry.source.kind == "file" else "pull"
            raise ModelError(f"The model {entry.id} is not here. Run: personae models {how} {entry.id}")
        if entry.sha256 and _hash(path) != entry.sha256:
            how = "add it again" if entry.source.kind == "file" else f"run: personae models pull {entry.id}"
            raise ModelError(f"The model {entry.id} is damaged: {path.name} has another SHA-256. To mend it, {how}")
        return path

    def _prepared(self, entry: Entry) -> Path | None:
        """The prepared file, whole; a damaged one is removed. Its name carries the source's hash and its own."""
        for path in self._folder.glob(f"{entry.id}-{entry.prepare}{PREPARED}-{entry.sha256[:16]}-*.onnx"):
            if _hash(path)[:16] == path.stem.rsplit("-", 1)[1]:
                return path
            path.unlink(missing_ok=True)
        return None

    def _prepare(self, entry: Entry, note: Note) -> Path:
        from personae.adapters.vision.prepare import prepare  # noqa: PLC0415 - onnx is needed this once

        source = self._checked_source(entry)
        note(f"{entry.id}: preparing the network (once)")
        data = prepare(entry.prepare, source.read_bytes())
        digest = hashlib.sha256(data).hexdigest()
        name = f"{entry.id}-{entry.prepare}{PREPARED}-{entry.sha256[:16]}-{digest[:16]}.onnx"
        place(io.BytesIO(data), self._folder / name, digest, entry.id)
        return self._folder / name


def _read(path: Path) -> Catalogue:
    try:
        return parse(path.read_text("utf-8"), path.name) if path.is_file() else Catalogue()
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"{path} cannot be read: {error}.") from error


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ModelError(f"The models folder {folder} cannot be made: {error.strerror}.") from error


def _hash(path: Path) -> str:
    digest = hashlib.sha256()
    try:
        with path.open("rb") as stream:
            while chunk := stream.read(_CHUNK):
                digest.update(chunk)
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}.") from error
    return digest.hexdigest()
