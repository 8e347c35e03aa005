"""The verbs on the map of all faces."""

from __future__ import annotations

from typing import TYPE_CHECKING

from personae.engine.parts import Parts

if TYPE_CHECKING:
    from personae.engine.map import FaceMap, MapState


class MapVerbs:
    """What `Engine` does with the map; `queue("map")` draws it."""

    parts: Parts

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
