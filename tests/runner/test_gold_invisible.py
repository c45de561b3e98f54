"""Gold labels never reach the search: whatever they say, and whether there are any, every decision is the same."""

import json
import tempfile
from pathlib import Path
from random import Random
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from icm_tui.evaluate.gold_file import read_gold, write_gold
from icm_tui.profile.schema import Consistency, Profile, Run, Search, TaskSection
from icm_tui.run_dir.layout import RunDir
from icm_tui.runner.prepare import make_run, prepare
from icm_tui.runner.session import run_here
from tests.runner.made import lines, make, trajectory

WORDS = ("tax", "cut", "raise", "rents", "freeze", "build", "homes", "sell", "guard", "open", "borders", "close")

Row = dict[str, Any]

texts = st.lists(st.sampled_from(WORDS), min_size=1, max_size=5).map(" ".join)
methods = st.one_of(
    st.builds(
        Search,
        effort=st.sampled_from(("lean", "standard")),
        shots=st.integers(0, 6) | st.just("all"),
        share=st.integers(1, 4),
        chains=st.integers(1, 3),
        sweeps=st.integers(1, 2),
    ),
    st.builds(Search, method=st.just("paper"), max_iters=st.integers(1, 12), seeds=st.integers(1, 6)),
    st.builds(Search, method=st.just("fork"), max_iters=st.integers(1, 12), seeds=st.integers(1, 6)),
    st.builds(Search, method=st.just("random_labels"), shots=st.integers(1, 6), share=st.integers(1, 4)),
    st.just(Search(method="zero_shot")),
)


@st.composite
def tasks(draw: st.DrawFn) -> tuple[list[Row], TaskSection]:
    """Rows with gold, and what their columns are: with or without groups, and with or without keys in them."""
    sizes = draw(st.lists(st.integers(1, 4), min_size=3, max_size=6))
    grouped, keyed = draw(st.booleans()), draw(st.booleans())
    gold = st.sampled_from(draw(st.sampled_from(((True, False), (1, 0), (1, -1), ("left", "right"))))) | st.none()
    rows = [
        {"text": draw(texts), "question": f"q{group}", "answer": draw(st.integers(0, 1)), "gold": draw(gold)}
        for group, size in enumerate(sizes)
        for _ in range(size)
    ]
    section = TaskSection(
        dataset="file",
        text="text",
        group="question" if grouped else None,
        key="answer" if grouped and keyed else None,
        gold=["gold"],
    )
    return rows, section


def variants(rows: list[Row], random: Random) -> dict[str, list[Row]]:
    """The rows with other gold."""
    told = [row["gold"] for row in rows]
    values = sorted({value for value in told if value is not None}, key=str)
    other = dict(zip(values, reversed(values), strict=True))
    return {
        "as it is": rows,
        "shuffled": [row | {"gold": value} for row, value in zip(rows, random.sample(told, len(told)), strict=True)],
        "inverted": [row | {"gold": other.get(row["gold"])} for row in rows],
        "missing": [row | {"gold": None} for row in rows],
        "absent": [{key: row[key] for key in row if key != "gold"} for row in rows],
    }


def _made(folder: Path, rows: list[Row], profile: Profile) -> RunDir:
    folder.mkdir()
    path = folder / "rows.jsonl"
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    section = {name: getattr(profile.task, name) for name in TaskSection.__struct_fields__} | {"path": str(path)}
    if "gold" not in rows[0]:
        section["gold"] = []
    profile = Profile(
        run=profile.run, task=TaskSection(**section), search=profile.search, consistency=profile.consistency
    )
    return make_run(prepare(profile), name="rows", out=str(folder / "run"), write_gold=write_gold)


@given(
    task=tasks(),
    search=methods,
    rule=st.sampled_from(("none", "opposite", "one_true", "same")),
    seed=st.integers(0, 2**32),
    random=st.randoms(use_true_random=False),
)
@settings(max_examples=20, suppress_health_check=[HealthCheck.too_slow])
def test_gold_that_differs_changes_no_decision(
    task: tuple[list[Row], TaskSection], search: Search, rule: Any, seed: int, random: Random
) -> None:
    rows, section = task
    profile = Profile(run=Run(seed=seed), task=section, search=search, consistency=Consistency(rule=rule))
    with tempfile.TemporaryDirectory() as folder:
        found = {}
        for name, other in variants(rows, random).items():
            run = _made(Path(folder) / name, other, profile)
            assert run_here(run.path).state == "done"
            found[name] = json.dumps(trajectory(run))
            assert len(read_gold(run.gold).columns) == (name != "absent")
        assert len(found) == 5
        assert set(found.values()) == {found["as it is"]}


def test_gold_file_is_not_needed_by_the_runner(tmp_path: Path) -> None:
    with_gold, without, unreadable = (make(tmp_path / name) for name in ("with", "without", "unreadable"))
    without.gold.unlink()
    unreadable.gold.unlink()
    unreadable.gold.mkdir()
    for run in (with_gold, without, unreadable):
        assert run_here(run.path).state == "done"
        assert trajectory(run) == trajectory(with_gold)
    assert not without.gold.exists()
    assert lines(with_gold, "decision")
