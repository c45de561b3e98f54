"""The header of a run: what it is, how far it has come, what it costs; and the line that says what is under way."""

from icm_tui.tui.home.listing import RESUMABLE
from icm_tui.tui.run.view import RunView
from icm_tui.tui.text.cells import Line, fit, joined, line, span, spread, width
from icm_tui.tui.text.numbers import dollars, duration

_TOLD_FOR = 300
# Why a run is paused if a command did it; what came of the command says so already.
_BY_COMMAND = "paused "
_FEWEST_BAR, _MOST_BAR = 6, 24
_LEAST_NAME = 12
# A space in front, a dot behind the name, two spaces before what is at the right.
_MARGINS = 6


def header(view: RunView, name: str, loading: float | None, cells: int) -> Line:
    """One line of exactly `cells`: name, method, state; decisions with a bar; in flight, spent, time left. What does
    not fit goes, the state last."""
    called, known = line(span(name, "bold")), joined([line(view.profile.search.method), state_words(view)])
    details = _details(view, loading)
    bars = (max(_FEWEST_BAR, min(_MOST_BAR, cells // 6)), _FEWEST_BAR, 0)
    choices = [(bars[0], details[:count]) for count in range(len(details), 0, -1)] + [(bar, []) for bar in bars]
    for bar, shown in choices:
        right = line(*joined([_progress(view, bar), *shown], "   "), " ")
        room = min(cells - width(known) - width(right) - _MARGINS, width(called))
        if room >= min(_LEAST_NAME, width(called)):
            return spread(line(" ", *joined([fit(called, room), known])), right, cells)
    return status_line(view, name, cells)


def state_words(view: RunView) -> Line:
    """The state as acknowledged, and what it waits for."""
    status, state = view.status, view.state
    if state in ("pausing", "stopping") and status is not None:
        return line(span(f"{state}, {status.in_flight} answers in flight", "second"))
    if state in RESUMABLE:
        return line(span(state, "warn"), span(" · R resumes", "second"))
    if state == "paused":
        return line(span("PAUSED", "second"))
    return line(span(state, "accent"))


def situation(view: RunView, *, read_only: bool, loading: float | None) -> list[Line]:
    """What is under way, each thing for itself: the last command and what came of it, why the run is paused, what slows
    it."""
    parts: list[Line] = []
    if view.problem:
        parts.append(line(span(view.problem, "warn")))
    if loading is not None:
        parts.append(line(span(f"reading the journal, {loading:.0%}", "second")))
    told = _latest_command(view)
    if told:
        parts.append(told)
    status = view.status
    why = status.why if status is not None and view.state not in ("running", "done") else ""
    if why and not (told and why.startswith(_BY_COMMAND)):
        parts.append(line(why))
    if view.state == "done":
        parts.append(line("the labels are final; `icm-tui export` writes them to a file"))
    if view.skips_next:
        parts.append(line(span("the next decision will be skipped", "second")))
    if status is not None and status.throttle_seconds and view.state == "running":
        parts.append(line(f"slowed to {status.throttle_seconds:g} s to be watched, B for full speed"))
    if view.in_tournament:
        parts.append(line(f"shown: chain {view.chain} of {len(view.chains)}, in the lead"))
    if read_only:
        parts.append(line(span("read only", "second")))
    return parts


def needs_reading(view: RunView) -> bool:
    """Whether the situation is to be read to its last word: if the run does not go on, or cannot be read."""
    return view.state != "running" or bool(view.problem)


def _latest_command(view: RunView) -> Line:
    """The last command and what came of it, until the run is well past it."""
    if view.latest is None:
        return ()
    ask = view.sent[view.latest]
    if not ask.outcome:
        return line(span(f"{ask.what}: asked", "second"))
    if view.n - ask.n > _TOLD_FOR:
        return ()
    why = f": {ask.why}" if ask.why else f", at decision {ask.n}"
    return line(span(f"{ask.what}: {ask.outcome}{why}", "warn" if ask.outcome == "refused" else "accent"))


def status_line(view: RunView, name: str, cells: int) -> Line:
    """All there is room for on a very small terminal, in exactly `cells`: state, progress, name."""
    return fit(line(" ", *state_words(view), f" {view.n}/{_total(view)} {name}"), cells)


def _progress(view: RunView, bar: int) -> Line:
    total = _total(view)
    if not total:
        return ()
    part = min(1.0, view.n / total)
    full = round(part * bar)
    return line(
        f"{view.n}/{total} ", span("▓" * full, "accent"), span("░" * (bar - full), "dim"), f" {int(part * 100)}%"
    )


def _total(view: RunView) -> int:
    return max(view.status.decisions if view.status else 0, view.n)


def _details(view: RunView, loading: float | None) -> list[Line]:
    status = view.status
    if status is None:
        return []
    details: list[Line] = []
    if view.state == "running" and status.seconds_left is not None and loading is None:
        details.append(line(f"{duration(status.seconds_left)} left"))
    budget = view.profile.run.budget_usd
    if status.spent_usd or budget is not None:
        of = f" of {budget:.2f}" if budget is not None else ""
        details.append(line(f"{dollars(status.spent_usd)}{of}"))
    if view.state == "running" and status.in_flight and view.profile.model.backend != "embedded":
        details.append(line(f"{status.in_flight} in flight"))
    return details
