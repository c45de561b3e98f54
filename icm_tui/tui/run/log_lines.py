"""The log: a line a record, and streamed reasoning."""

from icm_tui.domain.decisions import PhaseName
from icm_tui.run_dir.records import (
    AnyRecord,
    CommandRecord,
    DecisionRecord,
    DoneRecord,
    EndpointRecord,
    ErrorRecord,
    ReaskRecord,
    StartRecord,
    StopRecord,
)
from icm_tui.tui.run.view import RunView
from icm_tui.tui.text.cells import Line, Span, Style, line, span
from icm_tui.tui.text.numbers import fraction, signed

_MOST_ITEMS = 6
_ITEMS_WIDTH = 22


def record_line(view: RunView, record: AnyRecord | None) -> Line:
    """A record in one line."""
    if isinstance(record, DecisionRecord):
        return _decision(view, record)
    if isinstance(record, CommandRecord):
        return _command(record)
    if isinstance(record, StartRecord):
        again = "a runner goes on" if record.seq else "a runner begins"
        return line(span(f"── {again} on {record.host}, process {record.pid}", "dim"))
    if isinstance(record, EndpointRecord):
        asked = record.endpoint
        held = f", held to {asked.provider}" if asked.provider else ""
        return line(span(f"── asks {asked.model or 'the model file'} by {asked.kind}{held}", "dim"))
    if isinstance(record, StopRecord):
        return line(span(f"── {record.state}: {record.why}" if record.why else f"── {record.state}", "second"))
    if isinstance(record, ErrorRecord):
        return line(span("ERROR ", "warn"), record.what)
    if isinstance(record, DoneRecord):
        return line(span(f"── done: {record.decisions} decisions, {record.calls} calls", "accent"))
    if isinstance(record, ReaskRecord):
        return line(
            span(f"{record.n:>5}  asked again about {record.item}: {logprobs(view, record.logprobs)}", "second")
        )
    return line(span("this record cannot be read", "warn"))


def explanation_line(text: str) -> Line:
    """A line of streamed reasoning."""
    return line(span("┊ ", "second"), span(text, "dim"))


def logprobs(view: RunView, found: list[float] | None) -> str:
    """The log-probability (nats) of every label."""
    if found is None:
        return "no answer"
    return "  ".join(f"{name} {signed(value, 2)}" for name, value in zip(view.label_names, found, strict=False))


def change_words(view: RunView, before: int | None, after: int | None) -> str:
    """A change of label in a few characters."""
    if before is None:
        return view.label_name(after)
    return f"{view.label_name(before)}→{view.label_name(after)}"


def _decision(view: RunView, record: DecisionRecord) -> Line:
    number = span(f"{record.n:>5}  ", "dim")
    if record.phase == PhaseName.SEEDS:
        return line(number, f"chain {record.chain} begins with {len(record.items)} labels at random")
    if record.phase == PhaseName.LABEL_BIAS:
        label_bias = [value for key, value in record.score.items() if key.startswith("label_bias_")]
        return line(number, f"label bias: {logprobs(view, label_bias)} nats, taken off every answer")
    if record.phase == PhaseName.SELECTION:
        return line(number, span(f"chain {record.chain} hangs together best and goes on", "accent"))
    parts: list[Span] = [number, span(f"T {fraction(record.temperature, 3)}  ", "dim")]
    if view.in_tournament or record.phase == PhaseName.TOURNAMENT:
        parts.append(span(f"chain {record.chain}  ", "dim"))
    before_items = len(parts)
    changed = {item: (before, after) for item, before, after in record.changes}
    drawn = record.options[record.chosen].labels if 0 <= record.chosen < len(record.options) else []
    labels = dict(zip(record.items, drawn, strict=False))
    flipped = False
    for item in record.items[:_MOST_ITEMS]:
        if item in changed:
            before, after = changed[item]
            flipped = flipped or (before is not None and after is not None)
            parts.append(
                span(f"{item} {change_words(view, before, after)}  ", "second" if before is not None else "plain")
            )
        else:
            parts.append(span(f"{item} {view.label_name(labels.get(item))}  "))
    if len(record.items) > _MOST_ITEMS:
        parts.append(span(f"and {len(record.items) - _MOST_ITEMS} more  ", "dim"))
    items = sum(len(part.text) for part in parts[before_items:])
    parts.append(span(" " * max(1, _ITEMS_WIDTH - items) + f"{_values(record):<17}", "dim"))
    if record.overridden:
        parts.append(span("AS A PERSON SAID", "accent"))
    elif flipped:
        parts.append(span("FLIP", "second"))
    elif not record.changes:
        parts.append(span("kept" if record.accepted else "refused", "dim"))
    return tuple(parts)


def _values(record: DecisionRecord) -> str:
    if not 0 <= record.chosen < len(record.options):
        return ""
    drawn = record.options[record.chosen].value
    others = [option.value for place, option in enumerate(record.options) if place != record.chosen]
    return f"{signed(drawn)} over {signed(max(others))}" if others else signed(drawn)


def _command(record: CommandRecord) -> Line:
    why = f": {record.why}" if record.why else ""
    about = ""
    if record.what == "pin":
        about = f" {record.args.get('item')} to {record.args.get('label')}"
        if record.args.get("label") is None:
            about = f" of {record.args.get('item')} taken off"
        if record.args.get("note"):
            about += f" ({record.args['note']})"
    elif record.what == "to":
        about = f" {record.args.get('n')}"
    style: Style = "warn" if record.outcome == "refused" else "accent"
    return line(span(f"── {record.what}{about} · {record.outcome}{why}", style))
