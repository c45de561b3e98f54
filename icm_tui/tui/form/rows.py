"""The lines of the profile form: what is set, what holds otherwise, and what is wrong, each beside its field."""

from icm_tui.commands.json import Expected, LastProbe
from icm_tui.text import ago
from icm_tui.tui.form.draft import Checked, Draft
from icm_tui.tui.form.values import Field, Section, fields
from icm_tui.tui.text.cells import Line, Style, fit, joined, line, rule, span, width, wrap

Row = Section | Field

ROWS: list[Row] = []
for _section in fields():
    ROWS += [_section, *_section.fields]

VALUE_AT = 17
"""The column at which values begin."""

FROZEN = "this run's settings are frozen; changes go to a new run"

_MOST_GENERAL = 3


def find(wanted: str, start: int) -> int | None:
    """The row of the first field from row `start` on, then from the top, whose name has the text `wanted` in it."""
    wanted = wanted.strip().lower()
    if not wanted:
        return None
    order = [*range(start, len(ROWS)), *range(start)]
    names = {index: (row.name, f"{row.section}.{row.name}") for index in order if isinstance(row := ROWS[index], Field)}
    begins = [index for index, (name, _) in names.items() if name.startswith(wanted)]
    holds = [index for index, (_, dotted) in names.items() if wanted in dotted]
    return next(iter(begins + holds), None)


def turned(field: Field, text: str, step: int) -> str:
    """The text of the next choice after `text` (`step` 1) or the one before it (-1); empty for the default."""
    choices = [field.initial, *(choice for choice in field.choices if choice != field.initial)]
    shown = text or field.initial
    at = (choices.index(shown) + step) % len(choices) if shown in choices else 0
    return "" if at == 0 else choices[at]


def row_line(row: Row, draft: Draft, checked: Checked, cells: int) -> Line:
    """A section's title rule, or a field: its name, its value or its default, and its range or what is wrong."""
    if isinstance(row, Section):
        return rule(line(span(row.name, "title")), line(span(row.title, "dim")), cells)
    fault = checked.faults.get(row.key)
    is_set = row.key in draft.texts
    name = fit(line(span("• " if is_set else "  "), row.name), VALUE_AT)
    value = _value(row, draft, checked)
    room = min(40, max(14, (cells - VALUE_AT) * 2 // 5))
    if fault is not None:
        return (*name, *fit(value, min(room, width(value))), span("  "), span(f"✗ {fault}", "warn"))
    hint = "has no effect with these settings" if row.key in checked.idle else row.range
    return (*name, *fit(value, room), span("  "), span(hint, "dim"))


def detail_lines(field: Field, checked: Checked, cells: int, height: int) -> list[Line]:
    """What there is to say of a field in `height` lines: its fault in full, and what it is for."""
    title = line(span(f"{field.section}.{field.name}", "title"))
    lines = [rule(title, line(span(_told(field, checked), "dim")), cells)]
    fault = checked.faults.get(field.key)
    if fault is not None:
        lines += _wrapped(f"✗ {fault}", "warn", cells)
    return [*lines, *_wrapped(field.description, "plain", cells)][:height]


def head_lines(title: str, draft: Draft, checked: Checked, frozen: bool, cells: int) -> list[Line]:
    """The title with the draft's state, and below it what belongs to no field."""
    state = joined(
        [
            line(span("frozen", "second")) if frozen else (),
            line(span("not saved", "second")) if draft.dirty else (),
            line(span(f"{checked.count} to mend", "warn")) if checked.count else (),
        ]
    )
    lines = [rule(line(span(title, "bold")), state, cells)]
    if frozen:
        lines.append(line(span(FROZEN, "second")))
    lines += [line(span(f"✗ {fault}", "warn")) for fault in checked.general[:_MOST_GENERAL]]
    if len(checked.general) > _MOST_GENERAL:
        lines.append(line(span(f"✗ and {len(checked.general) - _MOST_GENERAL} more; E edits the text", "warn")))
    return lines


def _value(field: Field, draft: Draft, checked: Checked) -> Line:
    if field.key not in draft.texts:
        return line(span(checked.defaults.get(field.key, field.default), "dim"))
    if field.hide and field.key in checked.faults:
        return line(span("(not shown)", "accent"))
    return line(span(draft.texts[field.key], "accent"))


def _told(field: Field, checked: Checked) -> str:
    default = checked.defaults.get(field.key, field.default)
    return f"{field.range} · {default if default == 'needed' else f'default: {default}'}"


def _wrapped(text: str, style: Style, cells: int) -> list[Line]:
    return [line(span(piece, style)) for piece in wrap(text, cells)]


Outlook = Expected | str | None
"""What is expected; why that is not known; or nothing yet."""

COUNTING = "counting…"


def outlook_lines(outlook: Outlook, cells: int, height: int) -> list[Line]:
    """The expected calls, tokens, cost and minutes, or why they are not known, in at most `height` lines."""
    if outlook is None:
        return [line(span(COUNTING, "dim"))]
    if isinstance(outlook, str):
        return [line(span(piece, "warn")) for piece in wrap(outlook, cells)][:height]
    return [line(span(piece)) for piece in wrap(in_words(outlook), cells)][:height]


def in_words(expected: Expected) -> str:
    """The forecast in one line."""
    parts = [f"{expected.items:,} items", f"about {expected.calls:,} calls ({expected.calls_per_label:g} a label)"]
    if not expected.paid and expected.tokens_in:
        return " · ".join([*parts, f"{expected.tokens_in:,} tokens read on this machine, no cost"])
    if not expected.paid:
        return " · ".join([*parts, "answered in this program: no cost, no tokens"])
    parts.append(f"{expected.tokens_in:,} tokens read")
    parts.append(f"{_cost(expected)} at the listed price" if expected.cost_usd is not None else _cost(expected))
    if expected.minutes is not None:
        parts.append(f"{expected.minutes:,.0f} minutes" if expected.minutes >= 1 else "under a minute")
    return " · ".join(parts)


def probe_lines(probe_result: LastProbe | None, key: str, cells: int) -> list[Line]:
    """What the last probe of the endpoint said; without one, the key that asks."""
    if probe_result is None:
        return [line(span(f"not probed yet: {key} asks it", "dim"))]
    parts = [probe_result.provider, probe_result.kind, f"{probe_result.top_logprobs} alternatives asked for"]
    if probe_result.favoured is not None:
        parts.append(f"{probe_result.favoured} favoured by {probe_result.nats:.1f} nats")
    told = f"probed {ago(probe_result.age_s)}: {', '.join(part for part in parts if part)}"
    return [line(span(piece, "dim")) for piece in wrap(told, cells)][:2]


def question(expected: Expected) -> str:
    """What a person is asked before money is spent."""
    cost = _cost(expected) if expected.cost_usd is not None else "an unknown cost (model.price_in is not set)"
    return f"This run will make about {expected.calls:,} calls at {cost}. Start it?"


def _cost(expected: Expected) -> str:
    if expected.cost_usd is None:
        return "cost unknown: set model.price_in"
    return f"about ${expected.cost_usd:,.2f}"
