"""The house's directions, and that importing does nothing."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULES = [path for path in sorted((ROOT / "src" / "personae").rglob("*.py")) if "migrations" not in path.parts]
HEAVY = (
    "numba",
    "sklearn",
    "matplotlib",
    "onnxruntime",
    "onnx",
    "cv2",
    "scipy",
    "voyager",
    "qdrant_client",
    "qdrant_edge",
    "alembic",
    "sqlalchemy",
    "psycopg",
    "PIL",
    "jinja2",
    "yaml",
    "httpx",
    "httpcore",
)


def test_the_layers_hold() -> None:
    code = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_help_loads_no_heavy_library() -> None:
    code = f"import sys, personae.cli.main; print([m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT / "src")))
def test_files_and_functions_stay_small(path: Path) -> None:
    source = path.read_text("utf-8")
    assert len(source.splitlines()) <= 400
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = [
                part for part in node.body if not (isinstance(part, ast.Expr) and isinstance(part.value, ast.Constant))
            ]
            length = (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0
            assert length < 50, f"{node.name}: {length} lines"


@pytest.mark.skipif(not shutil.which("git") or not (ROOT / ".git").exists(), reason="there is no git here")
def test_the_wheel_holds_all_that_the_package_needs() -> None:
    # Hatch packs the whole folder but for what git ignores.
    build = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["hatch"]["build"]
    assert build == {"targets": {"wheel": {"packages": ["src/personae"]}}}
    package = ROOT / "src" / "personae"
    files = [path for path in package.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    for folder in ("web/templates", "web/static", "adapters/store/migrations/versions"):
        assert any(path.is_relative_to(package / folder) for path in files), folder
    asked = subprocess.run(
        ["git", "check-ignore", "--no-index", "--stdin"], input="\n".join(map(str, files)), cwd=ROOT,
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (asked.returncode, asked.stdout) == (1, "")
