"""The latest streamed reasoning, in a strip of its own: the log would carry it away."""

from icm_tui.tui.run.view import RunView
from icm_tui.tui.text.cells import Line, line, rule, span, wrap

_CURSOR = "▍"
_SHOWN, _STEP = 4000, 1000


def explanation_lines(view: RunView, cells: int, height: int) -> list[Line]:
    """A title that says who speaks about what, and the end of the text, as much as fits `height` lines."""
    explanation = view.latest_explanation
    if explanation is None:
        why = "no reasoning yet" if view.profile.reasoning.every else "no reasoning asked for: e asks about an item"
        return [rule(line(span(why, "dim")), (), cells)]
    streams = not explanation.ended and explanation.call in view.open_calls
    title = line(span(f"on {explanation.item} at {explanation.n}", "second"), span(f" · {explanation.speaker}", "dim"))
    room = max(1, height - 1)
    # The end alone is wrapped; it begins at a round number, so that its lines stay as they are while it grows.
    start = max(0, len(explanation.text) - _SHOWN) // _STEP * _STEP
    text = wrap(explanation.text[start:] + (_CURSOR if streams else ""), max(8, cells - 3))
    return [
        rule(title, line(span("streaming", "dim")) if streams else (), cells),
        *(line(span(" ┊ ", "second"), piece) for piece in text[-room:]),
    ]
