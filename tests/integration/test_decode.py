"""Every kind of picture, and everything that is none."""

from __future__ import annotations

import io
import struct
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from personae.adapters.vision.decode import check, decode, encode_jpeg, sniff, when_taken
from personae.errors import ImageError
from personae.types import Reason

READERS = [pytest.param(lambda data, **limits: decode(data, 100, **limits), id="decode"), check]
"""What refuses what is no whole picture."""
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF")
RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def _quarters(width: int = 100, height: int = 60) -> Image.Image:
    """Red and green above, blue and white below."""
    pixels = np.empty((height, width, 3), np.uint8)
    pixels[: height // 2, : width // 2] = RED
    pixels[: height // 2, width // 2 :] = GREEN
    pixels[height // 2 :, : width // 2] = BLUE
    pixels[height // 2 :, width // 2 :] = WHITE
    return Image.fromarray(pixels)


def _encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def _noise(side: int = 300) -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (side, side, 3)).astype(np.uint8))


def _corners(pixels: np.ndarray) -> list[tuple[int, ...]]:
    height, width = pixels.shape[:2]
    places = [(y, x) for y in (height // 4, 3 * height // 4) for x in (width // 4, 3 * width // 4)]
    return [tuple(255 if value > 127 else 0 for value in pixels[place]) for place in places]


@pytest.mark.parametrize("kind", FORMATS)
def test_each_format_by_content(kind: str) -> None:
    picture = decode(_encoded(_quarters(), kind), 1000)
    assert (picture.format, picture.width, picture.height) == (kind.lower(), 100, 60)
    assert picture.pixels.dtype == np.uint8
    assert picture.pixels.flags.c_contiguous
    assert _corners(picture.pixels) == [RED, GREEN, BLUE, WHITE]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_exif_orientation_is_undone(kind: str, orientation: int) -> None:
    # How a camera stores an upright picture under each orientation (Exif 2.32, tag 0x0112).
    stored = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    image = _quarters().transpose(stored[orientation]) if orientation > 1 else _quarters()
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = decode(_encoded(image, kind, exif=exif), 1000)
    assert (picture.width, picture.height) == (100, 60)
    assert picture.pixels.shape == (60, 100, 3)
    assert _corners(picture.pixels) == [RED, GREEN, BLUE, WHITE]


@pytest.mark.parametrize(
    ("said", "taken"),
    [
        ("2009:01:13 14:02:11", datetime(2009, 1, 13, 14, 2, 11)),
        ("2009:01:13 14:02:11\0", datetime(2009, 1, 13, 14, 2, 11)),
        ("9999:12:31 23:59:59", datetime(9999, 12, 31, 23, 59, 59)),
        ("0000:00:00 00:00:00", None),
        ("0000:01:01 00:00:00", None),
        ("2009:02:30 00:00:00", None),
        ("2009:01:13 14:02:11+09:00", None),
        ("    :  :     :  :  ", None),
        ("long ago" * 1000, None),
        ("", None),
    ],
)
def test_when_it_was_taken_is_read_on_the_way(said: str, taken: datetime | None) -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9003] = said
    for kind in ("JPEG", "PNG", "WEBP"):
        data = _encoded(Image.new("RGB", (32, 24)), kind, exif=exif.tobytes())
        assert decode(data, 1000).taken_at == when_taken(data) == taken


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
def test_a_damaged_place_of_the_date_is_no_date() -> None:
    turned = struct.pack("<HHIHH", 0x0112, 3, 1, 6, 0)
    for offset in (0xFFFFFF00, 0, 8):
        details = struct.pack("<HHII", 0x8769, 4, 1, offset)
        exif = b"Exif\0\0II*\0" + struct.pack("<IH", 8, 2) + turned + details + bytes(4)
        picture = decode(_encoded(Image.new("RGB", (32, 24)), "JPEG", exif=exif), 1000)
        assert (picture.taken_at, picture.width) == (None, 24)


@pytest.mark.parametrize(("wanted", "expected"), [(100, 500), (640, 1000), (1280, 2000), (2001, 4000), (9000, 4000)])
def test_a_jpeg_is_reduced_but_never_below_what_is_wanted(wanted: int, expected: int) -> None:
    for image in (_quarters(4000, 2400), _quarters(2400, 4000)):
        picture = decode(_encoded(image, "JPEG"), wanted)
        assert max(picture.pixels.shape) == expected
        assert (picture.width, picture.height) == image.size
        assert picture.scale == pytest.approx(expected / 4000)
        assert _corners(picture.pixels) == [RED, GREEN, BLUE, WHITE]


def test_other_formats_are_reduced_after_decoding() -> None:
    picture = decode(_encoded(_quarters(3000, 1500), "PNG"), 640)
    assert picture.pixels.shape == (320, 640, 3)
    assert (picture.width, picture.height) == (3000, 1500)


@pytest.mark.parametrize("mode", ["CMYK", "L"])
def test_jpegs_of_other_colours(mode: str) -> None:
    image = _quarters(2000, 1200).convert(mode)
    picture = decode(_encoded(image, "JPEG"), 500)
    assert max(picture.pixels.shape) >= 500
    want = np.asarray(image.convert("RGB").resize(picture.pixels.shape[1::-1]))
    assert np.abs(picture.pixels.astype(int) - want).mean() < 3


def test_sixteen_bits_palette_and_transparency() -> None:
    grey = np.asarray(_quarters().convert("L")).astype(np.uint16)
    deep = decode(_encoded(Image.fromarray(grey * 257), "PNG"), 100).pixels
    assert (deep == grey[..., None]).all()
    palette = decode(_encoded(_quarters().quantize(8), "PNG"), 100).pixels
    assert _corners(palette) == [RED, GREEN, BLUE, WHITE]
    clear = _quarters().convert("RGBA")
    clear.putalpha(0)
    assert (decode(_encoded(clear, "PNG"), 100).pixels == 255).all()
    assert (decode(_encoded(clear.convert("LA"), "PNG"), 100).pixels == 255).all()
    keyed = _quarters().quantize(8)
    assert decode(_encoded(keyed, "PNG", transparency=bytes([0, 255] * 4)), 100).pixels.shape == (60, 100, 3)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_of_an_animation_the_first_frame(kind: str) -> None:
    data = _encoded(_quarters(), kind, save_all=True, append_images=[_quarters().rotate(180)])
    assert _corners(decode(data, 100).pixels) == [RED, GREEN, BLUE, WHITE]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", Reason.EMPTY),
        (b"only a text, called .jpg", Reason.NOT_AN_IMAGE),
        (bytes(4096), Reason.NOT_AN_IMAGE),
        (b"%PDF-1.7 ...", Reason.NOT_AN_IMAGE),
        (b'<svg xmlns="http://www.w3.org/2000/svg"/>', Reason.UNSUPPORTED_FORMAT),
        (b'\xef\xbb\xbf<?xml version="1.0"?>\n<!-- hand made -->\n<svg/>', Reason.UNSUPPORTED_FORMAT),
        (b"\0\0\0\x18ftypheic" + bytes(200), Reason.UNSUPPORTED_FORMAT),
        (b"\0\0\0\x18ftypavif" + bytes(200), Reason.UNSUPPORTED_FORMAT),
        (b"\xff\xd8\xff\xe0", Reason.TRUNCATED),
        (b"\x89PNG\r\n\x1a\n" + bytes(60) + b"IEND", Reason.CORRUPT),
    ],
)
@pytest.mark.parametrize("read", READERS)
def test_what_is_no_picture_says_why(data: bytes, reason: Reason, read: Callable[..., object]) -> None:
    with pytest.raises(ImageError) as caught:
        read(data)
    assert caught.value.reason == reason
    assert caught.value.detail


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("share", [0.5, 0.9])
@pytest.mark.parametrize("read", READERS)
def test_a_truncated_file_is_told_as_such(kind: str, share: float, read: Callable[..., object]) -> None:
    data = _encoded(_noise(), kind)
    with pytest.raises(ImageError) as caught:
        read(data[: int(len(data) * share)])
    assert caught.value.reason == Reason.TRUNCATED


@pytest.mark.parametrize("read", READERS)
def test_a_jpeg_cut_in_its_last_rows_is_not_taken_for_whole(read: Callable[..., object]) -> None:
    data = _encoded(_noise(1000), "JPEG", progressive=True)
    with pytest.raises(ImageError) as caught:
        read(data[:-3000])
    assert caught.value.reason == Reason.TRUNCATED


def test_filling_between_the_parts_of_a_jpeg_is_forgiven() -> None:
    data = _encoded(_noise(), "JPEG")
    filled = data[:-2] + bytes(5) + data[-2:]
    assert decode(filled, 640).pixels.shape == (300, 300, 3)
    check(filled)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"progressive": True},
        {"quality": 100, "subsampling": 0},
        {"restart_marker_blocks": 3},
        {"comment": b"\xff\xd9 is no end"},
        {"exif": b"Exif\0\0" + encode_jpeg(np.zeros((8, 8, 3), np.uint8))},
    ],
)
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_whole_jpegs_of_every_make_are_whole(mode: str, options: dict[str, object]) -> None:
    data = _encoded(_noise().convert(mode), "JPEG", **options)
    check(data)
    check(data + b"\xff\xd8 a film that the camera has put behind it")


def test_a_jpeg_with_something_else_in_its_middle_is_damaged() -> None:
    data = _encoded(_noise(), "JPEG")
    middle = len(data) // 2
    strange = np.random.default_rng(0).integers(0, 256, 4000).astype(np.uint8).tobytes()
    for inside in (strange, b"\xff\xd8\xff\xe0", b"\xff\x20"):
        with pytest.raises(ImageError) as caught:
            check(data[:middle] + inside + data[middle + len(inside) :])
        assert caught.value.reason == Reason.CORRUPT


def test_a_jpeg_without_pixels_is_damaged() -> None:
    data = _encoded(_noise(), "JPEG")
    with pytest.raises(ImageError) as caught:
        check(data[: data.index(b"\xff\xda")] + b"\xff\xd9")
    assert caught.value.reason == Reason.CORRUPT


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "BMP"])
@pytest.mark.parametrize("read", READERS)
def test_too_many_pixels_are_refused_before_decoding(kind: str, read: Callable[..., object]) -> None:
    data = _encoded(Image.new("L", (1500, 1000)), kind)
    with pytest.raises(ImageError) as caught:
        read(data, max_pixels=1_499_999)
    assert caught.value.reason == Reason.TOO_MANY_PIXELS
    assert decode(data, 640, max_pixels=1_500_000).width == 1500


def test_two_hundred_megapixels() -> None:
    data = _encoded(Image.new("1", (20_000, 10_000)), "PNG")
    with pytest.raises(ImageError) as caught:
        decode(data, 640)
    assert caught.value.reason == Reason.TOO_MANY_PIXELS


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(FORMATS), st.data())
def test_damaged_bytes_give_a_picture_or_an_image_error(kind: str, data: st.DataObject) -> None:
    encoded = bytearray(_encoded(_noise(64), kind))
    for _ in range(data.draw(st.integers(1, 6))):
        encoded[data.draw(st.integers(0, len(encoded) - 1))] = data.draw(st.integers(0, 255))
    with warnings.catch_warnings(), suppress(ImageError):
        warnings.simplefilter("ignore")
        check(bytes(encoded), max_pixels=2_000_000)
        picture = decode(bytes(encoded), 64, max_pixels=2_000_000)
        assert picture.pixels.ndim == 3


def test_threads_decode_the_same() -> None:
    data = _encoded(_noise(800), "JPEG")
    first = decode(data, 400).pixels
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda _: decode(data, 400).pixels, range(24)))
    assert all((each == first).all() for each in results)


def test_what_is_encoded_is_decoded() -> None:
    pixels = np.asarray(_quarters(256, 256))
    data = encode_jpeg(pixels[:, ::-1])
    assert sniff(data) == "jpeg"
    assert np.abs(decode(data, 256).pixels.astype(int) - pixels[:, ::-1]).mean() < 2
