"""The checks that need no run: types, style, and the length of files and of names."""

import ast
import subprocess
import sys

import pytest

from tests.house import ROOT

pytestmark = pytest.mark.lint
LONGEST = 600
LONGEST_NAME = 60


@pytest.mark.parametrize("check", [["mypy", "--strict", "icm_tui"], ["ruff", "check", "."]], ids=["mypy", "ruff"])
def test_source_is_clean(check: list[str]) -> None:
    done = subprocess.run([sys.executable, "-m", *check], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_files_have_at_most_600_lines() -> None:
    files = [path for folder in ("icm_tui", "tests") for path in (ROOT / folder).rglob("*.py")]
    assert len(files) > 10
    lengths = {str(path.relative_to(ROOT)): len(path.read_text("utf-8").splitlines()) for path in files}
    assert {name: length for name, length in lengths.items() if length > LONGEST} == {}


def test_names_of_tests_have_at_most_60_characters() -> None:
    trees = [ast.parse(path.read_text("utf-8")) for path in (ROOT / "tests").rglob("test_*.py")]
    names = [node.name for tree in trees for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    tests = [name for name in names if name.startswith("test_")]
    assert len(tests) > 1000
    assert [name for name in tests if len(name) > LONGEST_NAME] == []
