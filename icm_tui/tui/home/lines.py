"""The lines of the screen of runs. Pure: what is listed in, lines out."""

import time
from typing import TYPE_CHECKING

from icm_tui.text import disk_size
from icm_tui.tui.home.listing import RESUMABLE, Listing, Row, Startable
from icm_tui.tui.text.cells import Line, Span, fit, line, rule, span, spread, width, wrap
from icm_tui.tui.text.cells import Style as Look
from icm_tui.tui.text.numbers import fraction

if TYPE_CHECKING:
    from icm_tui.run_dir.listing import RunSummary

SMALLEST = (60, 16)
"""The columns and rows of the smallest terminal that has room for the list."""

_LONGEST_NAME = 44
_STATE = 9
_DECISION = 13
_COHERENCE = 9
_STARTED = 12
_METHOD = 6
_MODEL = 22
_DISK = 7


def header(listing: Listing | None, cells: int, *, read_only: bool) -> Line:
    """The top line: what this is, and how many runs there are."""
    if listing is None:
        counted = line(span("reading the runs", "dim"))
    else:
        counted = line(_counted(listing), span(f" · {listing.live} live", "dim"))
    only = (span("read only · ", "second"),) if read_only else ()
    return spread(line(span(" icm-tui", "title"), span(" · runs", "dim")), (*only, *counted, Span(" ")), cells)


def small(listing: Listing | None, cells: int) -> Line:
    """All there is room for on a very small terminal."""
    counted = f"{_counted(listing)}, {listing.live} live · " if listing is not None else ""
    return fit(line(f"{counted}the list needs {SMALLEST[0]}x{SMALLEST[1]}"), cells)


def row_line(row: Row, cells: int) -> Line:
    """One row of the list."""
    if row.run is not None:
        return _run(row.run, cells)
    if row.profile is not None:
        return _profile(row.profile, cells)
    if row.kind == "heading":
        return _heads(row.text, cells) if row.key == "runs" else rule(line(span(row.text, "title")), (), cells)
    return line(f"  {row.text}")


def told(text: str, look: Look, cells: int, most: int) -> list[Line]:
    """A text wrapped into at most `most` lines; of one that is longer the end is shown, where the reason stands."""
    return [line(span(f" {piece}", look)) for piece in wrap(text, cells - 2)[-most:]]


def _counted(listing: Listing) -> str:
    runs = len(listing.runs)
    return "1 run" if runs == 1 else f"{runs} runs"


def _run(run: "RunSummary", cells: int) -> Line:
    name = fit(line(f"  {run.name}"), _name_width(cells) + 2)
    coherence = "-" if run.coherence is None else f"{fraction(run.coherence)} bits"
    more = line(
        *(span(text, "dim") for text in (_date(run.started), run.method or "-", run.model or "-", disk_size(run.disk)))
    )
    return _in_columns(name, (span(run.state, _look(run.state)), *line(_decision(run), coherence), *more), cells)


def _heads(title: str, cells: int) -> Line:
    name = rule(line(span(title, "title")), (), _name_width(cells) + 2)
    heads = ("state", "decision", "coherence", "started", "method", "model", "disk")
    return _in_columns(name, tuple(span(head, "dim") for head in heads), cells)


def _in_columns(name: Line, parts: tuple[Span, ...], cells: int) -> Line:
    """A name and the seven columns behind it, as many as there is room for."""
    state, decision, coherence, started, method, model, disk = parts
    columns = [fit((state,), _STATE), _right(decision, _DECISION), _right(coherence, _COHERENCE)]
    if _has_date(cells):
        columns.append(fit((started,), _STARTED))
    if _has_all(cells):
        columns += [fit((method,), _METHOD), fit((model,), _MODEL), _right(disk, _DISK)]
    return tuple(part for column in (name, *columns) for part in (*column, Span("  ")))


def _profile(profile: Startable, cells: int) -> Line:
    name = fit(line(f"  {profile.name}"), _name_width(cells) + 2)
    kind = fit(line(span("own" if profile.own else "shipped", "dim")), _STATE)
    about = (
        line(span("has errors", "warn"))
        if profile.error
        else line(profile.dataset, span(f" · {profile.method} · {profile.model}", "dim"))
    )
    return (*name, Span("  "), *kind, Span("  "), *about)


def _has_date(cells: int) -> bool:
    return cells >= 76


def _has_all(cells: int) -> bool:
    return cells >= 110


def _name_width(cells: int) -> int:
    taken = 2 + _STATE + _DECISION + _COHERENCE + 4 * 2
    if _has_date(cells):
        taken += _STARTED + 2
    if _has_all(cells):
        taken += _METHOD + _MODEL + _DISK + 3 * 2
    return max(8, min(_LONGEST_NAME, cells - taken))


def _look(state: str) -> Look:
    if state in RESUMABLE:
        return "warn"
    return "plain" if state == "done" else "second" if state == "paused" else "accent"


def _right(part: Span, cells: int) -> Line:
    room = cells - width((part,))
    return (Span(" " * room), part) if room > 0 else fit((part,), cells)


def _decision(run: "RunSummary") -> str:
    return "-" if run.decision is None or run.decisions is None else f"{run.decision}/{run.decisions}"


def _date(started: float | None) -> str:
    return "-" if started is None else time.strftime("%b %d %H:%M", time.localtime(started))
