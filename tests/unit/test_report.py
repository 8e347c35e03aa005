"""The report page as text: complete, safe whatever the names, and small enough."""

from __future__ import annotations

import io
import re
from datetime import UTC, datetime
from html.parser import HTMLParser

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from personae.adapters.report.html import printable, render
from personae.adapters.report.thumbs import data_uri
from personae.album import (
    AlbumReport,
    ReportFace,
    ReportGate,
    ReportModel,
    ReportRefusal,
    ReportRow,
    ReportTotals,
    reason_words,
)
from personae.types import Reason

NASTY = ('<script>alert(1)</script>', '"><img src=x onerror=alert(1)>', "O'Neil & \"Sons\"", "two\nlines\ttab",
         "caf\udce9.jpg", "\u202egpj.exe", "{{ 7*7 }}", "</style><b>", "\x00\x1b[31m")  # fmt: skip
VOID = {"meta", "img", "br", "link", "input", "hr"}


def jpeg(side: int = 200, seed: int = 0, grain: int = 8) -> bytes:
    noise = np.random.default_rng(seed).integers(0, 256, (side // grain, side // grain, 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(noise).resize((side, side), Image.Resampling.BICUBIC).save(out, "JPEG", quality=90)
    return out.getvalue()


CROP = jpeg()


def faces(count: int, name: str = "photo.jpg", receipt: str = "") -> tuple[ReportFace, ...]:
    return tuple(ReportFace(number, CROP, name, 0.5, receipt) for number in range(count))


def report(**given: object) -> AlbumReport:
    given.setdefault("totals", ReportTotals(3, 4, 5, 1, 1, 1, 1, 1))
    return AlbumReport(title="An album", created_at=datetime(2026, 1, 2, 3, 4, tzinfo=UTC), **given)  # type: ignore[arg-type]


class Outline(HTMLParser):
    """Checks that tags close in order, and gathers text, tags and addresses."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.handlers: list[str] = []
        self.words: list[str] = []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for key, value in attrs if key in {"src", "href"}]
        self.handlers += [key for key, _ in attrs if key.startswith("on")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def test_everything_in_the_report_is_on_the_page() -> None:
    page = Outline(
        render(
            report(
                people=(ReportRow("Ann", 334, faces(30, receipt="recognised: score 0.812")),),
                unknown=(ReportRow("unknown_cluster_7", 5, faces(5)),),
                ungrouped=faces(1),
                refused_faces=faces(1, receipt="refused: blurred"),
                refused_files=(ReportRefusal("scan.svg", "unsupported_format", "SVG is not taken"),),
                profile="album",
                gates=(ReportGate("sharpness", "4", "keeps from founding a group", 12),),
                models=(ReportModel("centerface", "detector", "MIT", "from the paper's authors"),),
            )
        )
    ).text
    for words in ("An album", "Ann", "334 faces", "and 310 more", "score 0.812", "unknown_cluster_7", "blurred",
                  "scan.svg", "picture format that is not taken", "SVG is not taken", "keeps from founding a group",
                  "centerface", "MIT", "from the paper's authors", "2 January 2026",
                  'personae name unknown_cluster_7 "Name"'):  # fmt: skip
        assert words in page, words


def test_the_page_needs_nothing_from_elsewhere() -> None:
    page = render(
        report(people=(ReportRow("Ann", 3, faces(3)),), unknown=(ReportRow("unknown_cluster_1", 3, faces(3)),))
    )
    outline = Outline(page)
    assert {"script", "link", "iframe", "object"}.isdisjoint(outline.tags)
    assert all(address.startswith(("data:image/webp;base64,", "#")) for address in outline.addresses)
    assert not re.search(r"url\(|@import|https?:", page)


@pytest.mark.parametrize("name", NASTY)
def test_names_of_any_kind_are_only_text(name: str) -> None:
    page = render(
        report(
            people=(ReportRow(name, 3, faces(3, name, name)),),
            refused_files=(ReportRefusal(name, name, name),),
            gates=(ReportGate(name, name, name, 1),),
            models=(ReportModel(name, name, name, name),),
        )
    )
    plain = Outline(page)
    harmless = Outline(
        render(
            report(
                people=(ReportRow("n", 3, faces(3, "n", "n")),),
                refused_files=(ReportRefusal("n", "n", "n"),),
                gates=(ReportGate("n", "n", "n", 1),),
                models=(ReportModel("n", "n", "n", "n"),),
            )
        )
    )
    assert plain.tags == harmless.tags
    assert plain.handlers == []
    assert " ".join(printable(name).split()) in plain.text
    page.encode("utf-8")


@given(st.text(st.characters(), max_size=40))
@settings(max_examples=200, deadline=None)
def test_printable_text_can_be_written_and_stays_on_one_line(text: str) -> None:
    shown = printable(text)
    shown.encode("utf-8")
    assert len(shown) == len(text)
    assert len(shown.splitlines()) <= 1


def test_an_empty_album_says_what_to_do() -> None:
    page = Outline(render(report(totals=ReportTotals(0, 0, 0, 0, 0, 0, 0, 0)))).text
    assert "No faces yet" in page


def test_a_lost_or_damaged_crop_is_shown_as_such() -> None:
    lost = (
        ReportFace(1, b"", "a.jpg", 0.1),
        ReportFace(2, b"not a picture", "b.jpg", 0.1),
        ReportFace(3, CROP[:90], "c", 0),
    )
    page = render(report(people=(ReportRow("Ann", 3, lost),)))
    assert page.count("its crop is not at hand") == 3


def test_thumbnails_are_square_and_never_enlarged() -> None:
    out = io.BytesIO()
    Image.new("RGBA", (90, 60), (255, 0, 0, 128)).save(out, "PNG")
    assert data_uri(out.getvalue(), 144).startswith("data:image/webp;base64,")


def test_a_large_album_stays_under_thirty_megabytes() -> None:
    crops = [jpeg(256, seed, grain=20) for seed in range(7)]  # about what faces weigh
    full = tuple(ReportFace(n, crops[n % 7], "photo.jpg", 1) for n in range(24))
    rows = tuple(ReportRow(f"unknown_cluster_{n}", 3, full) for n in range(10))
    first = len(render(report(unknown=rows)))
    twelve = len(render(report(unknown=(*(ReportRow("x", 3, ()) for _ in range(100)), *rows)))) - len(render(report()))
    six = len(render(report(unknown=(*(ReportRow("x", 3, ()) for _ in range(300)), *rows)))) - len(render(report()))
    assert first * 40 / 10 + twelve * 160 / 10 + six * 400 / 10 < 30e6


def test_more_rows_than_are_drawn_are_counted() -> None:
    rows = tuple(ReportRow(f"unknown_cluster_{n}", 3, ()) for n in range(700))
    page = Outline(render(report(unknown=rows, totals=ReportTotals(9, 9, 2100, 0, 700, 0, 0, 0)))).text
    assert "and 100 more groups" in page
    assert "unknown_cluster_599 " in page
    assert "unknown_cluster_600 " not in page


def test_every_reason_has_words() -> None:
    assert len({reason_words(reason) for reason in Reason}) == len(Reason)
    assert reason_words("something_new") == "something new"
