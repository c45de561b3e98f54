"""Items held out: the search works as if they did not exist, whatever their gold says."""

import json
from pathlib import Path

import pytest

from icm_tui.evaluate.gold_file import read_gold, write_gold
from icm_tui.profile.schema import Profile, Search, TaskSection
from icm_tui.run_dir.layout import RunDir, read_held_out, read_items
from icm_tui.runner.prepare import make_run, prepare
from icm_tui.runner.session import run_here
from tests.runner.made import trajectory

ROWS = [{"uid": f"r{n}", "text": f"thing {n} of {n % 7}", "pair": f"p{n // 2}", "gold": n % 3 > 0} for n in range(48)]

Rows = list[dict[str, object]]


def _run(path: Path, rows: Rows, method: str, held_out: float | None) -> RunDir:
    data = path.with_suffix(".jsonl")
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    section = TaskSection(
        dataset="file", path=str(data), text="text", uid="uid", group="pair", gold=["gold"], held_out=held_out
    )
    search = Search(method="icm") if method == "icm" else Search(method="random_labels", shots=4)
    made = make_run(prepare(Profile(task=section, search=search)), name="held", out=str(path), write_gold=write_gold)
    assert run_here(made.path).state == "done"
    return made


@pytest.mark.parametrize("method", ["icm", "random_labels"])
def test_split_leaves_the_labels_of_other_items_as_they_are(tmp_path: Path, method: str) -> None:
    whole = _run(tmp_path / "whole", ROWS, method, 0.25)
    out = read_held_out(whole)
    assert len(out) == 12
    kept = {item.uid for item in read_items(whole)[0]}
    assert kept | {item.uid for item in out} == {row["uid"] for row in ROWS}
    assert read_gold(whole.gold).columns["gold"].keys() == {row["uid"] for row in ROWS}

    alone = _run(tmp_path / "alone", [row for row in ROWS if row["uid"] in kept], method, None)
    assert not alone.held_out.exists()
    assert alone.items.read_bytes() == whole.items.read_bytes()
    assert trajectory(alone) == trajectory(whole)


@pytest.mark.parametrize("method", ["icm", "random_labels"])
def test_split_and_labels_do_not_depend_on_gold(tmp_path: Path, method: str) -> None:
    one = _run(tmp_path / "one", ROWS, method, 0.25)
    other = _run(tmp_path / "other", [row | {"gold": not row["gold"]} for row in reversed(ROWS)], method, 0.25)
    assert one.items.read_bytes() == other.items.read_bytes()
    assert one.held_out.read_bytes() == other.held_out.read_bytes()
    assert one.gold.read_bytes() != other.gold.read_bytes()
    assert trajectory(one) == trajectory(other)
