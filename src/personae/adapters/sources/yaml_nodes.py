"""YAML as nodes that know their lines, from a file that nobody vouches for."""

from __future__ import annotations

import re

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from personae.errors import InputError

__all__ = ["MAX_BYTES", "MappingNode", "Node", "ScalarNode", "SequenceNode", "kind_of", "line_of", "read"]

MAX_BYTES = 2**20
_MAX_DEPTH = 8
_KINDS = {"str": "text", "int": "a number", "float": "a number", "bool": "yes or no", "null": "nothing"}


def read(data: bytes, name: str) -> Node | None:
    """Return the document of a YAML file; None when it is empty.

    Nothing is constructed: no tags, no aliases, no merging. Errors never repeat what stands in the file, which
    may be a key.

    Args:
        data: the file's bytes.
        name: of the file, for the error.

    Raises:
        InputError: it is no YAML in UTF-8, or uses what is not needed here.
    """
    if len(data) > MAX_BYTES:
        raise InputError(f"{name} is larger than {MAX_BYTES // 2**20} MiB")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError(f"{name}, line {line}: this is not UTF-8") from error
    try:
        _refuse_tricks(text, name)
        return yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise InputError(f"{name}, line {line}: a character that cannot be shown") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise InputError(f"{name}, line {line}: {_said(error)}") from error


def line_of(node: Node) -> int:
    """Return the line on which a node begins, from 1."""
    return int(node.start_mark.line) + 1


def kind_of(node: Node) -> str:
    """Return what a node is, in a word or two."""
    if isinstance(node, MappingNode):
        return "keys with values"
    if isinstance(node, SequenceNode):
        return "a list"
    return _KINDS.get(node.tag.rpartition(":")[2], "text")


def _refuse_tricks(text: str, name: str) -> None:
    """Look through the file before anything is built of it.

    Raises:
        InputError: it has aliases, tags of its own, or lists within lists without end.
    """
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        wrong = ""
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            wrong = "anchors (&) and aliases (*) are not taken here: write it out, or put the value in quotes"
        elif getattr(event, "tag", None):
            wrong = "tags (!) are not taken here: put the value in quotes"
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _MAX_DEPTH:
            wrong = "lists within lists within lists: nothing here goes so deep"
        if wrong:
            mark = event.start_mark
            raise InputError(f"{name}, line {mark.line + 1 if mark else 1}: {wrong}")


def _said(error: yaml.MarkedYAMLError) -> str:
    problem = error.problem or "this is no YAML"
    if "\\t" in problem:
        return "a tab: indent with spaces"
    if "tag" in problem:
        return "tags (!) are not taken here: put the value in quotes"
    if "single document" in (error.context or ""):
        return "a second document begins here (---): one list is enough"
    # Single characters and names of tokens help; longer words may be a part of a key.
    return re.sub(r"'(?!<)[^']{2,}'", "this", problem)
