"""As much of GraphQL as a query with variables, aliases and fragments needs."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

_TOKEN = re.compile(r'[A-Za-z_]\w*|\$[A-Za-z_]\w*|\.\.\.|"[^"]*"|-?\d+|[{}():!\[\]]')


class GraphqlError(Exception):
    """The query cannot be answered."""

    def __init__(self, message: str, code: str = "GRAPHQL_VALIDATION_FAILED") -> None:
        super().__init__(message)
        self.code = code


@dataclass
class Field:
    """A field of a selection; `fragment` for a spread."""

    name: str
    alias: str
    arguments: dict[str, str] = field(default_factory=dict)
    """Names of the variables, by argument."""
    chosen: list[Field] = field(default_factory=list)
    fragment: bool = False


class Parser:
    """Parses operations and fragments. Values other than variables are refused: nothing may be built into a query."""

    def __init__(self, source: str) -> None:
        self._tokens: list[str] = _TOKEN.findall(source)
        self.operation: list[Field] = []
        self.fragments: dict[str, list[Field]] = {}
        while self._tokens:
            kind, name = self._next(), self._next()
            if kind == "fragment":
                self._expect("on")
                self._next()
                self.fragments[name] = self._selection()
            else:
                while self._tokens[0] != "{":
                    self._next()
                self.operation = self._selection()

    def _next(self) -> str:
        if not self._tokens:
            raise GraphqlError("unexpected end", "GRAPHQL_PARSE_FAILED")
        return self._tokens.pop(0)

    def _expect(self, token: str) -> None:
        if self._next() != token:
            raise GraphqlError(f"expected {token}", "GRAPHQL_PARSE_FAILED")

    def _selection(self) -> list[Field]:
        self._expect("{")
        found = []
        while self._tokens[0] != "}":
            name = self._next()
            if name == "...":
                found.append(Field(self._next(), "", fragment=True))
                continue
            made = Field(name, name)
            if self._tokens[0] == ":":
                self._next()
                made.name = self._next()
            if self._tokens[0] == "(":
                made.arguments = self._arguments()
            if self._tokens[0] == "{":
                made.chosen = self._selection()
            found.append(made)
        self._next()
        return found

    def _arguments(self) -> dict[str, str]:
        self._expect("(")
        found = {}
        while self._tokens[0] != ")":
            name = self._next()
            self._expect(":")
            value = self._next()
            if not value.startswith("$"):
                raise GraphqlError("a value stands in the query", "VALUE_IN_QUERY")
            found[name] = value[1:]
        self._next()
        return found


Resolver = Callable[[Mapping[str, Any]], Any]


def execute(source: str, variables: Mapping[str, Any], root: Mapping[str, Resolver], types: Mapping[str, Any]) -> Any:
    """Answer a query.

    Args:
        source: the query.
        variables: by name.
        root: what answers each field of the query's root.
        types: for each root field a tree of the fields that its type has; None for a leaf.
    """
    parser = Parser(source)
    data = {}
    for each in parser.operation:
        if each.name not in root:
            raise GraphqlError(f'Cannot query field "{each.name}" on type "Query".')
        _check(each.chosen, types[each.name], parser.fragments, each.name)
        arguments = {name: variables[variable] for name, variable in each.arguments.items()}
        data[each.alias] = _choose(root[each.name](arguments), each.chosen, parser.fragments)
    return data


def _check(chosen: list[Field], tree: Mapping[str, Any], fragments: Mapping[str, list[Field]], name: str) -> None:
    for each in chosen:
        if each.fragment:
            _check(fragments[each.name], tree, fragments, name)
        elif each.name not in tree:
            raise GraphqlError(f'Cannot query field "{each.name}" on type "{name}".')
        elif tree[each.name] is not None:
            _check(each.chosen, tree[each.name], fragments, each.name)


def _choose(value: Any, chosen: list[Field], fragments: Mapping[str, list[Field]]) -> Any:
    if isinstance(value, list):
        return [_choose(each, chosen, fragments) for each in value]
    if not isinstance(value, dict):
        # Null, or not what the schema says: tests have a server do that.
        return value
    answer: dict[str, Any] = {}
    for each in chosen:
        if each.fragment:
            answer |= _choose(value, fragments[each.name], fragments)
        else:
            found = value[each.name]
            answer[each.alias] = _choose(found, each.chosen, fragments) if each.chosen else found
    return answer
