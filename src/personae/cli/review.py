"""The dialogue: is this face that person?"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated

import typer

from personae.cli.context import Context, Json, columns, note, out, place, printable, show_json
from personae.core.probability import in_100
from personae.errors import BackendError, ModelError, PersonaeError

if TYPE_CHECKING:
    from personae.engine.facade import Engine
    from personae.engine.suggest import Suggestion
    from personae.types import Operation

LISTED = 50
"""Suggestions that are listed, and that are fetched at once in the dialogue."""
NOBODY_NAMED = 'nobody has a name yet: personae name unknown_cluster_N "Ann"'
PROMPT = "y(es) / n(o) / s(kip) / u(ndo) / q(uit), or a name: "
WORDS = {"y": "y", "yes": "y", "n": "n", "no": "n", "s": "s", "skip": "s", "u": "u", "undo": "u", "q": "q", "quit": "q"}


def review(
    context: typer.Context,
    limit: Annotated[
        int | None, typer.Option(help="How many.", min=1, show_default=f"{LISTED} are listed, all are asked")
    ] = None,
    json: Json = False,
) -> None:
    """Ask about unknown groups and faces that may be somebody known, the likeliest first; elsewhere list them."""
    obj: Context = context.obj
    with obj.engine() as engine:
        if json:
            show_json(engine.suggestions(limit or LISTED))
        elif sys.stdin.isatty() and out.is_terminal:
            Dialogue(engine, limit).run()
        else:
            _list(engine, engine.suggestions(limit or LISTED))


@dataclass
class Dialogue:
    """Questions one after another, until none is left or the human has enough."""

    engine: Engine
    limit: int | None
    """Questions to ask; None: all."""
    skipped: set[str] = field(default_factory=set)
    decided: list[tuple[Suggestion, Operation]] = field(default_factory=list)

    def run(self) -> None:
        """Ask, and say at the end, also of Ctrl-C, what was done."""
        try:
            self._ask_all()
        finally:
            out.print(f"{len(self.decided):,} decided, {len(self.skipped):,} skipped")

    def _ask_all(self) -> None:
        waiting: deque[Suggestion] = deque()
        asked = 0
        while self.limit is None or asked < self.limit:
            waiting.extend([] if waiting else self.engine.suggestions(LISTED, self.skipped))
            if not waiting:
                out.print("nothing is left to ask" if asked else _nothing(self.engine))
                break
            _show(self.engine, waiting[0])
            answer = _ask()
            if answer == "q":
                break
            before = self._take_back() if answer == "u" else None
            if before is not None:
                waiting.appendleft(before)
                asked -= 1
            elif answer != "u" and self._settle(waiting[0], answer):
                waiting.popleft()
                asked += 1

    def _settle(self, suggestion: Suggestion, answer: str) -> bool:
        """Do what was answered; False when the same question is to be asked again."""
        if answer == "s":
            self.skipped.add(suggestion.who)
            return True
        try:
            operation = self._decide(suggestion, answer)
        except (BackendError, ModelError):
            raise
        except PersonaeError as error:
            note(f"  {printable(str(error))}")
            # A name can be mistyped; a "yes" or "no" that does not go through is overtaken by somebody else's decision.
            return answer in {"y", "n"}
        self.decided.append((suggestion, operation))
        out.print(f"  {printable(operation.summary)}")
        return True

    def _decide(self, suggestion: Suggestion, answer: str) -> Operation:
        person = f"#{suggestion.person_id}"
        if answer == "y":
            return self.engine.merge(suggestion.who, person)
        if answer == "n":
            return self.engine.reject(suggestion.who, person)
        if answer.startswith("#"):
            return self.engine.merge(suggestion.who, answer)
        before = len(self.engine.people()[0])
        operation = self.engine.name(suggestion.who, answer)
        if len(self.engine.people()[0]) > before:
            out.print(f"  {printable(answer)} is new here (u takes it back)")
        return operation

    def _take_back(self) -> Suggestion | None:
        """Undo the latest decision of this dialogue and return its question."""
        if not self.decided:
            note("  nothing has been decided here yet; `personae undo` takes back older decisions")
            return None
        suggestion, operation = self.decided.pop()
        try:
            out.print(f"  {printable(self.engine.undo(operation.id).summary)}")
        except (BackendError, ModelError):
            raise
        except PersonaeError as error:
            note(f"  {printable(str(error))}")
        return suggestion


def _ask() -> str:
    """Return y, n, s, u, q, or a name; the end of the input is q."""
    while True:
        try:
            answer = " ".join(input(PROMPT).split())
        except EOFError:
            out.print("")
            return "q"
        except UnicodeDecodeError:
            note("  that cannot be read: it is not in the terminal's encoding")
            continue
        if answer.lower() in WORDS:
            return WORDS[answer.lower()]
        if len(answer) > 1:
            return answer
        note("  y: it is; n: it is not, and is never asked again; s: not now; u: take the last answer back; q: enough;")
        note("  or who it is, by name or #number")


def _show(engine: Engine, suggestion: Suggestion) -> None:
    faces = f", {suggestion.face_count:,} faces" if suggestion.face_count > 1 else ""
    out.print(f"\n{suggestion.who}{faces}: is this {printable(suggestion.person)}?")
    runner_up = ""
    if suggestion.runner_up is not None and suggestion.runner_up_person is not None:
        runner_up = f"; next {printable(suggestion.runner_up_person)}, {suggestion.runner_up:.3f}"
    sure = "" if suggestion.probability is None else f", right {in_100(suggestion.probability)} times in 100"
    out.print(
        f"  score {suggestion.score:.3f}{sure} (asked from {suggestion.review_threshold:.3f}, "
        f"sure from {suggestion.match_threshold:.3f}){runner_up}"
    )
    crop = "" if suggestion.crop is None else f": {printable(str(engine.crop_file(suggestion.crop)))}"
    out.print(f"  photo {place(suggestion.photo)}")
    out.print(f"  face {suggestion.face_id}{crop}")


def _list(engine: Engine, suggestions: Sequence[Suggestion]) -> None:
    table = columns("who", "faces", "may be", "score", "in 100", "next", "face", "photo")
    for each in suggestions:
        sure = "" if each.probability is None else str(in_100(each.probability))
        following = "" if each.runner_up is None else f"{each.runner_up:.3f}"
        table.add_row(each.who, f"{each.face_count:,}", printable(each.person), f"{each.score:.3f}", sure,
                      following, str(each.face_id), place(each.photo))  # fmt: skip
    out.print(table if suggestions else _nothing(engine))


def _nothing(engine: Engine) -> str:
    """Say why there is no question."""
    return "there is nothing to ask" if engine.people()[0] else NOBODY_NAMED
