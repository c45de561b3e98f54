"""The journal's documentation is what the structs say."""

import typing
from pathlib import Path

from icm_tui.run_dir import journal_doc as schema
from icm_tui.run_dir.records import AnyRecord


def test_journal_doc_is_up_to_date() -> None:
    written = Path(schema.__file__).with_name("JOURNAL.md").read_text()
    assert written == schema.document(), "run `python -m icm_tui.run_dir.journal_doc > icm_tui/run_dir/JOURNAL.md`"


def test_journal_doc_has_every_record_and_field() -> None:
    document = schema.document()
    for record in typing.get_args(AnyRecord):
        section = document.split(f"\n## `{record.__struct_config__.tag}`\n")[1].split("\n## ")[0]
        for name in set(record.__struct_fields__) - {"seq", "t"}:
            assert f"| `{name}` |" in section
