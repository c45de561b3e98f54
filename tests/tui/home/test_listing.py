"""The list of runs and profiles as rows and as lines, without a screen."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from icm_tui.run_dir.listing import RunSummary
from icm_tui.run_dir.status import ENDED, LIVE
from icm_tui.tui.home.listing import (
    RESUMABLE,
    Listing,
    Row,
    Startable,
    advice,
    header,
    place,
    rest,
    row_line,
    rows,
    run_key,
    small,
    told,
)
from icm_tui.tui.text.cells import Line, width


def keys(action: str) -> str:
    return {"runs.open": "enter", "runs.edit": "F", "runs.resume": "R"}[action]


def summary(name: str = "one", **fields: Any) -> RunSummary:
    given = {"state": "running", "decision": 3, "decisions": 60, "labelled": 8, "items": 8, "coherence": 0.89}
    told = {"method": "icm", "model": "embedded", "disk": 4_083_000, "started": 0.0}
    return RunSummary(name=name, path=f"/runs/{name}", **{**given, **told, **fields})


def profile(name: str = "demo", **fields: Any) -> Startable:
    return Startable(name, Path(f"/profiles/{name}.toml"), **{"own": False, "at_once": True, **fields})


def text(line: Line) -> str:
    return "".join(part.text for part in line)


@pytest.mark.parametrize("state", [*LIVE, *ENDED, "died", "quiet"])
def test_every_state_says_what_can_be_done(state: str) -> None:
    said = advice(Row("run", "", run=summary(state=state)), keys, read_only=False)
    assert said.startswith(f"{state}: ")
    assert ("R " in said) == (state in RESUMABLE)
    assert ("enter" in said) == (state in (*LIVE, "done", "failed"))


@pytest.mark.parametrize(
    ("fields", "read_only", "said"),
    [
        ({}, False, "enter starts it at no cost; F edits its settings first"),
        (
            {"watched": True},
            False,
            "enter starts it at no cost, slowed down so that you can watch; F edits its settings first",
        ),
        ({"at_once": False}, False, "enter shows what it would cost, and starts it from there"),
        ({}, True, "this viewer only reads, so it starts nothing"),
        ({"error": "p.toml:3: wrong."}, True, "p.toml:3: wrong."),
    ],
)
def test_every_profile_says_what_can_be_done(fields: dict[str, Any], read_only: bool, said: str) -> None:
    assert advice(Row("profile", "", profile=profile(**fields)), keys, read_only=read_only) == said


def test_nothing_is_said_of_a_heading() -> None:
    assert advice(Row("heading", "runs", "runs"), keys, read_only=False) == ""
    assert advice(None, keys, read_only=False) == ""


def test_the_cursor_begins_on_the_latest_run_or_on_the_demo() -> None:
    profiles = [profile("arithmetic"), profile()]
    without = rows(Listing((), profiles), "", keys)
    assert without[place(without, None, 0)].profile == profiles[1]
    listed = rows(Listing([summary("new"), summary("old")], profiles), "", keys)
    assert listed[place(listed, None, 0)].key == run_key("/runs/new")
    assert listed[place(listed, run_key("/runs/old"), 0)].key == run_key("/runs/old")


def test_what_is_gone_leaves_the_cursor_near_by() -> None:
    listed = rows(Listing([summary("new")], [profile()]), "", keys)
    assert listed[place(listed, "run /runs/gone", 2)].profile == profile()
    assert place([], "run /runs/gone", 2) == 0


def test_without_runs_three_lines_say_what_this_is() -> None:
    assert [row.kind for row in rows(Listing(), "", keys)][:4] == ["words", "words", "words", "words"]
    assert rows(Listing(), "demo", keys)[1].text == "starting demo …"


ROWS = st.lists(st.sampled_from([Row("words", "w"), Row("heading", "h"), Row("run", "r"), Row("profile", "p")]))


@given(ROWS, st.integers(0, 20), st.sampled_from([1, -1]))
def test_the_cursor_rests_where_it_may(listed: list[Row], index: int, step: int) -> None:
    resting = [at for at, row in enumerate(listed) if row.rests]
    found = rest(listed, index, step)
    assert found in resting or not resting
    start = min(index, len(listed) - 1)
    beyond = [at for at in resting if (at - start) * step >= 0]
    if beyond:
        assert found == min(beyond, key=lambda at: abs(at - start))


@given(st.text(), st.text(), st.integers(60, 220), st.sampled_from(["running", "died", "done", "paused"]))
def test_every_row_fits(name: str, model: str, cells: int, state: str) -> None:
    for row in (
        Row("run", "", run=summary(name, state=state, model=model, coherence=-0.1, decision=99999, decisions=123456)),
        Row("run", "", run=summary(name, state=state, model=None, coherence=None, decision=None, started=None)),
        Row("heading", "runs", "runs"),
        Row("heading", "profiles", "profiles"),
    ):
        assert width(row_line(row, cells)) <= cells


@pytest.mark.parametrize("cells", [60, 80, 120, 200])
def test_columns_stand_below_their_heads(cells: int) -> None:
    head = text(row_line(Row("heading", "runs", "runs"), cells))
    line = text(row_line(Row("run", "", run=summary()), cells))
    assert head.index("state") == line.index("running")
    for name, shown in (("decision", "3/60"), ("coherence", ".89 bits"), ("disk", "4.08 MB")):
        if name in head:
            assert head.index(name) + len(name) == line.index(shown) + len(shown)
    assert ("started" in head, "disk" in head) == (cells >= 76, cells >= 110)


def test_the_header_counts() -> None:
    listing = Listing([summary(), summary("two", state="done")])
    assert text(header(listing, 80, read_only=False)).endswith("2 runs · 1 live ")
    assert "read only · 2 runs" in text(header(listing, 80, read_only=True))
    assert text(header(None, 80, read_only=False)).endswith("reading the runs ")
    assert text(small(Listing([summary()]), 40)).startswith("1 run, 1 live · the list needs 60x16")


def test_of_a_long_text_the_end_is_shown() -> None:
    lines = told("\n".join(map(str, range(30))) + "\nthe reason", "warn", 40, 4)
    assert [text(line) for line in lines] == [" 27", " 28", " 29", " the reason"]
