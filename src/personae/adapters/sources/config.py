"""sources.yaml: which sources there are, and how far each is trusted."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from personae.adapters.sources import config_values as values
from personae.adapters.sources.config_values import WrongError, did_you_mean, one_of, shown
from personae.adapters.sources.yaml_nodes import MappingNode, Node, SequenceNode, kind_of, line_of, read
from personae.errors import InputError
from personae.records import SourceSpec

Note = Callable[[str], None]
Reader = Callable[[str, Node], Any]


@dataclass(frozen=True, slots=True)
class Kind:
    """What a type of source asks of its entry."""

    is_local: bool = False
    """Its endpoint is a path; else the address of a server."""
    needs: tuple[str, ...] = ("endpoint",)
    """Keys without which it cannot work; `key` is also given by `key_env`."""
    restrained: bool = False
    """It serves only the people listed in `ids`, or a stated purpose on a stated legal basis."""


TYPES: Mapping[str, Kind] = {
    "folder": Kind(is_local=True),
    "manifest": Kind(is_local=True),
    "stash_box": Kind(needs=("endpoint", "key"), restrained=True),
    "immich": Kind(needs=("endpoint", "key")),
    "wikidata": Kind(needs=("ids", "purpose")),
}

LIMITS: Mapping[str, Reader] = {"max_faces": values.whole, "rate_limit": values.seconds}

KEYS: Mapping[str, Reader] = {
    "name": values.name,
    "type": values.text,
    "enabled": values.truth,
    "trust_level": values.trust,
    "endpoint": values.exact,
    "key": values.secret,
    "key_env": values.variable,
    "purpose": values.text,
    "legal_basis": values.text,
    "ids": values.texts,
    "allow_private": values.truth,
    "prefer_single_face": values.truth,
}
"""Every key of an entry but `limits`, which holds the keys of LIMITS."""

_FIELDS = {"trust_level": "trust", "key": "api_key"}
"""Names in SourceSpec that differ."""
_OTHER_WORDS = {"url": "endpoint", "path": "endpoint", "folder": "endpoint", "api_key": "key", "trust": "trust_level"}
_OTHERS_MAY_READ = 0o044


def _quiet(_: str) -> None:
    return


@dataclass(slots=True)
class _Entry:
    """One entry as far as it could be read."""

    line: int
    values: dict[str, Any]
    nodes: dict[str, Node]


class _Reading:
    """Reads the entries, and gathers what is wrong with them."""

    def __init__(self, path: Path, environment: Mapping[str, str]) -> None:
        self._path = path
        self._environment = environment
        self.wrong: list[tuple[int, str]] = []
        self.notes: list[str] = []
        self.holds_key = False

    def entries(self, root: Node | None) -> list[SourceSpec]:
        """Return a spec of each entry; of those with mistakes only `wrong` tells."""
        if not isinstance(root, SequenceNode):
            seen = "empty" if root is None else kind_of(root)
            self._say(root, f"the file is a list of sources, each beginning with `- name: ...`, not {seen}")
            return []
        found: list[SourceSpec] = []
        lines: dict[str, int] = {}
        for node in root.value:
            entry = self._entry(node)
            if entry is None:
                continue
            name = entry.values.get("name", "")
            if name.lower() in lines:
                self._say(entry.nodes["name"], f"the name {name} is taken by the source on line {lines[name.lower()]}")
            elif name:
                lines[name.lower()] = entry.line
            before = len(self.wrong)
            self._check(entry)
            if len(self.wrong) == before:
                found.append(self._spec(entry))
        return found

    def _entry(self, node: Node) -> _Entry | None:
        if not isinstance(node, MappingNode):
            self._say(node, f"a source is a group of keys (name: ..., type: ...), not {kind_of(node)}")
            return None
        entry = _Entry(line_of(node), {}, {})
        for key, at, value in values.mapping(node):
            if key in entry.nodes:
                self._say(at, f"{key} is there twice, first on line {line_of(entry.nodes[key])}")
            elif key == "limits":
                entry.nodes[key] = value
                self._limits(entry, value)
            elif key in KEYS:
                entry.nodes[key] = value
                self._value(entry, key, KEYS[key], value)
            else:
                self._say(at, _unknown(key))
        return entry

    def _limits(self, entry: _Entry, node: Node) -> None:
        if not isinstance(node, MappingNode):
            self._say(node, f"limits holds {one_of(LIMITS)}, not {kind_of(node)}")
            return
        seen: set[str] = set()
        for key, at, value in values.mapping(node):
            if key in seen:
                self._say(at, f"{key} is there twice")
            elif key in LIMITS:
                self._value(entry, key, LIMITS[key], value)
            else:
                self._say(at, f"limits has no key {shown(key)}{did_you_mean(key, LIMITS)}")
            seen.add(key)

    def _value(self, entry: _Entry, key: str, reader: Reader, node: Node) -> None:
        if kind_of(node) == "nothing":
            return
        try:
            entry.values[key] = reader(key, node)
        except WrongError as error:
            self._say(error.node or node, str(error))

    def _check(self, entry: _Entry) -> None:
        """Check what depends on the type."""
        given = entry.values
        kind = self._kind(entry)
        if "name" not in given:
            self._missing(entry, "name")
        if kind is None:
            return
        self._check_key(entry)
        for key in kind.needs:
            if not given.get(key):
                self._missing(entry, key, f" ({given['type']} needs it)")
        self._check_endpoint(entry, kind)
        if kind.restrained and given.get("enabled", True) and not _is_permitted(given):
            self._wrong(entry.line, f"{_called(given)} is off unless you list ids, or state purpose and legal_basis")

    def _kind(self, entry: _Entry) -> Kind | None:
        name = entry.values.get("type")
        if not name:
            self._missing(entry, "type", f": {one_of(TYPES)}")
        elif name not in TYPES:
            said = f"type is {one_of(TYPES)}, not {shown(name)}{did_you_mean(name, TYPES)}"
            self._say(entry.nodes["type"], said)
        return TYPES.get(name or "")

    def _check_key(self, entry: _Entry) -> None:
        if "key" in entry.nodes and "key_env" in entry.nodes:
            self._say(entry.nodes["key"], "key and key_env are both there: one is enough")
        self.holds_key |= bool(entry.values.get("key"))
        variable = entry.values.get("key_env")
        if not variable:
            return
        entry.values["key"] = self._environment.get(variable, "").strip()
        if not entry.values["key"] and entry.values.get("enabled", True):
            # Its name is not repeated: it may be the key itself, in the wrong place.
            self._say(entry.nodes["key_env"], "the environment variable that key_env names is not set")

    def _check_endpoint(self, entry: _Entry, kind: Kind) -> None:
        value = entry.values.get("endpoint")
        if not value:
            return
        node = entry.nodes["endpoint"]
        try:
            place = self._place if kind.is_local else values.server
            entry.values["endpoint"] = place("endpoint", value, node)
        except WrongError as error:
            self._say(node, str(error))
            return
        given = entry.values
        if value.startswith("http:") and given.get("key") and not given.get("allow_private"):
            self.notes.append(f"{self._at(line_of(node))}: the key travels unprotected over http: use https")

    def _place(self, key: str, value: str, node: Node) -> str:
        """Return the absolute path; a relative one begins where sources.yaml lies."""
        if "://" in value:
            raise WrongError(f"{key} is a path on this machine for this type, not an address", node)
        try:
            place = Path(value).expanduser()
        except RuntimeError as error:
            raise WrongError(f"{key}: {error}", node) from error
        return os.path.abspath(self._path.parent / place)  # noqa: PTH100 - Path.resolve would follow links

    def _spec(self, entry: _Entry) -> SourceSpec:
        given = {_FIELDS.get(key, key): value for key, value in entry.values.items() if key != "key_env"}
        return replace(SourceSpec(name="", type="", line=entry.line), **given)

    def _missing(self, entry: _Entry, key: str, why: str = "") -> None:
        """Say that a key is not there, unless what is there was already complained of."""
        node = entry.nodes.get(key) or (entry.nodes.get("key_env") if key == "key" else None)
        if node is None or (kind_of(node) == "nothing" and not entry.values.get(key)):
            self._wrong(entry.line, f"{_called(entry.values)} has no {key}{why}")

    def _say(self, node: Node | None, text: str) -> None:
        self._wrong(line_of(node) if node is not None else 1, text)

    def _wrong(self, line: int, text: str) -> None:
        self.wrong.append((line, text))

    def _at(self, line: int) -> str:
        return f"{self._path.name}, line {line}"

    def report(self) -> str:
        """Return everything that is wrong, a line each, in the file's order."""
        return "\n".join(f"{self._at(line)}: {text}" for line, text in sorted(self.wrong))


def load_sources(
    path: str | Path, note: Note = _quiet, environment: Mapping[str, str] | None = None
) -> list[SourceSpec]:
    """Read sources.yaml.

    Args:
        path: of the file.
        note: is told what is no mistake but unwise, such as a key in a file that others can read.
        environment: where `key_env` is looked up; the process's own by default.

    Returns:
        A spec of each entry, also of those not enabled, in the file's order.

    Raises:
        InputError: it cannot be read or has mistakes; each is named with its line.
    """
    file = Path(os.path.abspath(path))  # noqa: PTH100 - its folder is where the user sees it, not where a link leads
    try:
        data = file.read_bytes()
        can_read = file.stat().st_mode & _OTHERS_MAY_READ if os.name != "nt" else 0
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    reading = _Reading(file, os.environ if environment is None else environment)
    specs = reading.entries(read(data, file.name))
    if reading.wrong:
        raise InputError(reading.report())
    if can_read and reading.holds_key:
        note(f"{path} holds a key and can be read by others on this machine: chmod 600, or use key_env")
    for said in reading.notes:
        note(said)
    return specs


def _is_permitted(given: Mapping[str, Any]) -> bool:
    return bool(given.get("ids")) or bool(given.get("purpose") and given.get("legal_basis"))


def _called(given: Mapping[str, Any]) -> str:
    return f"the source {given['name']}" if given.get("name") else "this source"


def _unknown(key: str) -> str:
    if key in LIMITS:
        return f"{key} belongs under limits"
    near = f" (did you mean {_OTHER_WORDS[key]}?)" if key in _OTHER_WORDS else did_you_mean(key, [*KEYS, "limits"])
    return f"there is no key {shown(key) or '?'}{near}"
