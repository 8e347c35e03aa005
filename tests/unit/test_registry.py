"""The registry of models: entries, files, and what it says when something is wrong. No network, no real weights."""

from __future__ import annotations

import hashlib
import io
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from personae.adapters.vision import factory, golden
from personae.adapters.vision.embedder import AlignedEmbedder
from personae.adapters.vision.entries import parse, write
from personae.adapters.vision.prepare import prepare
from personae.adapters.vision.pull import place
from personae.adapters.vision.registry import Registry
from personae.errors import InputError, ModelError, NotFound

ENTRY = """
[[model]]
id = "tiny"
task = "embedder"
adapter = "aligned"
source = {{ {source} }}
sha256 = "{sha256}"
licence = "none"
origin = "made by the test, \\"by hand\\""
input_side = 8
dimension = {dimension}
template = "arcface112"
channels = "{channels}"
prepare = "{prepare}"
mean = 127.5
std = 128.0
thresholds = {{ verify = 0.1, review = 0.2, match = 0.7, cluster = 0.5 }}
"""


def tiny_model(dimension: int = 6) -> bytes:
    """A network of one matrix: (1, 3, 8, 8) -> (1, dimension)."""
    weights = np.random.default_rng(3).normal(size=(192, dimension)).astype(np.float32)
    graph = helper.make_graph(
        [helper.make_node("Flatten", ["x"], ["flat"]), helper.make_node("MatMul", ["flat", "w"], ["y"])],
        "tiny",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 8, 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, dimension])],
        [numpy_helper.from_array(weights, "w")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 8
    return bytes(model.SerializeToString())


def entry(source: str = 'kind = "file", member = "tiny.onnx"', **values: object) -> str:
    fields = {"sha256": "", "dimension": 6, "channels": "rgb", "prepare": ""} | values
    return ENTRY.format(source=source, **fields)


def added(tmp_path: Path, **values: object) -> Registry:
    """A registry with the tiny model added from a TOML entry."""
    (tmp_path / "tiny.onnx").write_bytes(tiny_model())
    (tmp_path / "tiny.toml").write_text(entry(**values))
    registry = Registry(tmp_path / "models")
    assert registry.add(tmp_path / "tiny.toml") == ["tiny"]
    return registry


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def test_the_shipped_entries_are_complete(tmp_path: Path) -> None:
    registry = Registry(tmp_path)
    entries = {each.id: each for each in registry.list()}
    assert {"centerface", "facenet512", "arcface512", "yunet", "scrfd_10g", "w600k_r50"} <= set(entries)
    for each in entries.values():
        assert each.licence
        assert each.origin
        assert registry.card(each.id).licence == each.licence
        if each.source.kind != "file":
            assert len(each.sha256) == 64
            assert each.golden
            assert not each.non_commercial
        assert not registry.present(each.id)
    assert entries["arcface512"].channels == "bgr"


def test_a_fused_pair_has_thresholds_of_its_own_in_any_order(tmp_path: Path) -> None:
    registry = Registry(tmp_path)
    pair = registry.thresholds(["facenet512", "arcface512"])
    assert pair == registry.thresholds(["arcface512", "facenet512"])
    assert registry.thresholds(["arcface512"]) == registry.entry("arcface512").thresholds
    mixed = registry.thresholds(["facenet512", "w600k_r50"])
    one, other = (registry.thresholds([each]) for each in ("facenet512", "w600k_r50"))
    assert mixed.verify == pytest.approx((one.verify + other.verify) / 2)
    with pytest.raises(ModelError, match="embedders"):
        registry.thresholds(["centerface"])


def test_an_unknown_model_names_the_known(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="centerface"):
        Registry(tmp_path).path("resnet")


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ("[[model]\n", "not TOML"),
        (entry().replace("licence", "license"), "license"),
        (entry().replace('"aligned"', '"magic"'), "adapter"),
        (entry(dimension=0), "dimension"),
        (entry('kind = "url", url = "https://example.org/a.onnx"'), "sha256"),
        (entry().replace('id = "tiny"', 'id = "../tiny"'), "id"),
    ],
)
def test_a_wrong_entry_is_named(broken: str, said: str) -> None:
    with pytest.raises(ModelError, match=said):
        parse(broken, "models.toml")


def test_entries_are_written_as_they_are_read(tmp_path: Path) -> None:
    entries = tuple(Registry(tmp_path).list())
    assert parse(write(entries), "again").model == entries


def test_a_missing_file_says_how_to_get_it(tmp_path: Path) -> None:
    registry = Registry(tmp_path)
    with pytest.raises(ModelError, match="personae models pull centerface"):
        registry.path("centerface")
    with pytest.raises(ModelError, match="personae models add FILE --model yunet"):
        registry.path("yunet")
    with pytest.raises(ModelError, match="personae models add FILE --model yunet"):
        registry.pull("yunet")


def test_an_added_model_is_there_for_the_next_registry(tmp_path: Path) -> None:
    added(tmp_path)
    registry = Registry(tmp_path / "models")
    assert registry.present("tiny")
    assert len(registry.entry("tiny").golden) == 6
    registry.check("tiny")
    embedder = factory.load_embedder(registry, "tiny", "cpu")
    vectors = embedder.embed(np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3)).astype(np.uint8))
    assert vectors.shape == (3, 6)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(3))
    assert embedder.embed(np.empty((0, 8, 8, 3), np.uint8)).shape == (0, 6)
    with pytest.raises(ModelError, match="not a detector"):
        factory.load_detector(registry, "tiny", "cpu")
    with pytest.raises(InputError, match="8"):
        embedder.embed(np.zeros((1, 9, 9, 3), np.uint8))


def test_a_vector_without_direction_is_not_passed_on(tmp_path: Path) -> None:
    registry = added(tmp_path)
    model = factory.build(registry.entry("tiny"), registry.path("tiny"), "cpu", 1)
    assert isinstance(model, AlignedEmbedder)
    weightless = onnx.load_from_string(tiny_model())
    weightless.graph.initializer[0].CopyFrom(numpy_helper.from_array(np.zeros((192, 6), np.float32), "w"))
    (tmp_path / "zero.onnx").write_bytes(weightless.SerializeToString())
    nothing = factory.build(registry.entry("tiny"), tmp_path / "zero.onnx", "cpu", 1)
    assert isinstance(nothing, AlignedEmbedder)
    with pytest.raises(ModelError, match="personae models check tiny"):
        nothing.embed(np.zeros((1, 8, 8, 3), np.uint8))


def test_a_flipped_byte_is_found(tmp_path: Path) -> None:
    registry = added(tmp_path)
    flip(tmp_path / "models" / "tiny.onnx")
    for use in (registry.path, registry.check):
        with pytest.raises(ModelError, match=r"damaged.*add it again"):
            use("tiny")


def test_a_wrong_dimension_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "tiny.onnx").write_bytes(tiny_model(5))
    (tmp_path / "tiny.toml").write_text(entry())
    registry = Registry(tmp_path / "models")
    with pytest.raises(ModelError, match="should give 6 numbers"):
        registry.add(tmp_path / "tiny.toml")
    assert not (tmp_path / "models" / "tiny.onnx").exists()
    with pytest.raises(NotFound, match="no model 'tiny'"):
        registry.entry("tiny")


@pytest.mark.parametrize("content", [b"", b"not a network", tiny_model()[:500]])
def test_a_file_that_is_no_network_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "tiny.onnx").write_bytes(content)
    (tmp_path / "tiny.toml").write_text(entry())
    with pytest.raises(ModelError):
        Registry(tmp_path / "models").add(tmp_path / "tiny.toml")


@pytest.mark.parametrize("change", [{"channels": "bgr"}, {"mean": "mean = 0.0"}, {"std": "std = 255.0"}])
def test_other_preprocessing_fails_the_golden_vectors(tmp_path: Path, change: dict[str, str]) -> None:
    registry = added(tmp_path)
    text = (tmp_path / "models" / "models.toml").read_text()
    if "channels" in change:
        text = text.replace('channels = "rgb"', 'channels = "bgr"')
    text = text.replace("mean = 127.5", change.get("mean", "mean = 127.5"))
    text = text.replace("std = 128.0", change.get("std", "std = 128.0"))
    (tmp_path / "models" / "models.toml").write_text(text)
    changed = Registry(tmp_path / "models")
    if "std" in change:
        # A network of one matrix and no bias gives the same direction at any scale: nothing is lost.
        changed.check("tiny")
        return
    with pytest.raises(ModelError, match="outputs it is known for"):
        changed.check("tiny")
    registry.check("tiny")


def test_a_prepared_file_is_made_once_and_mended(tmp_path: Path) -> None:
    registry = added(tmp_path, prepare="free_batch")
    notes: list[str] = []
    path = registry.path("tiny", notes.append)
    stamp = path.stat().st_mtime_ns
    assert registry.path("tiny", notes.append) == path
    assert path.stat().st_mtime_ns == stamp
    assert len(notes) == 1
    flip(path)
    assert registry.path("tiny", notes.append) == path
    assert len(notes) == 2
    registry.check("tiny")
    embedder = factory.load_embedder(registry, "tiny", "cpu")
    chips = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 3)).astype(np.uint8)
    one_by_one = np.concatenate([embedder.embed(chip[None]) for chip in chips])
    assert embedder.embed(chips) == pytest.approx(one_by_one, abs=1e-5)


def test_adding_what_is_not_there_or_not_said(tmp_path: Path) -> None:
    registry = Registry(tmp_path / "models")
    with pytest.raises(InputError, match="not there"):
        registry.add(tmp_path / "none.onnx", "yunet")
    (tmp_path / "a.onnx").write_bytes(tiny_model())
    with pytest.raises(InputError, match="--model"):
        registry.add(tmp_path / "a.onnx")
    with pytest.raises(ModelError, match="not a YuNet"):
        registry.add(tmp_path / "a.onnx", "yunet")
    assert not registry.present("yunet")
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(InputError, match=r"det_10g\.onnx"):
        registry.add(empty)


def _wheel(folder: Path, content: bytes) -> None:
    """A minimal wheel that pip can find without a network."""
    info = "tiny_faces-1.0.dist-info"
    with zipfile.ZipFile(folder / "tiny_faces-1.0-py3-none-any.whl", "w") as archive:
        archive.writestr("tiny_faces/tiny.onnx", content)
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: tiny-faces\nVersion: 1.0\n")
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", "")


def _fetching(tmp_path: Path, source: str, sha256: str) -> Registry:
    models = tmp_path / "models"
    models.mkdir(exist_ok=True)
    (models / "models.toml").write_text(entry(source, sha256=sha256))
    return Registry(models)


PYPI = 'kind = "pypi", package = "tiny-faces", version = "1.0", member = "tiny_faces/tiny.onnx"'


def test_a_member_of_a_wheel_is_fetched_and_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    _wheel(tmp_path, tiny_model())
    notes: list[str] = []
    registry = _fetching(tmp_path, PYPI, hashlib.sha256(tiny_model()).hexdigest())
    path = registry.pull("tiny", notes.append)
    assert path.read_bytes() == tiny_model()
    assert notes == ["tiny: fetching tiny-faces 1.0 (pypi)"]
    registry.pull("tiny", notes.append)
    assert len(notes) == 1
    flip(path)
    registry.pull("tiny", notes.append)
    assert path.read_bytes() == tiny_model()
    assert sorted(each.name for each in path.parent.iterdir()) == ["models.toml", "tiny.onnx"]


def test_a_file_with_another_hash_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    _wheel(tmp_path, b"something else")
    registry = _fetching(tmp_path, PYPI, hashlib.sha256(tiny_model()).hexdigest())
    with pytest.raises(ModelError, match="not the known one"):
        registry.pull("tiny")
    assert not registry.present("tiny")
    with pytest.raises(ModelError, match=r"does not hold tiny_faces/other\.onnx"):
        _fetching(tmp_path, PYPI.replace("tiny.onnx", "other.onnx"), "0" * 64).pull("tiny")
    with pytest.raises(ModelError, match="cannot be fetched"):
        _fetching(tmp_path, PYPI.replace("1.0", "2.0"), "0" * 64).pull("tiny")


def test_without_npm_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ModelError, match=r"npm.*not installed"):
        Registry(tmp_path / "models").pull("arcface512")


def test_a_member_of_an_npm_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A stand-in for the npm client: it packs what the real one would have fetched.
    with tarfile.open(tmp_path / "packed.tgz", "w:gz") as archive:
        info = tarfile.TarInfo("package/model/tiny.onnx")
        info.size = len(tiny_model())
        archive.addfile(info, io.BytesIO(tiny_model()))
    npm = tmp_path / "npm"
    npm.write_text(f'#!/bin/sh\nfor last; do :; done\ncp "{tmp_path}/packed.tgz" "$last/tiny-1.tgz"\n')
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    source = 'kind = "npm", package = "tiny", version = "1", member = "model/tiny.onnx"'
    registry = _fetching(tmp_path, source, hashlib.sha256(tiny_model()).hexdigest())
    assert registry.pull("tiny").read_bytes() == tiny_model()
    with pytest.raises(ModelError, match="does not hold"):
        _fetching(tmp_path, source.replace("model/", "other/"), "0" * 64).pull("tiny")


def test_models_are_fetched_over_https_alone(tmp_path: Path) -> None:
    registry = _fetching(tmp_path, 'kind = "url", url = "http://example.org/tiny.onnx"', "0" * 64)
    with pytest.raises(ModelError, match="https"):
        registry.pull("tiny")


def test_a_placed_file_replaces_the_old_one_in_one_step(tmp_path: Path) -> None:
    target = tmp_path / "file"
    target.write_bytes(b"old")
    with pytest.raises(ModelError):
        place(io.BytesIO(b"new"), target, "0" * 64, "tiny")
    assert target.read_bytes() == b"old"
    assert place(io.BytesIO(b"new"), target, "", "tiny") == hashlib.sha256(b"new").hexdigest()
    assert [each.name for each in tmp_path.iterdir()] == ["file"]
    with pytest.raises(ModelError, match="cannot be written"):
        place(io.BytesIO(b"new"), tmp_path / "none" / "file", "", "tiny")


def test_the_golden_pattern_tells_channels_apart() -> None:
    drawn = golden.pattern(112).astype(int)
    assert drawn.shape == (112, 112, 3)
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert np.abs(drawn[..., one] - drawn[..., other]).mean() > 20


def test_weights_near_zero_become_zero(tmp_path: Path) -> None:
    model = onnx.load_from_string(tiny_model())
    weights = numpy_helper.to_array(model.graph.initializer[0]).copy()
    weights[::2] = np.float32(1e-39)
    model.graph.initializer[0].CopyFrom(numpy_helper.from_array(weights, "w"))
    freed = onnx.load_from_string(prepare("free_batch", model.SerializeToString()))
    found = numpy_helper.to_array(freed.graph.initializer[0])
    assert not found[::2].any()
    assert (found[1::2] == weights[1::2]).all()


def test_loading_a_model_leaves_the_callers_arithmetic_alone(tmp_path: Path) -> None:
    registry = added(tmp_path)
    registry.check("tiny")
    assert np.float32(1e-38) / np.float32(100) > 0
