"""The verbs of a review: what to ask a human, and the answers."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from personae.engine.parts import Parts
from personae.types import Operation

# Imported by the verbs that need them: NumPy's users take long to load.
if TYPE_CHECKING:
    from personae.engine.answer import About
    from personae.engine.questions import Asked
    from personae.engine.survey import AlikeGroup, Survey


class ReviewVerbs:
    """What `Engine` does with questions: a survey finds them all, then a few at a time are asked."""

    parts: Parts

    def survey(self) -> Survey:
        """Find all that a human could be asked about; it compares every open face with everybody who is known."""
        from personae.engine import survey

        return survey.survey(self.parts)

    def groups_only(self) -> Survey:
        """Find the unknown groups alone, which takes no comparing."""
        from personae.engine import survey

        return survey.groups_only(self.parts)

    def outdated(self, found: Survey) -> bool:
        """Whether anything has happened since a survey."""
        with self.parts.store.read() as tx:
            return tx.events.last() != found.event

    def ask(
        self, found: Survey, limit: int = 20, skip: Collection[str] = (), only: str = "", person_id: int | None = None
    ) -> Asked:
        """Return the next questions of a survey, as things are now; `person_id`: only whether they are this person."""
        from personae.engine import questions

        return questions.ask(self.parts, found, limit, skip, only, person_id)

    def ask_about(self, found: Survey, cluster_ids: Sequence[int]) -> Asked:
        """Ask who these groups are, whether or not a survey has met them."""
        from personae.engine import questions

        return questions.ask_about(self.parts, found, cluster_ids)

    def alike_groups(self, cluster_id: int, limit: int = 8) -> list[AlikeGroup]:
        """Return the unknown groups most like one, the most alike first."""
        from personae.engine import survey

        return survey.alike_groups(self.parts, cluster_id, limit)

    def answer_yes(self, about: About, person_id: int | None = None, name: str | None = None) -> Operation:
        """Say who faces are, in one operation."""
        from personae.engine import answer

        return answer.answer_yes(self.parts, about, person_id, name)

    def answer_no(self, about: About, person_id: int) -> Operation:
        """Say that none of the faces is this person."""
        from personae.engine import answer

        return answer.answer_no(self.parts, about, person_id)
