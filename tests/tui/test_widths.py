"""Every line at every width has at most that width, on runs of every kind and in every state."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from icm_tui.evaluate.report import Best
from icm_tui.evaluate.shortcuts import Finding
from icm_tui.run_dir.status import ENDED, LIVE, Status
from icm_tui.tui.accuracy import gold_columns, pages
from icm_tui.tui.run import accuracy, header, labels
from icm_tui.tui.run.view import RunView
from icm_tui.tui.text.cells import Line, width
from tests.tui.finished import KINDS, Finished, records_of, view_of
from tests.tui.hostile import CORPUS
from tests.tui.reports import report

WIDTHS = range(20, 201)


def _finding(name: str) -> Finding:
    return Finding(
        kind="words",
        name=name,
        label=0,
        strength=0.5,
        n=9,
        inside=0.2,
        outside=0.1,
        lift=2.0,
        p=0.01,
        p_adjusted=None,
    )


MADE: dict[str, Callable[[RunView, str, int], list[Line]]] = {
    "header": lambda view, name, cells: [header.header(view, name, None, cells)],
    "header while loading": lambda view, name, cells: [header.header(view, name, 0.5, cells)],
    "status line": lambda view, name, cells: [header.status_line(view, name, cells)],
    "labels heading": lambda view, name, cells: [labels.heading(view, cells)],
    "label rows": lambda view, name, cells: [labels.row(view, item, cells) for item in range(len(view.items))],
    "coherence": lambda view, name, cells: [accuracy.coherence(view, cells)],
    "brief": lambda view, name, cells: [accuracy.brief(view, report(name), hidden="", cells=cells)],
    "gold": lambda view, name, cells: [
        accuracy.gold_line(own, column, (0.5, 1.0), cells) for own, column in report(name).columns.items()
    ],
    "gold columns": lambda view, name, cells: [
        gold_columns.heading(cells),
        *(
            gold_columns.row(own, column, (0.5, 0.7), chosen=True, cells=cells)
            for own, column in report(name).columns.items()
        ),
        gold_columns.summary(msgspec.structs.replace(report(name), best=Best(name, 0.02)), cells),
        *(
            gold_columns.naming(msgspec.structs.replace(column, naming=[name, None]), [name, "B"], cells)
            for column in report(name).columns.values()
        ),
    ],
    "plot": lambda view, name, cells: gold_columns.plot([(3, 0.5), (9, 0.75)], 20, 0.5, cells, 6),
    "diagnosis": lambda view, name, cells: [
        pages.diagnosis_heading(cells),
        pages.diagnosis_row(_finding(name), [name, "B"], cells),
    ],
}
EXACT = ("header", "header while loading", "status line", "labels heading", "label rows")
NAMES = st.sampled_from(["demo-1", "n" * 80, *(text for text in CORPUS.values() if len(text) < 100)])


def status(state: str, **more: Any) -> Status:
    fields: dict[str, Any] = {"decision": 7, "decisions": 5449, "in_flight": 8, "host": "h", "pid": 1, "t": 0.0}
    return Status(state=state, **fields | more)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("made", MADE)
def test_no_line_is_wider_than_its_width(made: str, kind: str, finished: Finished) -> None:
    found = records_of(finished(kind))
    view = view_of(finished(kind))
    done = 0
    for share in (0.0, 0.3, 1.0):
        count = round(share * len(found))
        view.apply(found[done:count])
        done = count
        view.apply_status(status("running", seconds_left=190.0, spent_usd=0.18, violations=3), "running")
        for cells in WIDTHS if share == 0.3 else (20, 40, 79, 80, 120, 200):
            for line in MADE[made](view, "demo-20261123-182122", cells):
                assert width(line) <= cells
                assert made not in EXACT or width(line) == cells


@given(name=NAMES, state=st.sampled_from([*LIVE, *ENDED, "died", "quiet"]), cells=st.integers(20, 200))
def test_whatever_a_run_is_called_its_state_is_on_the_screen(
    name: str, state: str, cells: int, finished: Finished
) -> None:
    view = view_of(finished("shots"))
    view.apply_status(status(state, spent_usd=1.5, seconds_left=1e5), state)
    for line in (header.header(view, name, None, cells), header.status_line(view, name, cells)):
        assert width(line) == cells
        text = "".join(part.text for part in line)
        assert (state if state != "paused" else "PAUSED")[: cells - 4] in text
