"""The screen of what a profile's model can do: asked once it is opened, each finding with its remedy."""

from collections.abc import Awaitable, Callable
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.screen import Screen
from textual.widgets import Footer

from icm_tui.commands.json import Diagnosis
from icm_tui.domain.reply import Finding
from icm_tui.tui.children import Failed
from icm_tui.tui.text.cells import Line, Style, fit, joined, line, rule, span, wrap
from icm_tui.tui.text.numbers import dollars
from icm_tui.tui.widgets.bindings import bindings
from icm_tui.tui.widgets.line_list import LineList
from icm_tui.tui.widgets.line_view import LineView

Ask = Callable[[], Awaitable[Diagnosis | Failed]]


class DoctorScreen(Screen[None]):
    """Shows what `ask` tells of the model of the profile `name`. Leaving ends the asking."""

    DEFAULT_CSS = "DoctorScreen LineList { height: 1fr; }"
    BINDINGS: ClassVar[list[BindingType]] = bindings("doctor")
    AUTO_FOCUS = "#findings"

    def __init__(self, name: str, ask: Ask) -> None:
        super().__init__()
        self._profile = name
        self._asks = ask
        self._told: Diagnosis | Failed | None = None
        self._lines: list[Line] = []

    def compose(self) -> ComposeResult:
        """The title and the findings."""
        yield LineView(lambda cells, _: [title(self._profile, self._told, cells)], id="title")
        yield LineList(lambda: len(self._lines), lambda at, _: self._lines[at], id="findings")
        yield Footer(compact=True, show_command_palette=False)

    def on_mount(self) -> None:
        """Ask at once."""
        self._ask()

    def on_resize(self) -> None:
        """Lines are made for a width."""
        self._show(self._told)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """While it is being asked there is no asking again."""
        return action != "again" or self._told is not None

    def action_again(self) -> None:
        """Ask once more."""
        self._show(None)
        self._ask()

    @work(group="asking", exclusive=True)
    async def _ask(self) -> None:
        self._show(await self._asks())

    def _show(self, told: Diagnosis | Failed | None) -> None:
        before, self._told = self._told, told
        # One column goes to the scrollbar.
        self._lines = doctor_lines(told, max(1, self.size.width - 1))
        rows = self.query_one(LineList)
        if before is not told:
            rows.move_to(0)
            self.refresh_bindings()
        rows.redraw()
        self.query_one("#title", LineView).redraw()


ASKING = "asking …"

_SIGNS: dict[str, tuple[str, Style]] = {
    "ok": ("✓ ok", "accent"),
    "note": ("! note", "second"),
    "bad": ("✗ bad", "warn"),
}
_SIGN, _LONGEST_NAME, _LEAST = 9, 14, 24
_SMALLEST_COST = 0.0001


def title(name: str, told: Diagnosis | Failed | None, cells: int) -> Line:
    """The title's rule: whose model it is, and what was found in short."""
    return rule(line(span("doctor", "title"), span(f" · {name}", "dim")), _verdict(told), cells)


def doctor_lines(told: Diagnosis | Failed | None, cells: int) -> list[Line]:
    """The whole diagnosis in `cells`; why there is none; or, for None, that the model is being asked."""
    if told is None:
        return _wrapped("Asking the model a few questions. Esc stops that and goes back.", cells, "dim")
    if isinstance(told, Failed):
        return _wrapped(told.why, cells, "warn")
    lines: list[Line] = []
    if told.endpoint is not None:
        at = told.endpoint
        parts = [f"{at.model} at {at.base_url}", at.provider, at.kind, f"{at.top_logprobs} alternatives asked for"]
        lines += [*_wrapped(" · ".join(part for part in parts if part), cells), ()]
    longest = min(_LONGEST_NAME, max((len(finding.name) for finding in told.findings), default=0))
    for finding in told.findings:
        lines += _finding(finding, longest, cells)
    if told.known_limits:
        lines += [(), rule(line(span("known of this server", "dim")), (), cells)]
        for limit in told.known_limits:
            lines += _wrapped(limit, cells)
    if told.calls:
        lines += [(), *_wrapped(f"asked {told.calls} times, {_cost(told.cost_usd)}", cells)]
    return lines


def _verdict(told: Diagnosis | Failed | None) -> Line:
    if told is None:
        return line(span(ASKING, "second"))
    if isinstance(told, Failed):
        return line(span("not asked", "warn"))
    counts = {state: sum(finding.state == state for finding in told.findings) for state in ("bad", "note")}
    named = {"bad": "bad", "note": "notes" if counts["note"] > 1 else "note"}
    can = span("a run can be made", "accent") if told.fit else span("no run can be made", "warn")
    return joined([line(can), *(line(f"{number} {named[state]}") for state, number in counts.items() if number)])


def _finding(finding: Finding, longest: int, cells: int) -> list[Line]:
    sign, style = _SIGNS[finding.state]
    start = line(span(f" {sign}", style))
    name = span(finding.name)
    room = cells - _SIGN - longest - 2
    if room < _LEAST:
        # On its own line, what it says below it.
        return [line(*start, " ", name), *_wrapped(finding.says, cells), *_remedy(finding, 0, cells)]
    start = (*fit(start, _SIGN), *fit((name,), longest), span("  "))
    blank = fit((), _SIGN + longest + 2)
    says = [(*(blank if row else start), span(piece)) for row, piece in enumerate(wrap(finding.says, room))]
    return [*says, *_remedy(finding, _SIGN + longest + 2, cells)]


def _remedy(finding: Finding, indent: int, cells: int) -> list[Line]:
    if not finding.remedy:
        return []
    blank, arrow = fit((), max(1, indent)), span("→ ", "second")
    pieces = wrap(finding.remedy, cells - max(1, indent) - 2)
    return [(*blank, *((span("  "),) if row else (arrow,)), span(piece)) for row, piece in enumerate(pieces)]


def _cost(amount: float | None) -> str:
    if amount is None:
        return "cost unknown"
    return f"under ${_SMALLEST_COST}" if 0 < amount < _SMALLEST_COST else dollars(amount)


def _wrapped(text: str, cells: int, style: Style = "plain") -> list[Line]:
    return [line(span(f" {piece}", style)) for piece in wrap(text, cells - 2)]
