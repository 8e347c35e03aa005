"""Sequences of real photos, and real videos, held against a character."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import pytest

from personae import Engine, Settings, open_engine
from personae.core.continuity import Drop
from personae.errors import Cancelled, Conflict, ImageError, InputError, NotFound
from personae.ports import Transaction
from tests.likeness import anchor, frame, write_turned_video, write_video

SHOT = ["obama", "obama", "obama", "biden", "biden", "obama", None, "obama", "obama2", "obama2"]
"""Whom each frame shows."""


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with open_engine(Settings(home=tmp_path_factory.mktemp("continuity") / "home", workers=2)) as opened:
        anchor(opened, "President", "obama3")
        yield opened


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_video(tmp_path_factory.mktemp("video") / "shot.mp4", SHOT)


def test_a_video_frame_by_frame(engine: Engine, video: Path, tmp_path: Path) -> None:
    found = engine.continuity("President", video, to=tmp_path / "shot.html")
    assert [each.number for each in found.frames] == list(range(10))
    assert [each.seconds for each in found.frames] == pytest.approx([n / 5 for n in range(10)], abs=0.01)
    assert [each.drop for each in found.frames[3:7]] == [Drop.BELOW_THRESHOLD] * 2 + [None, None]
    assert found.frames[6].reasons == ("no_face",)
    assert all(each.score and each.score > found.threshold for each in (*found.frames[:3], *found.frames[7:]))
    assert (found.scored, found.name, found.version) == (9, "President", 1)
    spell = found.drops[0]
    assert (spell.first, spell.last, spell.frames, spell.drop) == (3, 4, 2, Drop.BELOW_THRESHOLD)
    assert spell.seconds == pytest.approx(0.6, abs=0.01)
    page = (tmp_path / "shot.html").read_text("utf-8")
    assert "Continuity of President" in page
    assert "http" not in page.replace("http-equiv", "").split("<body>")[0]


@pytest.mark.slow
def test_frames_in_a_folder_are_ordered_as_they_count(engine: Engine, tmp_path: Path) -> None:
    folder = tmp_path / "frames"
    folder.mkdir()
    for number, shown in enumerate(SHOT, 1):
        frame(shown).save(folder / f"frame_{number}.png")
    (folder / "frame_5.png").write_bytes(b"no picture")
    (folder / "notes.txt").write_text("no frame")
    found = engine.continuity("President", folder)
    assert [each.name for each in found.frames] == [f"frame_{number}.png" for number in range(1, 11)]
    assert {each.seconds for each in found.frames} == {None}
    assert found.frames[4].reasons == ("not_an_image",)
    assert [each.number for each in found.frames if each.drop] == [3]
    second = engine.continuity("President", [folder / "frame_4.png", folder / "frame_1.png"], every=1)
    assert [each.drop for each in second.frames] == [Drop.BELOW_THRESHOLD, None]
    assert (second.median, second.floor) == (None, None)
    data = (folder / "frame_1.png").read_bytes()
    assert engine.continuity("President", [data]).frames[0].score == second.frames[1].score


@pytest.mark.slow
def test_one_of_several_frames_is_looked_at(engine: Engine, video: Path, tmp_path: Path) -> None:
    found = engine.continuity("President", video, every=3)
    assert [each.number for each in found.frames] == [0, 3, 6, 9]
    whole = engine.continuity("President", video)
    assert [each.score for each in found.frames] == pytest.approx(
        [whole.frames[number].score for number in (0, 3, 6, 9)], nan_ok=True
    )
    folder = tmp_path / "frames"
    folder.mkdir()
    for number, shown in enumerate(SHOT):
        frame(shown).save(folder / f"{number}.png")
    assert [each.number for each in engine.continuity("President", folder, every=4).frames] == [0, 4, 8]


@pytest.mark.slow
def test_a_video_that_breaks_off_says_so(engine: Engine, tmp_path: Path) -> None:
    whole = write_video(tmp_path / "whole.mp4", ["obama", "biden"] * 12)
    data = bytearray(whole.read_bytes())
    begin, end = data.index(b"mdat"), data.index(b"moov")
    at = begin + (end - begin) * 3 // 10
    data[at : at + 60_000] = b"\xff" * 60_000
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(data)
    found = engine.continuity("President", broken)
    assert found.frames[0].score is not None
    assert found.frames[-1].reasons == ("corrupt",)
    assert found.frames[-1].score is None
    assert found.scored == len(found.frames) - 1 < 24


@pytest.mark.slow
def test_a_turned_video_is_looked_at_upright(engine: Engine, tmp_path: Path) -> None:
    data = io.BytesIO()
    frame("obama").save(data, "png")
    upright = engine.continuity("President", [data.getvalue()]).frames[0]
    (turned,) = engine.continuity("President", write_turned_video(tmp_path / "turned.mp4", "obama")).frames
    assert turned.score == pytest.approx(upright.score, abs=0.05)
    assert turned.box is not None
    assert upright.box is not None
    assert turned.box.x == pytest.approx(upright.box.x, abs=10)


def test_what_is_no_sequence_is_refused(engine: Engine, video: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.mp4").write_text("no video")
    (tmp_path / "list.m3u8").write_text(f"#EXTM3U\n#EXTINF:1,\n{video}\n#EXT-X-ENDLIST\n")
    (tmp_path / "concat.txt").write_text(f"ffconcat version 1.0\nfile {video}\n")
    for wrong in ([], tmp_path / "none.mp4", tmp_path / "empty", [video, tmp_path / "none.png"]):
        with pytest.raises(InputError):
            engine.continuity("President", wrong)
    for wrong in ("text.mp4", "list.m3u8", "concat.txt"):
        with pytest.raises(ImageError) as caught:
            engine.continuity("President", tmp_path / wrong)
        assert caught.value.reason == "not_an_image"
        assert wrong in str(caught.value)
    with pytest.raises(InputError):
        engine.continuity("President", video, every=0)
    with pytest.raises(NotFound):
        engine.continuity("Somebody", video)
    with pytest.raises(InputError, match=r"\.png, \.svg or \.html"):
        engine.continuity("President", video, to=tmp_path / "shot.gif")


def test_a_character_without_a_reference_is_refused(tmp_path: Path, video: Path) -> None:
    with open_engine(Settings(home=tmp_path / "home")) as engine:
        engine.add_character("Nobody yet")
        with pytest.raises(Conflict):
            engine.continuity("Nobody yet", video)


def test_it_can_be_stopped(engine: Engine, video: Path) -> None:
    class Stop:
        def step(self, done: int, total: int, doing: str = "") -> None:
            raise Cancelled("enough")

        def hold(self, tx: Transaction) -> None: ...

    with pytest.raises(Cancelled):
        engine.continuity("President", video, progress=Stop())


@pytest.mark.slow
def test_the_plot_can_be_had_alone(engine: Engine, video: Path, tmp_path: Path) -> None:
    found = engine.continuity("President", video, every=5, to=tmp_path / "shot.PNG")
    assert cv2.imread(str(tmp_path / "shot.PNG")) is not None
    assert engine.draw_continuity(found, "svg").startswith(b"<?xml")


@pytest.mark.slow
def test_without_the_library_pictures_still_work(engine: Engine, video: Path, tmp_path: Path) -> None:
    frame("obama").save(tmp_path / "one.png")
    code = (
        "import sys; sys.modules['av'] = None\n"
        "from personae import Settings, open_engine\n"
        "from personae.errors import InputError\n"
        f"with open_engine(Settings(home={str(engine.home)!r})) as engine:\n"
        f"    print(len(engine.continuity('President', {str(tmp_path / 'one.png')!r}).frames))\n"
        "    try:\n"
        f"        engine.continuity('President', {str(video)!r})\n"
        "    except InputError as error:\n"
        "        print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    first, second = done.stdout.splitlines()
    assert first == "1"
    assert "personae[video]" in second
