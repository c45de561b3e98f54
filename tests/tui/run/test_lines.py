"""What the lines tell."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from icm_tui.domain.decisions import Option
from icm_tui.domain.reply import Endpoint
from icm_tui.run_dir.records import (
    AnswerRecord,
    AnyRecord,
    CommandRecord,
    DecisionRecord,
    DoneRecord,
    EndpointRecord,
    ErrorRecord,
    ReaskRecord,
    StopRecord,
)
from icm_tui.text import ago
from icm_tui.tui.run import accuracy, header, labels
from icm_tui.tui.run import log_lines as log
from icm_tui.tui.run.panes import profile_lines
from icm_tui.tui.run.view import RunView
from icm_tui.tui.text.cells import Line, joined
from icm_tui.tui.text.numbers import dollars, duration, fraction, signed
from tests.tui.finished import KINDS, Finished, full_view, records_of
from tests.tui.reports import report
from tests.tui.small import answer, context, decision, small_view, started
from tests.tui.test_widths import status


def text(line: Line) -> str:
    return "".join(part.text for part in line)


# Numbers


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.934, ".93"),
        (1.0, "1.0"),
        (0.999, "1.0"),
        (0.0, ".00"),
        (-0.05, "\u2212.05"),
        (-0.001, ".00"),
        (-1.0, "\u22121.0"),
        (1.25, "1.25"),
        (None, "\u2013"),
    ],
)
def test_fractions_take_few_cells(value: float | None, shown: str) -> None:
    assert fraction(value) == shown


def test_other_numbers() -> None:
    assert fraction(0.0505, 3) == ".051"
    assert (signed(2.6), signed(-2.64), signed(0), signed(None)) == ("+2.6", "\u22122.6", "+0.0", "\u2013")
    assert [duration(seconds) for seconds in (9.9, 190, 7500, 360_000)] == ["9s", "3m10s", "2h05m", "4d04h"]
    assert [dollars(amount) for amount in (0.0, 0.0012, 0.18, 12.5)] == ["$0.00", "$0.0012", "$0.18", "$12.50"]


@given(value=st.floats(0, 1), places=st.integers(1, 4))
def test_a_fraction_can_be_read_back(value: float, places: int) -> None:
    shown = fraction(value, places)
    assert abs(float(shown) - value) <= 0.51 * 10**-places
    assert len(shown) <= max(3, places + 1)


# The header


def test_the_header_tells_progress_money_and_time() -> None:
    view = small_view()
    view.n = 412
    told = status("running", decisions=1634, spent_usd=0.18, seconds_left=190.0)
    view.apply_status(told, "running")
    shown = text(header.header(view, "demo", None, 120))
    assert shown.startswith(" demo · icm · running")
    assert "412/1634 ▓" in shown
    assert " 25%   3m10s left   $0.18" in shown
    assert "in flight" not in shown  # answers of the embedded model are there at once
    assert "left" not in text(header.header(view, "demo", 0.3, 120))
    assert "412/1634" in text(header.header(view, "n" * 60, None, 60))


def test_the_bar_goes_before_the_numbers() -> None:
    view = small_view()
    view.apply_status(status("running", seconds_left=190.0), "running")
    shown = [text(header.header(view, "demo", None, cells)) for cells in range(120, 30, -1)]
    assert all("0/5449" in line for line in shown)
    assert "left" in shown[0]
    assert "░" * 20 in shown[0]
    assert "░" in shown[-40]
    assert "░" not in shown[-1]


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("pausing", "pausing, 8 answers in flight"),
        ("paused", "PAUSED"),
        ("died", "died · R resumes"),
        ("quiet", "quiet · R resumes"),
        ("done", "done"),
    ],
)
def test_the_state_is_as_acknowledged(state: str, words: str) -> None:
    view = small_view()
    view.apply_status(status(state), state)
    assert text(header.state_words(view)) == words


def test_the_situation_tells_what_is_under_way() -> None:
    view = small_view(chains=3)

    def told(read_only: bool = False, loading: float | None = None) -> str:
        return text(joined(header.situation(view, read_only=read_only, loading=loading)))

    assert told() == ""
    assert told(read_only=True, loading=0.25) == "reading the journal, 25% · read only"
    view.ask("x", "step")
    assert told() == "step: asked"
    view.apply([(0, CommandRecord(id="x", what="step", n=7, outcome="done"))])
    assert told() == "step: done, at decision 7"
    view.apply([(1, CommandRecord(id="x", what="step", n=7, outcome="refused", why="too late"))])
    assert told() == "step: refused: too late"
    view.latest = None
    view.apply_status(status("paused", why="paused by command"), "paused")
    view.problem = "The journal is damaged."
    assert told() == "The journal is damaged. · paused by command"
    view.problem = ""
    view.apply_status(status("running", why="", throttle_seconds=20.0), "running")
    assert "20 s to be watched, B for full speed" in told()
    view.apply([(2, decision(0, chain=0, items=[0])), (3, decision(1, chain=2, items=[0]))])
    assert "shown: chain 0 of 2, in the lead" in told()
    view.apply([(4, CommandRecord(id="y", what="skip", n=2, outcome="done"))])
    assert "the next decision will be skipped" in told()


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.0, "just now"),
        (59.9, "just now"),
        (60.0, "1 minute ago"),
        (7300.0, "2 hours ago"),
        (86400.0, "1 day ago"),
        (1e9, "11574 days ago"),
    ],
)
def test_how_long_ago(seconds: float, words: str) -> None:
    assert ago(seconds) == words


def test_why_a_server_paused_a_run_is_told_also_behind_a_command() -> None:
    view = small_view()
    view.ask("x", "resume")
    view.apply([(0, CommandRecord(id="x", what="resume", n=0, outcome="done"))])
    view.apply_status(status("paused", why="The server wants money."), "paused")
    parts = header.situation(view, read_only=False, loading=None)
    assert [text(part) for part in parts] == ["resume: done, at decision 0", "The server wants money."]
    view.apply_status(status("paused", why="paused by command"), "paused")
    assert len(header.situation(view, read_only=False, loading=None)) == 1


# Labels


def labelled_view() -> RunView:
    view = small_view()
    view.apply(
        [
            (0, context(0)),
            (1, answer(0, 0, [-0.07, -2.71])),
            (2, decision(0, phase="sweeps", items=[0], changes=[(0, None, 0)])),
            (3, decision(1, phase="sweeps", items=[1], changes=[(1, None, 0)])),
            (4, decision(2, phase="sweeps", items=[1], changes=[(1, 0, 1)])),
            (5, CommandRecord(id="p", what="pin", args={"item": 1, "label": "B"}, n=3, outcome="done")),
        ]
    )
    return view


def test_a_row_tells_label_probability_odds_and_flips() -> None:
    view = labelled_view()
    assert text(labels.heading(view, 64)).split() == ["#", "label", "p", "log-odds", "flips", "text"]
    assert text(labels.row(view, 0, 80)).split() == ["0", "A", ".93", "+2.6", "0", "text", "0"]
    assert text(labels.row(view, 1, 80)).split() == ["1", "B", "P", "FLIP", "1", "text", "1"]
    assert text(labels.row(view, 2, 80)).split() == ["2", "·", "0", "text", "2"]
    assert "+2.6" not in text(labels.row(view, 0, 60))
    assert text(labels.row(view, 1, 40)).split() == ["1", "B", "P", "FLIP", "text", "1"]


@pytest.mark.parametrize("names", [["A", "B"], ["漢字", "B"], ["\x1b[31mred", "e\u0301" * 8]])
def test_columns_are_below_their_headings_for_any_labels(names: list[str]) -> None:
    view = labelled_view()
    view.label_names = names
    heading = labels.heading(view, 100)
    at = text(heading).index("text")
    for item in range(4):
        row = labels.row(view, item, 100)
        assert text(row).endswith(f"text {item}".ljust(100 - at))


def test_a_flip_is_late_for_a_twentieth_of_the_run() -> None:
    view = labelled_view()
    assert labels.is_late_flip(view, 1)
    assert not labels.is_late_flip(view, 0)
    assert not labels.is_late_flip(view, 3)
    view.n = 23
    assert not labels.is_late_flip(view, 1)
    view.n = 10_000
    view.shown.change(0, 9_500, 1)
    assert labels.is_late_flip(view, 0)
    view.n = 10_001 + 20
    assert not labels.is_late_flip(view, 0)


def test_the_title_counts_labels_and_matches() -> None:
    left, right = labels.title(labelled_view(), 1, "flips", "label=B")
    assert text(left) == "3 labels  2 of 4 labelled · A 1 B 1"
    assert text(right) == "1 match / label=B, esc clears · o sort: flips"
    view = labelled_view()
    view.apply([(9, decision(4, items=[2, 3], changes=[(2, None, 0), (3, None, 1)]))])
    assert text(labels.title(view, 4, "number", "")[0]) == "3 labels  all 4 labelled · A 2 B 2"


# The log


@pytest.mark.parametrize("kind", KINDS)
def test_every_record_of_a_run_has_a_line_that_names_its_items(kind: str, finished: Finished) -> None:
    view = full_view(finished(kind))
    by_offset = dict(records_of(finished(kind)))
    shown = [
        (by_offset[offset], text(log.record_line(view, by_offset[offset])))
        for offset in view.log.entries
        if offset >= 0
    ]
    assert len(shown) == sum(not isinstance(record, AnswerRecord) for record, _ in shown)
    for record, line in shown:
        assert "cannot be read" not in line
        if isinstance(record, DecisionRecord):
            assert line.startswith(f"{record.n:>5}  ")
            if record.phase not in ("seeds", "selection"):
                for item, before, after in record.changes[:6]:
                    assert f"{item} {log.change_words(view, before, after)}" in line
                flipped = any(None not in change for change in record.changes[:6])
                assert ("FLIP" in line) == (flipped and not record.overridden)


def test_the_lines_of_decisions() -> None:
    view = small_view(chains=2)
    made = decision(411, phase="sweeps", items=[0, 1], changes=[(0, 1, 0)])
    made.options = [Option([0, 1], 0.8), Option([1, 0], 0.2)]
    assert text(log.record_line(view, made)).split() == [
        "411",
        "T",
        ".100",
        "0",
        "B→A",
        "1",
        "B",
        "+0.8",
        "over",
        "+0.2",
        "FLIP",
    ]
    made.changes = []
    assert text(log.record_line(view, made)).split()[-1] == "kept"
    made.accepted = False
    assert text(log.record_line(view, made)).split()[-1] == "refused"
    made.overridden = True
    assert text(log.record_line(view, made)).endswith("AS A PERSON SAID")
    made.chosen = 9
    assert "over" not in text(log.record_line(view, made))
    many = decision(1, items=list(range(9)))
    assert "and 3 more" in text(log.record_line(view, many))
    assert text(log.record_line(view, decision(0, phase="seeds", chain=1, items=[0, 1]))).endswith(
        "chain 1 begins with 2 labels at random"
    )
    label_bias = decision(2, phase="label_bias", score={"label_bias_0": 0.31, "label_bias_1": -0.31})
    assert "label bias: A +0.31  B \u22120.31 nats" in text(log.record_line(view, label_bias))
    assert text(log.record_line(view, decision(3, phase="selection", chain=1))).endswith(
        "chain 1 hangs together best and goes on"
    )


@pytest.mark.parametrize(
    ("record", "shown"),
    [
        (started(1.0), "── a runner goes on on h, process 1"),
        (StopRecord(state="paused", why="run.max_calls = 5"), "── paused: run.max_calls = 5"),
        (StopRecord(state="stopped"), "── stopped"),
        (
            EndpointRecord(endpoint=Endpoint(base_url="http://h", model="acme/tiny", kind="chat", provider="nebius")),
            "── asks acme/tiny by chat, held to nebius",
        ),
        (
            EndpointRecord(endpoint=Endpoint(base_url="gguf:0f", model="", kind="completions")),
            "── asks the model file by completions",
        ),
        (ErrorRecord(what="the disk is full"), "ERROR the disk is full"),
        (DoneRecord(decisions=3, calls=9), "── done: 3 decisions, 9 calls"),
        (
            ReaskRecord(item=7, context_id=0, n=12, call=0, logprobs=[-0.1, -2.0]),
            "   12  asked again about 7: A \u22120.10  B \u22122.00",
        ),
        (
            ReaskRecord(item=7, context_id=0, n=12, call=0, logprobs=None, failed="no"),
            "   12  asked again about 7: no answer",
        ),
        (CommandRecord(id="", what="to", args={"n": 500}, n=3, outcome="done"), "── to 500 · done"),
        (
            CommandRecord(id="", what="skip", n=3, outcome="refused", why="too late"),
            "── skip · refused: too late",
        ),
        (
            CommandRecord(id="", what="pin", args={"item": 7, "label": "A", "note": "x"}, n=3, outcome="done"),
            "── pin 7 to A (x) · done",
        ),
        (
            CommandRecord(id="", what="pin", args={"item": 7, "label": None}, n=3, outcome="done"),
            "── pin of 7 taken off · done",
        ),
        (None, "this record cannot be read"),
    ],
)
def test_the_lines_of_other_records(record: AnyRecord | None, shown: str) -> None:
    assert text(log.record_line(small_view(), record)) == shown


def test_a_line_of_reasoning_is_marked() -> None:
    assert text(log.explanation_line("it repeats")) == "┊ it repeats"


# Accuracy and profile


def test_coherence_flips_temperature_rules_and_shares_are_told(finished: Finished) -> None:
    view = full_view(finished("all"))
    view.apply_status(status("done", violations=2), "done")
    shown = text(accuracy.coherence(view, 200))
    bits = view.coherence[view.chain]
    assert bits is not None
    assert shown.startswith(f" coherence {fraction(bits)} bits ")
    passes = view.curves[view.chain].sweeps.counts()
    assert f"flips a sweep {passes[0]} → {passes[-1]}" in shown
    assert f"T {fraction(view.temperature.last, 3)}" in shown
    assert "broken rules 2" in shown
    assert f"A {100 * view.shown.counts[0] / len(view.items):.0f}%" in shown
    assert text(accuracy.coherence(view, 40)).startswith(" coherence ")
    assert "broken" not in text(accuracy.coherence(view, 40))
    assert "not measured yet" in text(accuracy.coherence(small_view(), 80))


@pytest.mark.parametrize("kind", ["paper", "fork"])
def test_methods_without_coherence_tell_their_energy(kind: str, finished: Finished) -> None:
    view = full_view(finished(kind))
    assert text(accuracy.coherence(view, 120)).startswith(f" energy {signed(view.curves[view.chain].energy.last, 2)} ")
    assert "coherence" not in text(accuracy.brief(view, None, hidden="", cells=80))


def test_gold_columns_are_told_or_why_not() -> None:
    view = small_view()
    shown = [text(accuracy.gold_line(name, column, (), 120)) for name, column in report().columns.items()]
    assert shown == [
        " truth .84 [.82 .86] · majority .50 · n 1204 cover .74 · balanced .84 · MCC .68 · as the fork prints it .84"
    ]
    changed = report(flipped=True, ci95=None, coverage=1.0).columns
    flipped = [accuracy.gold_line(name, column, (), 70) for name, column in changed.items()]
    assert text(flipped[0]) == " truth .84 · majority .50 · n 1204 · sign flipped · balanced .84"
    assert accuracy.no_gold(None, hidden="") == "comparing with gold"
    assert accuracy.no_gold(report(), hidden="this run is blind") == "this run is blind"
    assert "no gold column" in accuracy.no_gold(msgspec.structs.replace(report(), columns={}), hidden="")
    assert accuracy.no_gold(report(), hidden="") == ""
    assert "truth .84" in text(accuracy.brief(view, report(), hidden="", cells=80))
    assert "truth" not in text(accuracy.brief(view, report(), hidden="blind", cells=80))


def test_the_profile_tells_what_is_set_section_by_section() -> None:
    shown = [text(line).rstrip() for line in profile_lines(small_view().profile)]
    assert shown[0] == " task"
    assert "   dataset       file" in shown
    assert "   shots         all" in shown
    assert not any("None" in line for line in shown)
    assert "   blind         no" in shown
    assert "   labels        A, B" in shown
