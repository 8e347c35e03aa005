"""The verbs on the map of all faces."""

from __future__ import annotations

from typing import TYPE_CHECKING

from personae.engine.parts import Parts
from personae.engine.progress import NOBODY, Progress

if TYPE_CHECKING:
    from personae.engine.map import FaceMap, MapState, MapSummary


class MapVerbs:
    """What `Engine` does with the map; `queue("map")` draws it as a job."""

    parts: Parts

    def draw_map(self, progress: Progress = NOBODY) -> MapSummary:
        """Lay out every face that can be compared, and keep the result in place of the last one."""
        from personae.engine import map as face_map

        return face_map.draw(self.parts, face_map.MapOptions(), progress)

    def map_state(self) -> MapState:
        """Return whether there is a map, and how much of the collection it shows."""
        from personae.engine import map as face_map

        return face_map.state(self.parts)

    def map(self) -> FaceMap:
        """Return the map, with whose the faces are now. Raises NotFound: there is none."""
        from personae.engine import map as face_map

        return face_map.look(self.parts)

    def forget_map(self) -> None:
        """Remove the map."""
        from personae.engine import map as face_map

        face_map.forget(self.parts)
