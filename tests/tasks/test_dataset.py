"""Which file of a split is read, from a folder or by its own path, and what is refused."""

from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from icm_tui.errors import UserError
from icm_tui.tasks.build import Columns
from icm_tui.tasks.card import Card, Place, Split
from icm_tui.tasks.dataset import Dataset, Rows, Source, read_source
from icm_tui.tasks.section import TaskSection
from tests.tasks.given import Given

CARD = Card(
    about="Made up.",
    item="",
    groups="",
    rule="none",
    gold="",
    paper="",
    licence="",
    terms="free",
    splits={
        "train": Split({"rows": Place(["deep/train.csv", "train.csv"])}),
        "test": Split({"rows": Place(["test.csv"], columns=["text", "label"])}),
        "both": Split({"rows": Place(["train.csv"]), "values": Place(["values.csv"])}),
    },
    split="train",
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "train.csv").write_text("text\none\n")
    (tmp_path / "test.csv").write_text("two,1\n")
    return tmp_path


def _given(path: object, **more: object) -> TaskSection:
    return msgspec.structs.replace(Given(dataset="made_up", path=None if path is None else str(path)), **more)


def _cells(source: Source) -> dict[str, list[dict[str, object]]]:
    return {name: [row.values for row in table.rows] for name, table in source.tables.items()}


def test_read_source_reads_named_split_or_the_cards_own(folder: Path) -> None:
    source = read_source(_given(folder), CARD)
    assert (source.split, _cells(source)) == ("train", {"rows": [{"text": "one"}]})
    source = read_source(_given(folder, split="test"), CARD)
    assert (source.split, _cells(source)) == ("test", {"rows": [{"text": "two", "label": "1"}]})
    assert (source.revision, source.notes) == (None, [])


def test_read_source_reads_the_first_name_found(folder: Path) -> None:
    (folder / "deep").mkdir()
    (folder / "deep" / "train.csv").write_text("text\ndeeper\n")
    assert _cells(read_source(_given(folder), CARD)) == {"rows": [{"text": "deeper"}]}


def test_read_source_reads_single_table_under_any_name(folder: Path) -> None:
    (folder / "train.csv").rename(folder / "mine.csv")
    assert _cells(read_source(_given(folder / "mine.csv"), CARD)) == {"rows": [{"text": "one"}]}


def test_read_source_needs_folder_for_several_tables(folder: Path) -> None:
    with pytest.raises(
        UserError, match=r"is not a folder, and split \"both\" of dataset \"made_up\" has several files"
    ):
        read_source(_given(folder / "train.csv", split="both"), CARD)
    with pytest.raises(
        UserError, match=r'no file for task.split = "both"; put values.csv there or correct task.path\.'
    ):
        read_source(_given(folder, split="both"), CARD)
    (folder / "values.csv").write_text("value\n1\n")
    assert _cells(read_source(_given(folder, split="both"), CARD)) == {
        "rows": [{"text": "one"}],
        "values": [{"value": "1"}],
    }


def test_read_source_refuses_unknown_split_with_the_nearest(folder: Path) -> None:
    with pytest.raises(UserError) as caught:
        read_source(_given(folder, split="Test"), CARD)
    assert str(caught.value) == 'task.split = "Test" is not in dataset "made_up"; did you mean "test"?'


def test_read_source_refuses_revision_beside_a_folder(folder: Path) -> None:
    with pytest.raises(UserError, match=r"task.revision has no meaning .* it chooses a version on the Hub"):
        read_source(_given(folder, revision="main"), CARD)


def test_read_source_needs_folder_if_the_hub_has_no_file() -> None:
    with pytest.raises(UserError) as caught:
        read_source(_given(None), CARD)
    assert str(caught.value) == (
        'split "train" of dataset "made_up" is nowhere on the Hub; name the folder that holds its files in task.path.'
    )


def test_dataset_task_carries_commit_and_notes_of_its_source(folder: Path) -> None:
    def read(settings: TaskSection, card: Card, labels: Sequence[str]) -> Source:
        source = read_source(settings, card, labels)
        return msgspec.structs.replace(source, revision="0123abcd", notes=["Read from somewhere."])

    def rows(source: Source) -> Rows:
        return Rows(source.table, Columns("text"), notes=lambda task: [f"{len(task.items)} in all."])

    task = Dataset(CARD, rows, read=read).load(_given(folder), labels=["A", "B"], rule="same")
    assert task.revision == "0123abcd"
    bound = 'Rule "same" binds nothing here, since the task has no groups.'
    assert task.notes == ["Read from somewhere.", bound, "1 in all."]


def test_dataset_refuses_gold_and_settings_before_it_reads(tmp_path: Path) -> None:
    def never(source: Source) -> Rows:
        raise AssertionError

    dataset = Dataset(CARD, never, gold=["right"])
    for more, sentence in [
        ({"gold": ["write"]}, 'task.gold names "write", which is not in dataset "made_up"; did you mean "right"?'),
        ({"orders": "one"}, 'task.orders has no meaning for dataset "made_up"; remove it, or use dataset = "file"'),
    ]:
        with pytest.raises(UserError) as caught:
            dataset.load(_given(tmp_path / "absent", **more), labels=["A", "B"], rule=None)
        assert str(caught.value).startswith(sentence)


def test_dataset_reads_gold_by_default_and_by_name(folder: Path) -> None:
    (folder / "train.csv").write_text("text,one,other\nsome,1,0\nmore,0,1\n")

    def rows(source: Source) -> Rows:
        return Rows(source.table, Columns("text", gold={"1": "one", "2": "other"}), default_gold=["2"])

    dataset = Dataset(CARD, rows)
    for gold, columns in [([], ["2"]), (["1"], ["1"]), (["2", "1"], ["2", "1"])]:
        task = dataset.load(_given(folder, gold=gold), labels=["A", "B"], rule=None)
        assert list(task.gold.columns) == columns
