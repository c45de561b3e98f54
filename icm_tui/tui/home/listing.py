"""The list of runs and profiles: its rows, what can be done with each, and the lines that show them."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec

from icm_tui.text import disk_size
from icm_tui.tui.text.cells import Line, Span, fit, line, rule, span, spread, width, wrap
from icm_tui.tui.text.cells import Style as Look
from icm_tui.tui.text.numbers import fraction

if TYPE_CHECKING:
    from icm_tui.run_dir.listing import RunSummary

if TYPE_CHECKING:
    from icm_tui.run_dir.listing import RunSummary

Keys = Callable[[str], str]
"""The key of an action, as it is shown, by the action's id."""

RESUMABLE = ("died", "quiet", "stopped", "failed")
"""The states of a run that can be given a new runner."""

_OPENS = "{open} opens it"
_OF_STATE = {
    "starting": _OPENS,
    "running": _OPENS,
    "pausing": _OPENS,
    "stopping": _OPENS,
    "paused": f"{_OPENS}, and there it can go on",
    "done": "{open} shows its labels",
    "stopped": "it was ended cleanly: {resume} goes on where it was",
    "failed": "{open} shows why; {resume} tries to go on where it was",
    "died": "its process is gone, and nothing that was answered is lost: {resume} goes on where it was",
    "quiet": "its runner is on another host, or gone: {resume} waits for a sign of it and goes on if there is none",
}


class Startable(msgspec.Struct, frozen=True):
    """A profile of the list. `at_once` if a start costs nothing, `watched` if it is slowed down to be watched;
    `error` tells all that is wrong with its file."""

    name: str
    path: Path
    own: bool
    dataset: str = ""
    method: str = ""
    model: str = ""
    at_once: bool = False
    watched: bool = False
    error: str = ""


class Listing(msgspec.Struct, frozen=True):
    """The runs, the latest first, and the profiles by name."""

    runs: Sequence["RunSummary"] = ()
    profiles: Sequence[Startable] = ()

    @property
    def live(self) -> int:
        """How many runs have a runner."""
        from icm_tui.run_dir.status import LIVE  # the list is drawn before runs are read

        return sum(run.state in LIVE for run in self.runs)


class Row(msgspec.Struct, frozen=True):
    """A line of the list: words, a heading, a run or a profile. `key` is the same for the same thing whenever the list
    is read."""

    kind: Literal["words", "heading", "run", "profile"]
    key: str
    text: str = ""
    run: "RunSummary | None" = None
    profile: Startable | None = None

    @property
    def rests(self) -> bool:
        """Whether the cursor may rest on it."""
        return self.kind in ("run", "profile")


def run_key(path: Path | str) -> str:
    """The key of the row of a run."""
    return f"run {path}"


def rows(listing: Listing, starting: str, keys: Keys) -> list[Row]:
    """The lines of the list. If there are no runs, three lines say what this is; `starting` is the name of what is
    on its way to a runner."""
    listed: list[Row] = []
    if listing.runs or starting:
        listed.append(Row("heading", "runs", "runs"))
        if starting:
            listed.append(Row("words", "starting", f"starting {starting} …"))
        listed += [Row("run", run_key(run.path), run=run) for run in listing.runs]
    else:
        listed += [Row("words", f"welcome {number}", text) for number, text in enumerate(_welcome(keys))]
    listed.append(Row("words", "gap"))
    listed.append(Row("heading", "profiles", "profiles"))
    listed += [Row("profile", f"profile {profile.path}", profile=profile) for profile in listing.profiles]
    return listed


def place(listed: Sequence[Row], key: str | None, near: int) -> int:
    """Where the cursor belongs: on the row of `key`, else as close below `near` as it may rest. Without a key it is the
    latest run, or the demo if there are no runs."""
    for index, row in enumerate(listed):
        if key is None and row.profile is not None and row.profile.name == "demo":
            return index
        if row.key == key or (key is None and row.run is not None):
            return index
    return rest(listed, near, 1)


def rest(listed: Sequence[Row], index: int, step: int) -> int:
    """The nearest row from `index` on, in the direction of `step` (1 or -1), that the cursor may rest on; if there
    is none, the nearest in the other direction."""
    for direction in (step, -step):
        place = min(index, len(listed) - 1)
        while 0 <= place < len(listed):
            if listed[place].rests:
                return place
            place += direction
    return 0


def advice(row: Row | None, keys: Keys, *, read_only: bool) -> str:
    """What can be done with a row, in words with the keys; for a profile that cannot be read, all that is wrong."""
    named = {name: keys(f"runs.{name}") for name in ("open", "edit", "resume")}
    if row is not None and row.run is not None:
        return f"{row.run.state}: {_OF_STATE.get(row.run.state, _OPENS).format(**named)}"
    if row is not None and row.profile is not None:
        return _of_profile(row.profile, named, read_only=read_only)
    return ""


def _of_profile(profile: Startable, named: dict[str, str], *, read_only: bool) -> str:
    if profile.error:
        return profile.error
    if read_only:
        return "this viewer only reads, so it starts nothing"
    if not profile.at_once:
        return f"{named['open']} shows what it would cost, and starts it from there"
    slowed = ", slowed down so that you can watch" if profile.watched else ""
    return f"{named['open']} starts it at no cost{slowed}; {named['edit']} edits its settings first"


def _welcome(keys: Keys) -> tuple[str, ...]:
    return (
        "icm-tui labels texts without being told any right label.",
        "A model is asked which label comes next, over and over,",
        f"until all labels agree. {keys('runs.open')} starts the demo: no key, no cost.",
    )


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
    """A text wrapped into at most `most` lines; of a longer one the end is shown, which has the reason."""
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
