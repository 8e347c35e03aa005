"""Builds a small album of real photos out of registry packages, for the demo and for the tests.

Run as `python -m scripts.demo_album FOLDER`. Photos are fetched by the ordinary clients (pip, npm), checked
against their SHA-256, kept in a cache, and laid into one flat folder under neutral names, together with a few
honest variants: saved again at low quality, cropped, reduced, turned by EXIF. CREDITS.txt in the folder says
where each photo comes from.
"""

from __future__ import annotations

import hashlib
import io
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

CACHE = Path(__file__).parent.parent / ".cache"
CREDITS = "CREDITS.txt"
VERSION = "2"
"""Counted up when the table or a variant changes, so that old albums are built anew."""

Say = Callable[[str], None]


class Unavailable(Exception):  # noqa: N818 - named for what happened
    """A package could not be fetched, or does not hold what it should."""


@dataclass(frozen=True, slots=True)
class Photo:
    """One photo inside a package."""

    name: str
    member: str
    sha256: str
    variants: tuple[str, ...] = ()
    """Keys of VARIANTS."""


@dataclass(frozen=True, slots=True)
class Source:
    """One package that carries photos."""

    client: str
    """wheel or sdist (pip), npm."""
    package: str
    licence: str
    """Of the package."""
    rights: str
    """In the photos, as far as is known."""
    photos: tuple[Photo, ...]


SOURCES = (
    Source(
        "sdist", "face-recognition==1.3.0", "MIT",
        "official White House photographs, in the public domain",
        (
            Photo("obama", "face_recognition-1.3.0/tests/test_images/obama.jpg",
                  "0930e3aa8cae5920329c0c8cbc6a2ab70f47b0e67b432875beaa95cbf7e741f6", ("small", "turned")),
            Photo("obama2", "face_recognition-1.3.0/tests/test_images/obama2.jpg",
                  "a7efcc907375274796f39646510704aa86672d59f6d5469d69af3c85590976a6", ("saved again",)),
            Photo("obama3", "face_recognition-1.3.0/tests/test_images/obama3.jpg",
                  "76ac6bf97c36dc2da0ad16a537d6a5ac1b10f48d49aac29a0cca9a17cdbc3ca3", ("cropped",)),
            Photo("obama4", "face_recognition-1.3.0/tests/test_images/32bit.png",
                  "44dca895a7d635a4aedddd91a4f37af9a8a5b44e66154282a24645a757b5f627"),
            Photo("obama_part", "face_recognition-1.3.0/tests/test_images/obama_partial_face.jpg",
                  "c2d1f09e7ef3042352b41e41286e6eb0522f64f88308be13886991b95db52117"),
            Photo("obama_part2", "face_recognition-1.3.0/tests/test_images/obama_partial_face2.jpg",
                  "9a812347f97633542b8cd9992de22def11b74f79d82056bc3ee830f13878e028"),
            Photo("biden", "face_recognition-1.3.0/tests/test_images/biden.jpg",
                  "3c17508bb91554c637a2eabddfae790e5bb1caba93130814fc2ac50be9760c4c",
                  ("saved again", "cropped", "turned", "grey")),
        ),
    ),
    Source(
        "wheel", "scikit-image==0.26.0", "BSD-3-Clause",
        "NASA portrait of Eileen Collins, in the public domain",
        (
            Photo("collins", "skimage/data/astronaut.png",
                  "88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5",
                  ("saved again", "cropped", "turned", "grey")),
        ),
    ),
    Source(
        "wheel", "matplotlib==3.11.2", "PSF-based",
        "US Navy portrait of Grace Hopper, in the public domain",
        (
            Photo("hopper", "matplotlib/mpl-data/sample_data/grace_hopper.jpg",
                  "a8ca6d734765703b09728ab47fe59f473d93ae3967fc24c7c0288c3c7adb7130",
                  ("saved again", "cropped", "upside down", "small")),
        ),
    ),
    Source(
        "npm", "@vladmandic/face-api@1.7.15", "MIT",
        "photographs by the author of the package (its README says so), under the package's licence",
        (
            Photo("party1", "package/demo/sample1.jpg",
                  "8ecae4b267b2d3169e06e00c7dee97097aa2a94635d45216f7732a5f4943cb51", ("saved again", "turned")),
            Photo("party2", "package/demo/sample2.jpg",
                  "7d2b60ae6f13bf30f422e04df87451081a02c83de469056f25afb44b7000c691", ("small",)),
            Photo("party3", "package/demo/sample3.jpg",
                  "8eb081c9efb14370fa94d9feab9e5fbeafd19a627491853a80c2bf67f7ffa936", ("small", "upside down")),
            Photo("party4", "package/demo/sample4.jpg",
                  "729efa5923061d40eb4ed5f267a18cc7b8ba6f852bb2757b16d8b7e4937476fc", ("saved again", "grey")),
            Photo("party5", "package/demo/sample5.jpg",
                  "6d45095ebb182d8f975c0790e0e4eefd86fbb40609cf4b271776d92e12662938", ("turned", "small")),
            Photo("party6", "package/demo/sample6.jpg",
                  "9baad80f9d5e306fb9b8c0913d44445f1e95848df317530efb03d0934c57ba87", ("saved again", "small")),
        ),
    ),
    Source(
        "wheel", "insightface==2.1", "MIT",
        "publicity still of a television series, rights with their owners; for trying out on this machine only",
        (
            Photo("table", "insightface/data/images/t1.jpg",
                  "47f682e945b659f93a9e490b9c9c4a2a864abe64dace9e1a2893845ddfd69489", ("saved again", "turned")),
        ),
    ),
)  # fmt: skip


def build(folder: Path, cache: Path = CACHE / "photos", say: Say = lambda _: None) -> Path:
    """Build the album; one that is complete is left as it is.

    Args:
        folder: is created; an album that an older version of this script laid there is replaced.
        cache: where fetched photos are kept.
        say: takes a line of progress.

    Returns:
        The folder.

    Raises:
        Unavailable: a package could not be fetched, or does not hold what it should.
    """
    if _complete(folder):
        return folder
    originals(cache, say)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".album-") as temporary:
        fresh = Path(temporary) / "album"
        fresh.mkdir()
        count = _lay_out(fresh, cache)
        if (folder / CREDITS).is_file():
            folder.rename(Path(temporary) / "old")
        try:
            fresh.rename(folder)
        except OSError as error:
            if not _complete(folder):
                raise Unavailable(f"{folder} is there already, and is not a demo album") from error
    say(f"album: {count} photos in {folder}")
    return folder


def _complete(folder: Path) -> bool:
    file = folder / CREDITS
    return file.is_file() and file.read_text("utf-8").startswith(_title())


def _lay_out(folder: Path, cache: Path) -> int:
    lines = [_title(), "", "Gathered for trying out personae on this machine; not part of personae.", ""]
    entries = _shuffled()
    for number, (source, photo, variant) in enumerate(entries, 1):
        data = (cache / photo.sha256).read_bytes()
        made = VARIANTS[variant](data) if variant else data
        name = f"photo_{number:03d}" + (".png" if made.startswith(b"\x89PNG") else ".jpg")
        (folder / name).write_bytes(made)
        change = f", {variant}" if variant else ""
        lines.append(f"{name}: {source.package}, {photo.member}{change}. Package: {source.licence}. {source.rights}.")
    (folder / CREDITS).write_text("\n".join(lines) + "\n", "utf-8")
    return len(entries)


def originals(cache: Path = CACHE / "photos", say: Say = lambda _: None) -> dict[str, Path]:
    """Return every untouched photo by its name in SOURCES, fetched where it is not in the cache."""
    missing = [s for s in SOURCES if not all((cache / photo.sha256).is_file() for photo in s.photos)]
    cache.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(max_workers=4) as pool:
        for line in pool.map(lambda source: _fetch(source, cache), missing):
            say(line)
    return {photo.name: cache / photo.sha256 for source in SOURCES for photo in source.photos}


def _fetch(source: Source, cache: Path) -> str:
    with tempfile.TemporaryDirectory() as temporary:
        archive = _download(source, Path(temporary))
        for photo in source.photos:
            data = _member(archive, photo.member)
            if hashlib.sha256(data).hexdigest() != photo.sha256:
                raise Unavailable(f"{source.package}: {photo.member} is not the photo it was")
            part = Path(temporary) / photo.sha256
            part.write_bytes(data)
            shutil.move(part, cache / photo.sha256)
        return f"album: {len(source.photos)} photos from {source.package} ({archive.stat().st_size / 1e6:.1f} MB)"


def _download(source: Source, folder: Path) -> Path:
    if source.client == "npm":
        command = ["npm", "pack", "--silent", "--pack-destination", str(folder), source.package]
    else:
        kind = "--only-binary" if source.client == "wheel" else "--no-binary"
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
        command += [kind, ":all:", "--dest", str(folder), source.package]
    if shutil.which(command[0]) is None:
        raise Unavailable(f"{source.package} needs {command[0]}, which is not installed")
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    found = [path for path in folder.iterdir() if path.name.endswith((".whl", ".tar.gz", ".tgz"))]
    if done.returncode or not found:
        raise Unavailable(f"{source.package} could not be fetched by {command[0]}: {done.stderr.strip()[-400:]}")
    return found[0]


def _member(archive: Path, name: str) -> bytes:
    try:
        if archive.suffix == ".whl":
            with zipfile.ZipFile(archive) as wheel:
                return wheel.read(name)
        with tarfile.open(archive) as tar:
            file = tar.extractfile(name)
            return file.read() if file else b""
    except (KeyError, OSError, tarfile.TarError, zipfile.BadZipFile) as error:
        raise Unavailable(f"{archive.name} does not hold {name}: {error}") from error


def _shuffled() -> list[tuple[Source, Photo, str]]:
    """Every photo and variant, in an order that says nothing and is always the same."""
    entries = [(s, photo, variant) for s in SOURCES for photo in s.photos for variant in ("", *photo.variants)]
    return sorted(entries, key=lambda entry: hashlib.sha256(f"{entry[1].name}/{entry[2]}".encode()).digest())


def _title() -> str:
    return f"Demo album, version {VERSION}"


def _jpeg(picture: Image.Image, quality: int = 92, orientation: int = 1) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    out = io.BytesIO()
    picture.convert("RGB").save(out, "JPEG", quality=quality, exif=exif)
    return out.getvalue()


def _opened(data: bytes) -> Image.Image:
    with Image.open(io.BytesIO(data)) as picture:
        return picture.convert("RGB")


def saved_again(data: bytes) -> bytes:
    """Return the photo as a messenger would leave it: JPEG quality 45."""
    return _jpeg(_opened(data), quality=45)


def small(data: bytes) -> bytes:
    """Return the photo at 60% of its size."""
    picture = _opened(data)
    return _jpeg(picture.resize((picture.width * 3 // 5, picture.height * 3 // 5), Image.Resampling.LANCZOS))


def cropped(data: bytes) -> bytes:
    """Return the upper part of the photo, cut on three sides."""
    picture = _opened(data)
    w, h = picture.size
    return _jpeg(picture.crop((w // 8, 0, w - w // 10, h * 7 // 10)))


def turned(data: bytes) -> bytes:
    """Return the photo lying on its side, and upright by its EXIF orientation (6)."""
    return _jpeg(_opened(data).transpose(Image.Transpose.ROTATE_90), orientation=6)


def upside_down(data: bytes) -> bytes:
    """Return the photo upside down, and upright by its EXIF orientation (3)."""
    return _jpeg(_opened(data).transpose(Image.Transpose.ROTATE_180), orientation=3)


def grey(data: bytes) -> bytes:
    """Return the photo in shades of grey."""
    return _jpeg(_opened(data).convert("L"))


VARIANTS: dict[str, Callable[[bytes], bytes]] = {
    "saved again": saved_again,
    "small": small,
    "cropped": cropped,
    "turned": turned,
    "upside down": upside_down,
    "grey": grey,
}


def main() -> int:
    """Build the album in the folder given, and say so."""
    try:
        build(Path(sys.argv[1] if len(sys.argv) > 1 else "demo/album"), say=lambda line: print(line, flush=True))
    except Unavailable as error:
        print(f"demo album: {error}", file=sys.stderr)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
