from __future__ import annotations

from pathlib import Path

import pytest

from personae.bootstrap import load_settings, open_engine
from personae.core.quality import ENRICH, Gates
from personae.errors import InputError
from personae.loading import open_registry, wanted_embedders
from personae.settings import Settings, as_environment, describe


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_code_outranks_environment_outranks_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "personae.toml").write_text("batch_size = 9\nworkers = 4\n")
    assert (Settings().batch_size, Settings().workers) == (9, 4)
    monkeypatch.setenv("FACE_BATCH_SIZE", "7")
    monkeypatch.setenv("PERSONAE_WORKERS", "3")
    assert (Settings().batch_size, Settings().workers) == (7, 3)
    assert Settings(batch_size=5, workers=2).batch_size == 5


def test_variables_that_merely_sound_alike_have_no_influence(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = Settings()
    for name in ("HOME_", "PROJECT", "DEVICE", "WORKERS", "PROFILE", "BATCH_SIZE"):
        monkeypatch.setenv(name, "7")
    assert Settings() == expected


def test_several_embedders_are_given_with_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERSONAE_EMBEDDERS", "facenet512, arcface512")
    assert Settings().embedders == ("facenet512", "arcface512")


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("PERSONAE_WORKERS", "0", "workers"),
        ("PERSONAE_PROFILE", "nonsense", "profile"),
        ("PERSONAE_EMBEDDERS", " , ", "embedders"),
        ("PERSONAE_ENRICH_MIN_FACE_SIDE", "-1", "enrich_min_face_side"),
        ("PERSONAE_ENRICH_MIN_DET_SCORE", "80", "enrich_min_det_score"),
        ("PERSONAE_ENRICH_MIN_IMAGE_SIDE", "nan", "enrich_min_image_side"),
        ("PERSONAE_ENRICH_MAX_YAW", "181", "enrich_max_yaw"),
        ("FACE_PERSON_MATCH_THRESHOLD", "1.5", "FACE_PERSON_MATCH_THRESHOLD"),
        ("FACE_UNKNOWN_CLUSTERING_METHOD", "magic", "FACE_UNKNOWN_CLUSTERING_METHOD"),
    ],
)
def test_a_wrong_setting_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(InputError, match=said):
        load_settings()


@pytest.mark.parametrize("text", ["batch_size = ", "nonsense = 1\n", "workers = 'many'\n"])
def test_a_wrong_file_is_an_input_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "personae.toml").write_text(text)
    with pytest.raises(InputError):
        load_settings()


def test_a_password_is_not_shown() -> None:
    settings = Settings(database_url="postgresql+psycopg://ann:secret@localhost/people")
    shown = {row["name"]: row["value"] for row in describe(settings)}
    assert shown["database_url"] == "postgresql+psycopg://ann:***@localhost/people"


def test_another_process_has_the_same_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    given = Settings(
        home=Path("~/a b"), database_url="sqlite:///x?y=%20", project="a/b ü", embedders=("one", "two"),
        min_face_side=12.5, workers=3, person_match_threshold=-0.25,
    )  # fmt: skip
    for name, value in as_environment(given).items():
        monkeypatch.setenv(name, value)
    assert Settings() == given


def test_what_nobody_chose_another_process_chooses_alike() -> None:
    assert set(as_environment(Settings(workers=3))) == {"PERSONAE_WORKERS"}


def test_the_models_in_use(tmp_path: Path) -> None:
    def embedders(**given: object) -> tuple[str, ...]:
        settings = load_settings(models_dir=tmp_path, **given)
        return wanted_embedders(settings, open_registry(settings))

    assert embedders() == ("facenet512", "arcface512")
    assert embedders(model_name="arcface512") == ("arcface512",)
    assert embedders(model_name="facenet512+buffalo_l") == ("facenet512", "w600k_r50")
    registry = open_registry(load_settings(models_dir=tmp_path))
    source = registry._source_path(registry.entry("w600k_r50"))
    source.parent.mkdir(parents=True, exist_ok=True)
    source.write_bytes(b"brought by the user")
    assert embedders() == ("w600k_r50",)
    assert embedders(embedders=("facenet512",)) == ("facenet512",)
    assert embedders(model_name="arcface512") == ("arcface512",)


def test_gates_of_sources_are_their_own(tmp_path: Path) -> None:
    def gates(**given: object) -> tuple[Gates, Gates]:
        with open_engine(load_settings(home=tmp_path / "home", models_dir=tmp_path, **given)) as engine:
            rules = engine.parts.rules
            return rules.gates, rules.enrich_gates

    album, enrich = gates()
    assert enrich == ENRICH
    loose, unmoved = gates(min_face_side=16, min_det_score=0.25)
    assert (loose.min_face_side, loose.min_det_score, unmoved) == (16, 0.25, ENRICH)
    unmoved, chosen = gates(
        enrich_min_face_side=60, enrich_min_det_score=0.5, enrich_min_image_side=0, enrich_max_yaw=180
    )
    assert unmoved == album
    assert (chosen.min_face_side, chosen.min_det_score, chosen.min_image_side, chosen.max_yaw) == (60, 0.5, 0, 180)
