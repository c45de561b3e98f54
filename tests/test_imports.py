"""Who may import whom, who may name gold, and what a small command loads."""

import io
import os
import subprocess
import sys
import tokenize
from pathlib import Path

import pytest

from icm_tui.cli import main

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "icm_tui"

HEAVY = {"datasets", "httpx", "numpy", "pandas", "pyarrow", "textual"}


def test_the_contracts_hold() -> None:
    code = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True, no_logo=True))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_what_searches_asks_and_runs_has_no_word_for_gold() -> None:
    """The names in these rooms' code, comments and strings apart. Layout knows where the file lies, and prepare hands
    what a task read to whoever writes it; both are done before anything is asked."""
    makers = {PACKAGE / "runs" / name for name in ("layout.py", "prepare.py")}
    rooms = [PACKAGE / "search", PACKAGE / "models", PACKAGE / "runs"]
    files = [path for room in rooms for path in sorted(room.rglob("*.py"))] + sorted(PACKAGE.glob("prompts*.py"))
    assert len(files) > 10
    seen = {
        f"{path.relative_to(ROOT)}:{token.start[0]}"
        for path in files
        if path not in makers
        for token in tokenize.generate_tokens(io.StringIO(path.read_text("utf-8")).readline)
        if token.type == tokenize.NAME and "gold" in token.string.lower()
    }
    assert seen == set()


def _loaded(*words: str) -> set[str]:
    """The packages that the installed script loads, by Python's own account of its imports."""
    script = Path(sys.executable).with_name("icm-tui")
    environment = os.environ | {"PYTHONPROFILEIMPORTTIME": "1"}
    done = subprocess.run([script, *words], env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    lines = (line for line in done.stderr.splitlines() if line.startswith("import time:"))
    return {line.rsplit("|", 1)[1].strip().split(".")[0] for line in lines}


@pytest.mark.parametrize(
    ("line", "refused"),
    [
        ("--help", HEAVY | {"msgspec", "platformdirs", "filelock", "sortedcontainers", "tomli_w"}),
        ("run --help", HEAVY | {"msgspec"}),
        ("runs", HEAVY),
        ("runs --json", HEAVY),
        ("profiles", HEAVY),
    ],
)
def test_a_small_command_loads_nothing_heavy(line: str, refused: set[str]) -> None:
    loaded = _loaded(*line.split())
    assert {"argparse", "icm_tui"} <= loaded
    assert loaded & refused == set()


def test_export_loads_nothing_heavier_than_numbers(tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert main(["run", "demo", "--headless", "--out", str(run), "--set", "task.limit=40"]) == 0
    loaded = _loaded("export", str(run), "--format", "jsonl", "-o", str(tmp_path / "labels.jsonl"))
    assert loaded & (HEAVY - {"numpy"}) == set()
