"""The table that a comparison leaves for the screens."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from icm_tui.errors import UserError
from icm_tui.evaluate.report import Row, SavedTable, labels_digest, read_table, save_table

ROW = Row(
    method="found",
    accuracy=0.75,
    balanced=None,
    ci95=(0.5, 1.0),
    n=4,
    calls=4,
    tokens=80,
    cost_usd=0.01,
    seconds=1.5,
)


def test_read_table_returns_what_was_saved(tmp_path: Path) -> None:
    path = tmp_path / "table.json"
    assert read_table(path) is None
    save_table(path, "truth", {0: 1}, [ROW], 16)
    assert read_table(path) == SavedTable("truth", labels_digest({0: 1}), [ROW], 16)
    save_table(path, "truth", {0: 1}, [])
    table = read_table(path)
    assert table is not None
    assert (table.rows, table.shots) == ([], None)


@given(st.dictionaries(st.integers(0, 9), st.integers(0, 2), min_size=1), st.integers(1, 2))
def test_labels_digest_tells_labels_apart(found: dict[int, int], more: int) -> None:
    item = next(iter(found))
    assert labels_digest(dict(reversed(found.items()))) == labels_digest(found)
    assert labels_digest(found | {item: (found[item] + more) % 3}) != labels_digest(found)


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"column":1,"labels":"","rows":[]}', b"\xff"])
def test_read_table_refuses_broken_file(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "table.json"
    path.write_bytes(data)
    with pytest.raises(UserError, match="Repeat the comparison to write it again"):
        read_table(path)


def test_read_table_names_unreadable_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read"):
        read_table(tmp_path)
