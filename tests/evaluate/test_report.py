"""The report: every gold column, names of classes, and a table that no column name can break."""

import json

import msgspec
import pytest

from icm_tui.commands.measure import format_table
from icm_tui.domain.items import Gold, Item
from icm_tui.errors import UserError
from icm_tui.evaluate.measure import measure_labels, unconstrained_groups
from icm_tui.evaluate.report import Baselines, Column, Report


def _items(*places: tuple[int | None, int | None]) -> list[Item]:
    return [Item(f"u{row}", "text", group, key) for row, (group, key) in enumerate(places)]


_PAIRS = _items((0, 0), (0, 1), (1, 1), (1, 0), (None, None))
_GOLD = Gold(
    {"truth": {"u0": 0, "u1": 1, "u2": 1, "u3": 0}, "rare": {"u4": 0}, "none": {}},
    {"truth": ["true", "false"], "rare": ["yes"], "none": ["true", "false"]},
)


def test_measure_labels_of_hand_made_items() -> None:
    report = measure_labels(_PAIRS, [1, 0, 0, 1, None], _GOLD, fixed_names=False, seed=42)
    assert report.n == 5
    truth = report.columns["truth"]
    assert truth.n == 4
    assert (truth.accuracy, truth.coverage, truth.mcc) == (1.0, 1.0, 1.0)
    assert truth.ci95 == (0.5, 1.0)
    assert truth.balanced_ci95 == pytest.approx([0.535, 1.0], abs=1e-3)
    assert (truth.flipped, truth.naming, truth.majority, truth.as_fork) == (True, ["false", "true"], 0.5, 1)
    empty = report.columns["none"]
    assert empty == Column(n=0, missing=4, as_fork=1.0)
    assert report.columns["rare"].coverage == 0.0
    majority = {"truth": 0.5, "rare": 1.0, "none": None}
    assert report.baselines == Baselines(majority, {"truth": 0.5, "rare": 0.5, "none": None})


def test_report_prints_field_names_and_no_nan() -> None:
    """What programs read: the names of the fields, and a number or null in each."""
    report = msgspec.to_builtins(measure_labels(_PAIRS, [1, 0, 0, 1, None], _GOLD, fixed_names=False, seed=42))
    assert set(report) == {"n", "columns", "baselines", "looked_at", "permutations", "best"}
    assert set(report["baselines"]) == {"majority", "random"}
    assert set(report["columns"]["truth"]) == {
        *("n", "missing", "coverage", "accuracy", "balanced_accuracy", "mcc", "auroc", "majority", "flipped", "naming"),
        *("ci95", "balanced_ci95", "p", "p_adjusted", "as_fork"),
    }
    assert json.loads(json.dumps(report, allow_nan=False)) == json.loads(msgspec.json.encode(report))


def test_measure_labels_adds_majority_answer() -> None:
    items = _items((0, 0), (0, 0), (0, 1), (1, 0), (1, 1), (None, 3))
    gold = Gold({"right": {"u0": 0, "u1": 0, "u2": 1, "u3": 1, "u4": 0, "u5": 1}}, {"right": ["true", "false"]})
    report = measure_labels(items, [1, 1, 0, 0, 1, 1], gold, fixed_names=True, seed=0)
    column = report.columns["right"]
    assert (column.accuracy, column.flipped, column.naming) == (1 / 6, False, ["true", "false"])
    assert report.baselines.majority_answer == {"right": pytest.approx(0.8)}
    assert "commonest answer for true: 0.800 (right)" in format_table(report)


def test_measure_labels_with_more_labels_than_classes() -> None:
    items = _items(*[(None, None)] * 4)
    gold = Gold({"kind": {"u0": 0, "u1": 1, "u2": 0, "u3": 1}}, {"kind": ["bird", "fish"]})
    report = measure_labels(items, [2, 0, 2, 1], gold, fixed_names=False, seed=0)
    assert report.columns["kind"].naming == ["fish", None, "bird"]
    assert report.columns["kind"].flipped is None
    assert report.columns["kind"].accuracy == 0.75
    assert "fish | - | bird" in format_table(report)


def test_measure_labels_takes_ungrouped_items_as_groups() -> None:
    """Ungrouped items spread as single items do; one group of all has no interval."""
    gold = Gold({"g": {f"u{row}": 0 for row in range(20)}}, {"g": ["true", "false"]})
    labels = [0] * 15 + [1] * 5
    loose = measure_labels(_items(*[(None, None)] * 20), labels, gold, fixed_names=True, seed=0)
    assert loose.columns["g"].ci95 is not None
    low, high = loose.columns["g"].ci95
    assert low < 0.75 < high
    bound = measure_labels(_items(*[(0, None)] * 20), labels, gold, fixed_names=True, seed=0)
    assert bound.columns["g"].ci95 is None


def test_measure_labels_names_column_of_many_classes() -> None:
    gold = Gold({"k": {"u0": 12}}, {"k": [str(each) for each in range(13)]})
    with pytest.raises(UserError, match="gold column 'k' and the labels have 13 classes"):
        measure_labels(_items((None, None)), [0], gold, fixed_names=False, seed=0)


def test_measure_labels_refuses_other_number_of_labels() -> None:
    with pytest.raises(ValueError, match="1 items but 2 labels"):
        measure_labels(_items((None, None)), [0, 1], _GOLD, fixed_names=False, seed=0)


def test_unconstrained_groups_are_counted() -> None:
    assert unconstrained_groups(_PAIRS, "opposite", 2) == 0
    items = _items((0, None), (0, None), (1, 0), (1, 0), (2, 0), (3, 0), (3, 1), (3, 2), (4, None), (4, 0), (None, 0))
    assert unconstrained_groups(items, "opposite", 2) == 3


def test_format_table_of_hand_made_items() -> None:
    report = measure_labels(_PAIRS, [1, 0, 0, 1, None], _GOLD, fixed_names=False, seed=42)
    lines = format_table(msgspec.structs.replace(report, unconstrained_groups=2), 120).splitlines()
    assert [" ".join(line.split()) for line in lines[:4]] == [
        "column n cover agree 95% interval balanced MCC AUROC majority p p of all fork's read as",
        "truth 4 1.000 1.000 0.500-1.000 1.000 1.000 - 0.500 0.237 0.237 1.000 false | true",
        "rare 0 0.000 - - - - - 1.000 - - 1.000 -",
        "none 0 - - - - - - - - - 1.000 -",
    ]
    assert lines[-1] == "Groups with a number of keys that the rule leaves unconstrained: 2."
    assert lines[1].index("1.000") + len("1.000") == lines[0].index("cover") + len("cover")


@pytest.mark.parametrize(
    ("width", "left_out"),
    [
        (130, []),
        (100, ["fork's", "AUROC"]),
        (80, ["fork's", "AUROC", "MCC", "p", "cover"]),
        (50, ["fork's", "AUROC", "MCC", "p", "cover", "balanced", "read as"]),
    ],
)
def test_format_table_leaves_columns_out_if_narrow(width: int, left_out: list[str]) -> None:
    report = measure_labels(_PAIRS, [1, 0, 0, 1, None], _GOLD, fixed_names=False, seed=42)
    text = format_table(report, width)
    headings = text.splitlines()[0]
    for name in ("fork's", "AUROC", "MCC", "cover", "balanced", "read as"):
        assert (name in headings) == (name not in left_out)
    assert all(name in headings for name in ("column", "n", "agree", "95% interval", "majority", "p of all"))
    assert ("Left out for lack of" in text) == bool(left_out)
    assert width < 60 or max(map(len, text.splitlines())) <= width


def test_format_table_cleans_foreign_names() -> None:
    hostile = "a\x1b]0;title\x07\nb\x1b[2J"
    wide = "\u6807\u7b7e"
    gold = Gold({hostile: {"u0": 0}, wide: {"u0": 0}}, {hostile: ["\x1b[31mred", "x\ny"], wide: ["true", "false"]})
    text = format_table(measure_labels(_items((None, None)), [0], gold, fixed_names=False, seed=0))
    assert "\x1b" not in text
    rows = text.splitlines()[1:3]
    assert rows[0].startswith("a b     1 ")
    assert rows[0].endswith("  red | x y")
    assert rows[1].startswith(f"{wide}    1 ")


def test_format_table_without_gold_says_so() -> None:
    report = measure_labels(_PAIRS, [0, 1, 0, 1, None], Gold(), fixed_names=False, seed=0)
    empty = Baselines({}, {})
    assert report == Report(n=5, columns={}, baselines=empty, looked_at=0, permutations=0, best=None)
    assert format_table(report) == "The task names no gold column: there is nothing to measure against."
