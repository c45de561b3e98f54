from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from icm_tui.tui.run.log import Explanation, Log, LogRows, Row
from icm_tui.tui.text.cells import wrap

TEXTS = st.text(st.sampled_from("ab 漢\n"), max_size=60)


class Entry(NamedTuple):
    """A record, or a thought whose text comes in two parts, the second of them after the first count (or never)."""

    explanation: bool
    first: str
    second: str
    late: bool
    ends: bool


ENTRIES = st.lists(st.builds(Entry, st.booleans(), TEXTS, TEXTS, st.booleans(), st.booleans()), max_size=12)


def lines(explanation: Explanation, width: int) -> list[str]:
    return wrap(f"{explanation.n} on {explanation.item}, {explanation.speaker}: {explanation.text}", max(8, width - 2))


def plain_rows(log: Log, texts: dict[int, Explanation], open_calls: list[int], width: int) -> list[tuple[int, str]]:
    """Every row by going through the entries one after another."""
    rows: list[tuple[int, str]] = []
    explanations = iter(log.explanations)
    for entry in log.entries:
        if entry >= 0:
            rows.append((entry, ""))
        elif (explanation := texts.get(next(explanations))) is not None:
            rows.extend((-1, text) for text in lines(explanation, width))
    for call in open_calls:
        rows.extend((-1, text) for text in lines(texts[call], width))
    return rows


def shown(rows: LogRows, count: int) -> list[tuple[int, str]]:
    def text(row: Row) -> str:
        return rows.lines(row.explanation)[row.line] if row.explanation is not None else ""

    return [(row.offset, text(row)) for row in map(rows.row, range(count))]


@given(entries=ENTRIES, width=st.integers(5, 40), opened=TEXTS)
def test_log_rows_equal_those_of_a_plain_list(entries: list[Entry], width: int, opened: str) -> None:
    log, texts = Log(), dict[int, Explanation]()
    rows = LogRows(log, texts, width)
    assert rows.update([]) == 0
    for number, entry in enumerate(entries):
        if not entry.explanation:
            log.add_record(number * 100)
            continue
        if entry.first:
            texts[number] = Explanation(number, 3, 7, "who", entry.first, entry.ends and not entry.late)
        log.add_explanation(number)
        if number % 2:
            rows.update([])
    assert shown(rows, rows.update([])) == plain_rows(log, texts, [], width)
    for number, entry in enumerate(entries):
        if entry.explanation and entry.late:
            known = texts.get(number, Explanation(number, 3, 7, "who", ""))
            texts[number] = known._replace(text=known.text + entry.second, ended=entry.ends)
    log.add_record(999)
    texts[77] = Explanation(77, 1, 2, "who", opened)
    assert shown(rows, rows.update([77])) == plain_rows(log, texts, [77], width)
    texts[77] = texts[77]._replace(text=opened + " and more")
    assert shown(rows, rows.update([77])) == plain_rows(log, texts, [77], width)
    log.add_explanation(77)
    log.add_record(1000)
    count = rows.update([])
    assert shown(rows, count) == plain_rows(log, texts, [], width)
    again = LogRows(log, texts, width)
    assert again.update([]) == count


def test_log_rows_of_an_explanation_name_speaker_and_item() -> None:
    log, texts = Log(), {0: Explanation(0, 77, 410, "embedded model", "it repeats a common belief", ended=True)}
    log.add_explanation(0)
    rows = LogRows(log, texts, 80)
    assert rows.update([]) == 1
    row = rows.row(0)
    assert row == (-1, texts[0], 0)
    assert rows.lines(texts[0]) == ["410 on 77, embedded model: it repeats a common belief"]


def test_log_rows_cut_a_very_long_explanation() -> None:
    explanation = Explanation(0, 1, 2, "who", "x " * 100_000)
    found = LogRows(Log(), {0: explanation}, 80).lines(explanation)
    assert found[-1].endswith("…")
    assert sum(map(len, found)) < 70_000


def test_log_rows_leave_out_a_stream_without_text() -> None:
    log = Log()
    log.add_record(5)
    assert LogRows(log, {}, 80).update([3]) == 1
