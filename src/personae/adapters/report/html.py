"""The report: one HTML page that needs no network, no script and no other file."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from importlib.resources import files

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from personae.adapters.report.thumbs import data_uri
from personae.album import AlbumReport, ReportFace, ReportRow, reason_words

FACE_SIDE = 144
"""Pixels of a thumbnail: twice its size on the page, for dense screens."""
LEAD_SIDE = 240
"""Pixels of the first face of a large row."""
TINY_SIDE = 104
"""Pixels of a thumbnail where there are very many."""
ROW_STEPS = ((40, 24), (200, 12), (600, 6))
"""Up to so many rows, so many faces in each; later rows are only counted. Keeps a large album's page in bounds."""
LARGE = 9
"""Faces from which a row takes the page's whole width."""
SAMPLE = 120
"""Faces shown of those in no group, and of those refused."""
FILES_SHOWN = 500
WALL = 24
"""Faces in the opening line."""

_BIDI = dict.fromkeys([*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F], "\ufffd")
_CONTROLS = (
    {code: chr(0x2400 + code) for code in range(0x20)} | {0x7F: "\u2421"} | dict.fromkeys(range(0x80, 0xA0), "\ufffd")
)
_SURROGATES = dict.fromkeys(range(0xD800, 0xE000), "\ufffd")
_CLEAN = _BIDI | _CONTROLS | _SURROGATES | {0x2028: "\u2424", 0x2029: "\u2424"}


@dataclass(frozen=True, slots=True)
class Card:
    """A face as the page shows it."""

    src: str
    face: ReportFace

    @property
    def why(self) -> str:
        """Why it was refused, short enough for under a picture."""
        return self.face.receipt.removeprefix("refused: ")


@dataclass(frozen=True, slots=True)
class Row:
    """A person or a group as the page shows it."""

    anchor: str
    label: str
    count: int
    named: bool
    cards: tuple[Card, ...]

    @property
    def hidden(self) -> int:
        """Faces that are not shown."""
        return self.count - len(self.cards)

    @property
    def large(self) -> bool:
        """True for a row that takes the page's whole width."""
        return len(self.cards) >= LARGE

    @property
    def lead(self) -> bool:
        """True for a row whose first face is drawn twice as large."""
        return len(self.cards) > 3


def render(report: AlbumReport) -> str:
    """Return the page.

    Args:
        report: what to show; names may hold any character, crops any bytes.

    Returns:
        A whole HTML document, UTF-8 encodable.
    """
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, finalize=_finalize, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["number"] = lambda value: f"{value:,}"
    environment.filters["words"] = reason_words
    environment.filters["short"] = _short
    here = files(__package__)
    template = environment.from_string((here / "template.html.j2").read_text("utf-8"))
    people = _rows(report.people, "person", True, 0)
    unknown = _rows(report.unknown, "group", False, len(people))
    return template.render(
        report=report,
        totals=report.totals,
        style=Markup((here / "style.css").read_text("utf-8")),  # noqa: S704 - our own file
        people=people,
        unknown=unknown,
        wall=_wall((*people, *unknown)),
        ungrouped=tuple(_card(face, TINY_SIDE) for face in report.ungrouped[:SAMPLE]),
        refused=tuple(_card(face, TINY_SIDE) for face in report.refused_faces[:SAMPLE]),
        files=report.refused_files[:FILES_SHOWN],
        file_reasons=Counter(refusal.reason for refusal in report.refused_files).most_common(),
    )


def printable(text: str) -> str:
    """Return text that a page can show as it is.

    Line breaks and control characters become their symbols; bytes that were no UTF-8, and characters that turn
    the direction of writing, the replacement character.
    """
    return text.translate(_CLEAN)


def _finalize(value: object) -> object:
    """Clean every string that the template prints, so that none can be forgotten."""
    if isinstance(value, Markup) or not isinstance(value, str):
        return value
    return printable(value)


def _rows(rows: tuple[ReportRow, ...], prefix: str, named: bool, before: int) -> tuple[Row, ...]:
    shown = []
    for number, row in enumerate(rows):
        limit = next((faces for until, faces in ROW_STEPS if before + number < until), 0)
        if limit == 0:
            break
        faces = row.faces[:limit]
        cards = tuple(_card(face, _side(len(faces), rank, limit)) for rank, face in enumerate(faces))
        shown.append(Row(f"{prefix}-{number + 1}", row.label, row.count, named, cards))
    return tuple(shown)


def _side(faces: int, rank: int, limit: int) -> int:
    if rank == 0 and faces > 3:
        return LEAD_SIDE
    return FACE_SIDE if limit > ROW_STEPS[-1][1] or faces <= 3 else TINY_SIDE


def _card(face: ReportFace, side: int) -> Card:
    return Card(data_uri(face.crop, side), face)


def _short(label: str) -> str:
    """Return unknown_cluster_7 as no. 7, which fits under a picture."""
    return label.replace("unknown_cluster_", "no. ")


def _wall(rows: tuple[Row, ...]) -> tuple[Row, ...]:
    return tuple(row for row in rows if row.cards and row.cards[0].src)[:WALL]
