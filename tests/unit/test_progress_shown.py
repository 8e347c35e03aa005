from __future__ import annotations

import io

import pytest
from rich.console import Console
from rich.progress import Progress

from personae.cli.progress import Bar, Lines, watching


def test_a_log_gets_a_line_for_each_part_and_each_tenth(capsys: pytest.CaptureFixture[str]) -> None:
    lines = Lines()
    for done in range(1001):
        lines.step(done, 1000, "reading")
    lines.step(0, 0, "writing\x1b[2J")
    lines.step(0, 1, "closing")
    lines.step(1, 1, "closing")
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 13
    assert said[1] == "  reading: 100 of 1,000"
    assert said[-2:] == ["  writing\\x1b[2J", "  closing"]


def test_nothing_is_shown_when_it_is_not_wanted(capsys: pytest.CaptureFixture[str]) -> None:
    with watching(False) as progress:
        progress.step(1, 2, "reading")
    assert capsys.readouterr() == ("", "")


def test_a_terminal_gets_a_bar() -> None:
    screen = io.StringIO()
    with Progress(console=Console(file=screen, force_terminal=True, width=100)) as shown:
        bar = Bar(shown)
        bar.step(0, 0, "")
        assert (shown.tasks[0].total, shown.tasks[0].description) == (None, "working")
        bar.step(5, 10, "grouping")
        assert (shown.tasks[0].total, shown.tasks[0].completed) == (10, 5)
    assert "grouping" in screen.getvalue()
    assert "50%" in screen.getvalue()
