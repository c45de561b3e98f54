"""The form's lines, the editor it calls, and the forecast in words."""

import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from icm_tui.commands.json import Expected
from icm_tui.errors import RunFailed, UserError
from icm_tui.tui.form.draft import FIELDS, Draft, editor, read_draft, remove, write_draft
from icm_tui.tui.form.rows import (
    FROZEN,
    ROWS,
    detail_lines,
    find,
    head_lines,
    in_words,
    outlook_lines,
    question,
    row_line,
    turned,
)
from icm_tui.tui.form.values import Field
from icm_tui.tui.text.cells import Line, width

DATASET = '[task]\ndataset = "leanings"\n'
FREE = Expected(340, 10880, 32.0, 0, 0.0, None, False)
PAID = Expected(340, 10880, 32.0, 1234567, 0.127, 12.3, True)


def text(line: Line) -> str:
    return "".join(part.text for part in line).rstrip()


def row_of(section: str, name: str) -> Field:
    return FIELDS[section, name]


def shown(draft: Draft, section: str, name: str, cells: int = 120) -> str:
    return text(row_line(row_of(section, name), draft, draft.check(), cells))


def test_a_field_shows_what_is_set_and_what_holds_otherwise() -> None:
    draft = Draft.from_toml(DATASET + "[search]\nchains = 3\n")
    assert shown(draft, "search", "chains").split() == ["•", "chains", "3", "1", "or", "more"]
    assert shown(draft, "search", "sweeps").split() == ["sweeps", "4", "1", "or", "more"]
    assert shown(draft, "search", "alpha").split()[:5] == ["alpha", "not", "used", "by", "icm"]
    assert "has no effect" in shown(draft.with_text(("search", "alpha"), "2"), "search", "alpha")


def test_a_fault_stands_beside_its_field() -> None:
    draft = Draft.from_toml(DATASET).with_text(("search", "shots"), "[/foo]")
    line = shown(draft, "search", "shots")
    assert line.startswith("• shots          [/foo]  ✗ expected a whole number of at least 0")


def test_what_may_be_a_key_is_not_shown() -> None:
    draft = Draft.from_toml(DATASET).with_text(("model", "key_env"), "sk-or-v1-0123456789abcdef")
    everything = [row_line(row, draft, draft.check(), 200) for row in ROWS]
    everything += detail_lines(row_of("model", "key_env"), draft.check(), 200, 4)
    assert not any("0123456789" in text(line) for line in everything)
    assert "(not shown)" in shown(draft, "model", "key_env")
    named = draft.with_text(("model", "key_env"), "OPENROUTER_API_KEY")
    assert "OPENROUTER_API_KEY" in shown(named, "model", "key_env")


_hostile = st.text("ab[/]\x1b]0;x\x07\u202e\u200b好e\u0301\n", max_size=30)


@given(_hostile, _hostile, st.sampled_from([60, 80, 200]))
def test_every_line_fits_and_is_clean(name: str, persona: str, cells: int) -> None:
    draft = Draft.from_toml(DATASET, name).with_text(("prompt", "persona"), persona).with_text(("run", "name"), name)
    checked = draft.check()
    details = []
    lines = head_lines(name, draft, checked, True, cells)
    for field in (row_of("run", "name"), row_of("prompt", "persona")):
        details += detail_lines(field, checked, cells, 4)
        lines.append(row_line(field, draft, checked, cells))
    assert all(width(line) <= cells for line in details)
    told = "".join(text(line) for line in lines + details)
    assert told.isprintable()


def test_the_title_tells_the_state_and_what_no_field_has() -> None:
    draft = Draft.from_toml("zebra = 1\n" + DATASET)
    lines = [text(line) for line in head_lines("mine", draft, draft.check(), False, 100)]
    assert lines[0].startswith("─ mine ─")
    assert lines[0].endswith("1 to mend ─")
    assert lines[1].startswith("✗ zebra: unknown key outside any section")
    changed = draft.with_text(("run", "seed"), "1")
    assert "not saved · 1 to mend" in text(head_lines("mine", changed, changed.check(), False, 100)[0])
    many = Draft.from_toml("a = 1\nb = 1\nc = 1\nd = 1\ne = 1\n" + DATASET)
    assert text(head_lines("mine", many, many.check(), False, 100)[-1]) == "✗ and 2 more; E edits the text"
    frozen = Draft.from_toml(DATASET)
    assert text(head_lines("run", frozen, frozen.check(), True, 100)[1]) == FROZEN


def test_detail_lines_say_the_fault_and_the_purpose() -> None:
    draft = Draft.from_toml(DATASET).with_text(("search", "shots"), "many")
    lines = [text(line) for line in detail_lines(row_of("search", "shots"), draft.check(), 80, 4)]
    assert lines[0].startswith("─ search.shots ─")
    assert lines[0].endswith("0 or more, or all · default: all ─")
    assert lines[1] == '✗ expected a whole number of at least 0 or "all", not "many"'
    assert lines[2] == 'Labelled examples shown with a question: a number, or "all" of them.'


def test_choices_go_round_and_pass_the_default() -> None:
    method, schedule, blind = row_of("search", "method"), row_of("search", "schedule"), row_of("run", "blind")
    round_once = ["", "fork", "paper", "random_labels", "zero_shot"]
    assert [turned(method, each, 1) for each in round_once] == [*round_once[1:], ""]
    assert [turned(method, each, -1) for each in round_once] == ["zero_shot", *round_once[:-1]]
    assert turned(method, "icm", 1) == "fork"
    assert [turned(schedule, each, 1) for each in ("", "exp", "geometric", "log")] == ["exp", "geometric", "log", ""]
    assert turned(schedule, "wrong", 1) == ""
    assert (turned(blind, "", 1), turned(blind, "true", 1)) == ("true", "")


def test_a_field_is_found_by_its_name() -> None:
    def named(wanted: str, start: int = 0) -> str | None:
        index = find(wanted, start)
        row = None if index is None else ROWS[index]
        return f"{row.section}.{row.name}" if isinstance(row, Field) else None

    assert named("shots") == "search.shots"
    assert named(" SEED ") == "run.seed"
    assert named("search.se") == "search.seeds"
    assert named("path") == "task.path"
    task_path = next(index for index, row in enumerate(ROWS) if isinstance(row, Field) and row.key == ("task", "path"))
    assert named("path", task_path + 1) == "model.path"
    assert named("prob") == "model.top_logprobs"
    assert named("zebra") is None
    assert named("") is None


def test_the_forecast_in_words() -> None:
    assert in_words(FREE) == (
        "340 items · about 10,880 calls (32 a label) · answered in this program: no cost, no tokens"
    )
    assert in_words(PAID) == (
        "340 items · about 10,880 calls (32 a label) · 1,234,567 tokens read · about $0.13 at the listed price · "
        "12 minutes"
    )
    unpriced = Expected(340, 10880, 32.0, 1000, None, 0.3, True)
    assert in_words(unpriced).endswith("1,000 tokens read · cost unknown: set model.price_in · under a minute")
    assert question(PAID) == "This run will make about 10,880 calls at about $0.13. Start it?"
    assert "an unknown cost" in question(unpriced)
    assert text(outlook_lines(None, 80, 2)[0]) == "counting…"
    assert [text(line) for line in outlook_lines("no\x1b[31m such file", 80, 2)] == ["no such file"]
    assert len(outlook_lines(PAID, 40, 2)) == 2


def test_the_editor_is_the_persons_own_else_a_usual_one(tmp_path: Path) -> None:
    assert editor({"VISUAL": "code --wait 'a b'", "EDITOR": "ed"}) == ["code", "--wait", "a b"]
    assert editor({"VISUAL": " ", "EDITOR": "ed"}) == ["ed"]
    for name in ("nano", "vi"):
        path = tmp_path / name
        path.write_text("#!/bin/sh\n")
        path.chmod(0o700)
        assert editor({}, str(tmp_path)) == [str(path)]
    with pytest.raises(UserError, match="there is no editor"):
        editor({}, str(tmp_path / "nowhere"))
    with pytest.raises(UserError, match=r"\$EDITOR has a quotation mark"):
        editor({"EDITOR": "vi 'a"})


def test_a_draft_lies_in_a_private_file_under_its_runs_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    draft = Draft.from_toml(DATASET, "mine")
    path = write_draft(draft, "# note\n")
    assert path.name == "mine.toml"
    assert path.read_text() == "# note\n" + DATASET
    assert stat.S_IMODE(os.stat(path.parent).st_mode) == 0o700
    assert read_draft(path) == draft
    remove(path)
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "nowhere"))
    with pytest.raises(RunFailed, match="cannot be written"):
        write_draft(draft)


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"gone\.toml cannot be read: "):
        read_draft(tmp_path / "gone.toml")
    (tmp_path / "latin.toml").write_bytes(b"# caf\xe9\n")
    with pytest.raises(UserError, match=r"latin\.toml: byte 5 is not UTF-8"):
        read_draft(tmp_path / "latin.toml")
