"""The verbs on settings that are changed while personae runs, and on what scores mean here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from personae.engine import preferences
from personae.engine.parts import Parts
from personae.preferences import Change, InForce, PreferenceScope, Value

if TYPE_CHECKING:
    from personae.engine.chances import Chances
    from personae.engine.scores import ScoreCounts


class SettingVerbs:
    """What `Engine` does with settings; `studio` means all projects that have no value of their own."""

    parts: Parts

    def settings(self) -> list[InForce]:
        """Return every setting that may be changed while personae runs, and who has set it."""
        return preferences.listed(self.parts)

    def set_setting(self, name: str, value: object, by: str, studio: bool = False) -> InForce:
        """Change a setting from now on; return what is in force."""
        return preferences.change(self.parts, name, value, _scope(studio), by)

    def unset_setting(self, name: str, studio: bool = False) -> InForce:
        """Take a change back; return what is in force."""
        return preferences.take_back(self.parts, name, _scope(studio))

    def chosen_setting(self, name: str, studio: bool = False) -> Value | None:
        """Return what is set for this project, or the studio; None: nothing is."""
        return preferences.chosen(self.parts, name, _scope(studio))

    def undo_setting(self, change: Change, by: str) -> InForce:
        """Set back a change of a setting that nobody has changed since; return what is in force."""
        return preferences.undo(self.parts, change, by)

    def score_counts(self) -> ScoreCounts:
        """Return how alike faces of one person are in this collection, and faces of two."""
        from personae.engine import scores

        return scores.score_counts(self.parts)

    def learn_chances(self) -> Chances:
        """Learn from the faces that humans named how often a score of the live models is right."""
        from personae.engine import learn_chances

        return learn_chances.learn_chances(self.parts)

    def chances(self) -> Chances | None:
        """Return what was learnt of the live models' scores; None when nothing was."""
        from personae.engine import learn_chances

        return learn_chances.known_chances(self.parts)

    def forget_chances(self) -> bool:
        """Say nothing of how often scores are right; return whether anything was said."""
        from personae.engine import learn_chances

        return learn_chances.forget_chances(self.parts)


def _scope(studio: bool) -> PreferenceScope:
    return PreferenceScope.STUDIO if studio else PreferenceScope.PROJECT
