"""A server's models as lines: id, context, price; and what there is to say of the one under the cursor."""

from collections.abc import Sequence

from icm_tui.commands.json import Catalogue, Offer
from icm_tui.text import ago
from icm_tui.tui.children import Failed
from icm_tui.tui.text.cells import Line, Span, fit, joined, line, rule, span, width, wrap

READING = "reading the list …"

_CONTEXT, _PRICE = 11, 8
_UNKNOWN = "-"
_WITHOUT = "r tries again; without a list, a model's name can be typed into the form."


def found(offers: Sequence[Offer], typed: str) -> list[Offer]:
    """The models that hold each typed word in their id or name, whatever its case."""
    words = typed.casefold().split()
    return [offer for offer in offers if all(word in f"{offer.id} {offer.name or ''}".casefold() for word in words)]


def title(server: str, told: Catalogue | Failed | None, shown: int, cells: int) -> Line:
    """The title's rule: whose models these are, how many of them are shown, and how old the list is."""
    if isinstance(told, Catalogue):
        server = told.server
        count = f"{shown} of {len(told.models)}" if shown != len(told.models) else f"{shown} models"
        state = joined([line(count), line(span(f"read {ago(told.age_s)}", "second" if told.stale else "dim"))])
    else:
        state = line(span(READING, "second")) if told is None else line(span("not read", "warn"))
    return rule(line(span("models", "title"), span(f" · {server}", "dim")), state, cells)


def heads(cells: int) -> Line:
    """What the columns are."""
    return _columns(span("model", "dim"), *(span(head, "dim") for head in ("context", "$ in", "$ out")), cells=cells)


def row_line(offer: Offer, cells: int) -> Line:
    """A model: its id, its context in tokens, USD for a million tokens read and written."""
    context = _UNKNOWN if offer.context is None else f"{offer.context:,}"
    return _columns(span(offer.id), span(context), span(_usd(offer.usd_in)), span(_usd(offer.usd_out)), cells=cells)


def detail(offer: Offer, cells: int) -> list[Line]:
    """A model's name, its prices in words, and what is known of its log-probabilities, in two lines."""
    parts = [offer.name or offer.id]
    if offer.usd_in is not None and offer.usd_out is not None:
        cached = "" if offer.usd_cached is None else f", {_usd(offer.usd_cached)} cached"
        parts.append(f"USD a million tokens: {_usd(offer.usd_in)} read{cached}, {_usd(offer.usd_out)} written")
    if offer.logprobs is None:
        parts.append("the server does not say whether it gives log-probabilities: D in the form asks it")
    elif offer.logprobs:
        parts.append("some provider gives log-probabilities")
    if offer.expires:
        parts.append(f"gone from {offer.expires}")
    return _wrapped(" · ".join(parts), cells)[:2]


def trouble(told: Catalogue | Failed | None, shown: int, typed: str, cells: int) -> list[Line]:
    """What stands in the way: that nothing was read and why, that it is old and why, that nothing fits."""
    if isinstance(told, Failed):
        return [line(span(piece, "warn")) for piece in _pieces(f"{told.why}\n{_WITHOUT}", cells)]
    if told is None:
        return []
    if told.stale:
        said = f"The list could not be read anew: {told.stale} Shown is that of {ago(told.age_s)}; r tries again."
        return [line(span(piece, "second")) for piece in _pieces(said, cells)]
    if not told.models:
        return _wrapped("The server names no model that a run can ask.", cells)
    return _wrapped("No model holds these words.", cells) if typed and not shown else []


def _columns(name: Span, context: Span, price_in: Span, price_out: Span, *, cells: int) -> Line:
    numbers = (*_right(context, _CONTEXT), *_right(price_in, _PRICE), *_right(price_out, _PRICE), Span(" "))
    return (*fit((Span(" "), name), max(1, cells - width(numbers))), *numbers)


def _right(part: Span, cells: int) -> Line:
    room = cells - width((part,))
    return (Span(" " * room), part) if room > 0 else (Span(" "), *fit((part,), cells - 1))


def _usd(amount: float | None) -> str:
    if amount is None:
        return _UNKNOWN
    return "free" if amount == 0 else f"{amount:.4g}" if amount < 1000 else f"{amount:.0f}"


def _pieces(text: str, cells: int) -> list[str]:
    return [f" {piece}" for piece in wrap(text, cells - 2)]


def _wrapped(text: str, cells: int) -> list[Line]:
    return [line(span(piece, "dim")) for piece in _pieces(text, cells)]
