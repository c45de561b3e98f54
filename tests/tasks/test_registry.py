"""Datasets are found by name."""

import subprocess
import sys
from collections.abc import Sequence
from functools import partial

import msgspec
import pytest

from icm_tui.errors import UserError
from icm_tui.tasks.build import Columns
from icm_tui.tasks.card import Card, Split
from icm_tui.tasks.dataset import Dataset, Rows, Source
from icm_tui.tasks.registry import DATASETS, find_dataset, load_task
from icm_tui.tasks.section import TaskSection
from icm_tui.tasks.shuffle import hold_out
from icm_tui.tasks.tables import Row, Table
from tests.tasks.given import Given, seeded

_LISTED = f"The datasets are {', '.join(DATASETS)}."
_FIRST = ", ".join(f'"{name}"' for name in DATASETS[:12])


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("belief", f'task.dataset = "belief" is unknown; did you mean "beliefs"? {_LISTED}'),
        ("TruthfulQA", f'task.dataset = "TruthfulQA" is unknown; did you mean "truthfulqa"? {_LISTED}'),
        ("zzz", f'task.dataset = "zzz" is unknown; known are {_FIRST}, ....'),
    ],
)
def test_registry_refuses_unknown_dataset_with_the_list(name: str, sentence: str) -> None:
    with pytest.raises(UserError) as caught:
        load_task(seeded(Given(dataset=name), 1), labels=["A", "B"], rule=None)
    assert str(caught.value) == sentence


def test_registry_loads_sample_without_heavy_imports() -> None:
    code = """
import sys
from icm_tui.tasks.registry import load_task
from tests.tasks.given import Given, seeded
load_task(seeded(Given(dataset="topics"), 1), labels=["A", "B"], rule=None)
print(*sorted({"numpy", "pyarrow", "pandas", "datasets", "httpx", "textual"} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_registry_loads_what_a_section_names() -> None:
    task = load_task(Given(dataset="arithmetic", limit=4), labels=["A", "B"], rule=None)
    assert len(task.items) == 4


@pytest.mark.parametrize(
    ("dataset", "held_out", "sentence"),
    [
        ("file", "test", 'dataset "file" has no other; give a fraction of its groups, as in held_out = 0.2.'),
        ("one", "all", 'dataset "one" has no other; give a fraction of its groups, as in held_out = 0.2.'),
        ("many", "train", 'which is what is labelled; name another, such as "test".'),
        ("many", "tests", 'which is not in dataset "many"; did you mean "test"?'),
    ],
)
def test_load_task_holds_out_another_split_only(dataset: str, held_out: str, sentence: str) -> None:
    settings = seeded(Given(dataset=dataset, held_out=held_out), 1)
    with pytest.raises(UserError) as caught:
        load_task(settings, labels=["A", "B"], rule=None, find=_made_up)
    assert str(caught.value) == f'task.held_out = "{held_out}" names a split, {sentence}'


def _made_up(name: str) -> Dataset:
    """Dataset "one" with a single split and "many" with two; their items hold the settings that they were read with."""
    if name not in _SPLITS:
        return find_dataset(name)
    words = dict.fromkeys(["about", "item", "groups", "gold", "paper", "licence"], "")
    known = _SPLITS[name]
    card = Card(**words, rule="none", terms="free", splits=dict.fromkeys(known, Split({})), split=known[0])
    return Dataset(card, lambda source: Rows(source.table, Columns("text")), read=_read)


_SPLITS = {"one": ["all"], "many": ["train", "test"]}


def _read(settings: TaskSection, card: Card, labels: Sequence[str]) -> Source:
    said = f"{settings.split} {settings.limit} {settings.revision} {settings.held_out} {settings.shuffle_seed}"
    rows = [Row(number, number, {"text": f"{said}: {number}"}) for number in (1, 2)]
    return Source(settings, labels, {"rows": Table("", "row", ["text"], rows)}, "", "0123")


def test_load_task_reads_held_out_split_whole_at_same_commit() -> None:
    load = partial(load_task, labels=["A", "B"], rule=None, find=_made_up)
    plain = Given(dataset="many", limit=4, shuffle_seed=3)
    task = load(msgspec.structs.replace(plain, held_out="test"))
    assert sorted(item.text for item in task.items) == ["None 4 None None 3: 1", "None 4 None None 3: 2"]
    assert sorted(item.text for item in task.held_out) == ["test None 0123 None 3: 1", "test None 0123 None 3: 2"]
    assert load(msgspec.structs.replace(plain, held_out=0.25)) == hold_out(load(plain), 0.25, seed=3)
