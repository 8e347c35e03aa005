"""The real models: they are themselves, they agree with another runtime, they find and tell apart real faces."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import onnxruntime as ort
import pytest

from personae import Settings
from personae.adapters.vision import factory, golden
from personae.adapters.vision.decode import decode
from personae.adapters.vision.embedder import AlignedEmbedder
from personae.adapters.vision.onnx import Network
from personae.adapters.vision.registry import Registry
from personae.core.geometry import align
from personae.core.quality import ALBUM, judge, measure
from personae.errors import ModelError
from personae.ports import Detector
from personae.types import FaceRole, Pixels
from tests.photos import originals

SHARED = Path(__file__).parents[3] / "shared" / "models"
MODELS = ("centerface", "facenet512", "arcface512")


@pytest.fixture(scope="module")
def registry() -> Registry:
    found = Registry(Settings().models_dir)
    for model_id in MODELS:
        found.pull(model_id)
    return found


@pytest.fixture(scope="module")
def photos() -> list[Pixels]:
    return [decode(path.read_bytes(), 640).pixels for _, path in sorted(originals().items())]


def _shared(name: str) -> Path:
    path = SHARED / name
    if not path.is_file():
        pytest.skip(f"{name} is not at hand")
    return path


@pytest.mark.parametrize("model_id", MODELS)
def test_each_model_gives_the_outputs_it_is_known_for(registry: Registry, model_id: str) -> None:
    registry.check(model_id)


@pytest.mark.parametrize("model_id", MODELS)
@pytest.mark.parametrize("change", ["channels", "mean", "std"])
def test_wrong_preprocessing_is_caught(registry: Registry, model_id: str, change: str) -> None:
    entry = registry.entry(model_id)
    wrong = {
        "channels": replace(entry, channels="bgr" if entry.channels == "rgb" else "rgb"),
        "mean": replace(entry, mean=0.0 if entry.mean else 127.5),
        "std": replace(entry, std=255.0 if entry.std == 1 else 1.0),
    }[change]
    model = factory.build(wrong, registry.path(model_id), "cpu", 1)
    with pytest.raises(ModelError, match="outputs it is known for"):
        golden.check(model, entry.golden)


def test_weights_that_changed_are_caught_even_when_the_hash_is_not_looked_at(registry: Registry) -> None:
    entry = registry.entry("arcface512")
    other = registry.entry("facenet512")
    model = factory.build(entry, registry.path("arcface512"), "cpu", 1)
    with pytest.raises(ModelError):
        golden.check(model, other.golden)


def test_facenet_is_the_same_network_as_in_its_frozen_graph(registry: Registry, photos: list[Pixels]) -> None:
    source = Settings().models_dir / "facenet512.pb"
    reader = getattr(cv2.dnn, "readNetFromTensorflow", None)
    if reader is None or int(cv2.__version__.split(".")[0]) < 5:
        pytest.skip("this OpenCV does not read the frozen graph")
    theirs = reader(str(source))
    ours = Network(registry.path("facenet512"), "cpu")
    for photo in photos[:3]:
        square = cv2.resize(photo, (160, 160)).astype(np.float32)
        blob = np.ascontiguousarray(((square - 127.5) / 128).transpose(2, 0, 1)[None])
        theirs.setInput(blob)
        one, other = theirs.forward().ravel(), ours.run(blob)[0].ravel()
        assert one @ other / np.linalg.norm(one) / np.linalg.norm(other) == pytest.approx(1, abs=1e-4)


def test_arcface_is_the_same_network_as_published(registry: Registry) -> None:
    published = Network(Settings().models_dir / "arcface512.onnx", "cpu")
    ours = Network(registry.path("arcface512"), "cpu")
    blob = np.random.default_rng(0).normal(size=(3, 3, 112, 112)).astype(np.float32)
    one_by_one = np.concatenate([published.run(blob[i : i + 1])[0] for i in range(3)])
    assert ours.run(blob)[0] == pytest.approx(one_by_one, abs=1e-4)


def _all_faces(detector: Detector, photos: list[Pixels]) -> int:
    """Find the faces, and see that every one is where it says."""
    count = 0
    for photo in photos:
        found = detector.detect(photo)
        assert [each.det_score for each in found] == sorted((each.det_score for each in found), reverse=True)
        for each in found:
            box = each.box
            assert 0 <= box.x < box.x + box.width <= photo.shape[1] + 1e-3
            assert 0 <= box.y < box.y + box.height <= photo.shape[0] + 1e-3
            quality = measure(photo, each, 1.0)
            if judge(ALBUM, quality, each.det_score, 1000)[0] is not FaceRole.FOUNDING:
                continue
            count += 1
            eyes, mouth = each.landmarks[:2], each.landmarks[3:]
            across = each.landmarks[1] - each.landmarks[0]
            down = mouth.mean(axis=0) - eyes.mean(axis=0)
            assert across[0] * down[1] - across[1] * down[0] > 0, "the right eye must come first"
            assert box.x < each.landmarks[2, 0] < box.x + box.width
            assert box.y < each.landmarks[2, 1] < box.y + box.height
    return count


def test_centerface_finds_the_faces(registry: Registry, photos: list[Pixels]) -> None:
    detector = factory.load_detector(registry, "centerface", "cpu")
    assert _all_faces(detector, photos) >= len(photos) // 2
    assert detector.detect(np.zeros((64, 64, 3), np.uint8)) == []
    assert detector.detect(np.zeros((1, 1, 3), np.uint8)) == []


def test_detection_does_not_depend_on_the_size_of_the_picture(registry: Registry, photos: list[Pixels]) -> None:
    detector = factory.load_detector(registry, "centerface", "cpu")
    photo = max(photos, key=lambda each: min(each.shape[:2]))
    double = cv2.resize(photo, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC).astype(np.uint8)
    one, other = detector.detect(photo)[0], detector.detect(double)[0]
    assert other.landmarks / 2 == pytest.approx(one.landmarks, abs=0.06 * one.box.width)


@pytest.mark.parametrize(
    ("model_id", "name"),
    [("yunet", "yunet_n_dynamic.onnx"), ("yunet", "yunet_s_640_640.onnx"), ("scrfd_10g", "scrfd_2.5g.onnx")],
)
def test_detectors_that_users_bring(tmp_path: Path, photos: list[Pixels], model_id: str, name: str) -> None:
    registry = Registry(tmp_path)
    assert registry.add(_shared(name), model_id) == [model_id]
    again = Registry(tmp_path)
    again.check(model_id)
    detector = factory.load_detector(again, model_id, "cpu")
    assert _all_faces(detector, photos) >= len(photos) // 2
    wrong = replace(again.entry(model_id), channels="rgb" if model_id == "yunet" else "bgr")
    with pytest.raises(ModelError):
        golden.check(factory.build(wrong, again.path(model_id), "cpu", 1), wrong.golden)


def test_an_insightface_folder(tmp_path: Path, registry: Registry) -> None:
    pack = tmp_path / "buffalo_l"
    pack.mkdir()
    # Stand-ins of the same kind: the pack itself may not be passed on.
    (pack / "det_10g.onnx").write_bytes(_shared("scrfd_2.5g.onnx").read_bytes())
    (pack / "w600k_r50.onnx").write_bytes(registry.path("arcface512").read_bytes())
    mine = Registry(tmp_path / "models")
    assert sorted(mine.add(pack)) == ["scrfd_10g", "w600k_r50"]
    for model_id in ("scrfd_10g", "w600k_r50"):
        Registry(tmp_path / "models").check(model_id)
        assert mine.entry(model_id).non_commercial


@pytest.mark.parametrize("model_id", ["facenet512", "arcface512"])
def test_embedding_in_batches_threads_and_alone_is_the_same(
    registry: Registry, photos: list[Pixels], model_id: str
) -> None:
    detector = factory.load_detector(registry, "centerface", "cpu")
    embedder = factory.load_embedder(registry, model_id, "cpu")
    assert isinstance(embedder, AlignedEmbedder)
    chips = np.stack(
        [
            align(photo, found[0].landmarks, embedder.template, embedder.input_side)
            for photo in photos
            if (found := detector.detect(photo))
        ]
    )
    together = embedder.embed(chips)
    assert together.shape == (len(chips), 512)
    assert together.dtype == np.float32
    assert np.linalg.norm(together, axis=1) == pytest.approx(np.ones(len(chips)), abs=1e-5)
    with ThreadPoolExecutor(4) as pool:
        apart = np.concatenate(list(pool.map(lambda chip: embedder.embed(chip[None]), chips)))
    assert together == pytest.approx(apart, abs=1e-4)


def test_a_brighter_picture_is_still_the_same_face(registry: Registry, photos: list[Pixels]) -> None:
    detector = factory.load_detector(registry, "centerface", "cpu")
    photo = max(photos, key=lambda each: max((d.box.side for d in detector.detect(each)), default=0))
    dimmed = (photo * 0.7).astype(np.uint8)
    for model_id in ("facenet512", "arcface512"):
        embedder = factory.load_embedder(registry, model_id, "cpu")
        chips = []
        for pixels in (photo, dimmed):
            landmarks = max(detector.detect(pixels), key=lambda each: each.box.side).landmarks
            chips.append(align(pixels, landmarks, embedder.template, embedder.input_side))
        one, other = embedder.embed(np.stack(chips))
        assert one @ other > embedder.thresholds.match


def test_cuda_is_used_or_asked_for_in_vain(registry: Registry) -> None:
    path = registry.path("arcface512")
    assert Network(path, "cpu").provider == "cpu"
    if "CUDAExecutionProvider" in ort.get_available_providers():
        assert Network(path, "cuda").provider == "cuda"
        return
    with pytest.raises(ModelError, match="onnxruntime-gpu"):
        Network(path, "cuda")
    assert Network(path, "auto").provider == "cpu"


def test_the_runtime_tells_nobody(registry: Registry, tmp_path: Path) -> None:
    path = registry.path("facenet512")
    load = "import pathlib, sys; from personae.adapters.vision.onnx import Network; Network(pathlib.Path(sys.argv[1]))"
    places = {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    subprocess.run([sys.executable, "-c", load, path], env=os.environ | places, check=True)
    assert list(tmp_path.iterdir()) == []
