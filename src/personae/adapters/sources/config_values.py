"""Values of sources.yaml, each checked by itself."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from personae.adapters.sources.yaml_nodes import MappingNode, Node, ScalarNode, SequenceNode, kind_of
from personae.records import Trust

_TRUE, _FALSE = frozenset({"true", "yes", "on"}), frozenset({"false", "no", "off"})
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_ENVIRONMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LONGEST_WAIT = 3600.0
_MOST_FACES = 10_000


class WrongError(Exception):
    """A value does not fit; it says how, and where when that is not where the value begins."""

    def __init__(self, text: str, node: Node | None = None) -> None:
        super().__init__(text)
        self.node = node


def one_of(words: Iterable[str]) -> str:
    """Return words as a choice: `a, b or c`."""
    *most, last = words
    return f"{', '.join(most)} or {last}" if most else last


def did_you_mean(word: str, words: Iterable[str]) -> str:
    """Return a question that ends a sentence, empty when nothing is like the word."""
    known = list(words)
    near = difflib.get_close_matches(word.lower(), known, n=1, cutoff=0.6)
    near += [each for each in known if word.lower() in each.split("_")]
    return f" (did you mean {near[0]}?)" if near else ""


def shown(word: str) -> str:
    """Return a word of the file that is safe to print."""
    word = "".join(each if each.isprintable() else "?" for each in word)
    return word if len(word) <= 40 else f"{word[:40]}..."


def text(key: str, node: Node) -> str:
    """Return text. A number or `no` is text as it is written: a name may be either."""
    if not isinstance(node, ScalarNode):
        raise WrongError(f"{key} is text, not {kind_of(node)}", node)
    return " ".join(str(node.value).split()) if kind_of(node) != "nothing" else ""


def exact(key: str, node: Node) -> str:
    """Return text in which every character counts: a path, an address, an id."""
    value = str(node.value).strip() if isinstance(node, ScalarNode) else text(key, node)
    if not value.isprintable():
        raise WrongError(f"{key} holds a character that cannot be shown", node)
    return value


def name(key: str, node: Node) -> str:
    """Return a name that can be typed: letters, digits, dot, dash, underscore."""
    value = text(key, node)
    if not _NAME.fullmatch(value):
        raise WrongError(f"{key} is made of letters, digits, and . - _ (at most 64), not {shown(value)!r}", node)
    return value


def secret(key: str, node: Node) -> str:
    """Return a key, which no error repeats."""
    if not isinstance(node, ScalarNode):
        raise WrongError(f"{key} is text, not {kind_of(node)}: put it in quotes", node)
    value = str(node.value).strip() if kind_of(node) != "nothing" else ""
    if not value.isascii() or not value.isprintable() or " " in value:
        raise WrongError(f"{key} holds a character that no key has", node)
    return value


def variable(key: str, node: Node) -> str:
    """Return the name of an environment variable."""
    value = text(key, node)
    if not _ENVIRONMENT.fullmatch(value):
        # Not repeated: it may be the key itself, in the wrong place.
        raise WrongError(f"{key} is the name of an environment variable, like STASH_KEY", node)
    return value


def truth(key: str, node: Node) -> bool:
    """Return yes or no."""
    value = str(node.value).lower() if isinstance(node, ScalarNode) else ""
    if value not in _TRUE | _FALSE:
        raise WrongError(f"{key} is true or false, not {_seen(node)}", node)
    return value in _TRUE


def trust(key: str, node: Node) -> Trust:
    """Return a trust level."""
    value = text(key, node).lower()
    if value not in {*Trust}:
        raise WrongError(f"{key} is {one_of(Trust)}, not {shown(value)}{did_you_mean(value, Trust)}", node)
    return Trust(value)


def texts(key: str, node: Node) -> tuple[str, ...]:
    """Return a list of texts, each once; one text alone is a list too."""
    items = node.value if isinstance(node, SequenceNode) else [node]
    found = [exact(f"an item of {key}", item) for item in items]
    if not all(found) and isinstance(node, SequenceNode):
        raise WrongError(f"an item of {key} is empty", items[found.index("")])
    return tuple(dict.fromkeys(each for each in found if each))


def whole(key: str, node: Node) -> int:
    """Return a number of faces."""
    value = _number(node)
    if value is None or value != int(value) or not 1 <= value <= _MOST_FACES:
        raise WrongError(f"{key} is a whole number from 1 to {_MOST_FACES:,}, not {_seen(node)}", node)
    return int(value)


def seconds(key: str, node: Node) -> float:
    """Return a time to wait."""
    value = _number(node)
    if value is None or not 0 <= value <= _LONGEST_WAIT:
        raise WrongError(f"{key} is a number of seconds from 0 to {_LONGEST_WAIT:.0f}, not {_seen(node)}", node)
    return value


def server(key: str, value: str, node: Node) -> str:
    """Return the address of a server, without a slash at its end."""
    try:
        parts = urlsplit(value)
        good = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good or " " in value:
        raise WrongError(f"{key} is an address that begins with https:// or http://", node)
    if "@" in parts.netloc:
        raise WrongError(f"{key} has a user or password in it: use key or key_env", node)
    if parts.query or parts.fragment:
        raise WrongError(f"{key} has a ? or # in it: leave out what follows", node)
    return value.rstrip("/")


def mapping(node: MappingNode) -> Iterable[tuple[str, Node, Node]]:
    """Yield the keys of a mapping as text, with the nodes of key and value."""
    for at, value in node.value:
        yield (str(at.value) if isinstance(at, ScalarNode) else ""), at, value


def _number(node: Node) -> float | None:
    if not isinstance(node, ScalarNode) or kind_of(node) != "a number":
        return None
    try:
        value = float(node.value)
    except ValueError:  # 1_000, 0x10 and 1:30 are numbers to YAML alone
        return None
    return value if abs(value) < float("inf") else None


def _seen(node: Node) -> str:
    is_value = isinstance(node, ScalarNode) and node.value
    return shown(str(node.value)) if is_value else kind_of(node)
