"""One item: the strip below the label table, and the pages of the item's own screen."""

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import groupby

from icm_tui.domain.decisions import PhaseName
from icm_tui.domain.rules import RULES, Demand, Rule
from icm_tui.prompts import find_template, render_chat, render_completion
from icm_tui.run_dir.labels import NEVER, UNLABELLED, Change
from icm_tui.run_dir.records import AnswerRecord, ContextRecord, DecisionRecord, ReaskRecord
from icm_tui.tui.run.log import Explanation
from icm_tui.tui.run.view import RunView
from icm_tui.tui.text.cells import Line, Style, as_many_as_fit, cut, fit, joined, line, span, width, wrap
from icm_tui.tui.text.numbers import dollars, fraction, signed

_MOST_LINES = 20_000
_MOST_MEMBERS = 50
_MEMBER_LINES = 4
_NAMED = 3
_MOST_CHANGES = 100
_FIELD = 10
_FEWEST = 12

NOBODY = "Nothing was said about this item yet."


def strip(
    view: RunView, item: int, answer: AnswerRecord | None, context: ContextRecord | None, cells: int
) -> list[Line]:
    """Two lines: the item's label, its group and its flips; what it was asked with, what the model said, and the keys
    that tell more. What has no room is left out from the end, the keys first."""
    style: Style = "dim" if view.shown.labels[item] == UNLABELLED else "bold"
    about = [line(span(label_words(view, item), style))]
    if item in view.pins:
        about.append(line(span(pin_words(view, item), "accent")))
    group = group_words(view, item)
    if group:
        about.append(line(f"group {group}"))
    flips = flip_words(view, item)
    if flips:
        about.append(line(span(flips, "second")))
    said = [line(asked_words(view, item, answer, context))]
    if answer is not None:
        said.append(line(span(answer_words(view, answer), "warn" if answer.failed else "accent")))
        if view.label_bias is not None and not answer.failed:
            said.append(line(span(f"label bias {label_bias_words(view)}", "dim")))
    said.append(line(span("e", "accent"), span(" why  ", "dim"), span("enter", "accent"), span(" more", "dim")))
    return [fit(as_many_as_fit(parts, cells), cells) for parts in (about, said)]


def page_text(
    view: RunView, item: int, answer: AnswerRecord | None, context: ContextRecord | None, cells: int, gold: str = ""
) -> list[Line]:
    """The item's standing, its whole text, and the others of its group with the rule between them; `gold` is what gold
    says of it, if that may be shown."""
    about = view.items[item]
    lines = [*field("uid", about.uid, cells), *field("label", _standing(view, item).removeprefix("label "), cells)]
    if item in view.pins:
        lines += field("pin", pin_words(view, item), cells, "accent")
    lines += field("changes", flip_words(view, item) or "none from one label to another", cells)
    share = view.seed_agreement(item)
    if share is not None:
        lines += field("seeds", f"{fraction(share)} of the runs under several seeds agree on its label", cells)
    if gold:
        lines += field("gold", gold, cells)
    lines += field("asked", asked_words(view, item, answer, context).replace("asked ", "", 1), cells)
    if answer is not None:
        lines += field("answer", answer_words(view, answer), cells, "warn" if answer.failed else "plain")
    if view.label_bias is not None:
        lines += field("label bias", f"{label_bias_words(view)} nats, the model's own; p is without it", cells)
    lines += field("group", group_words(view, item) or "none: it is decided by itself", cells)
    lines += ((), *paragraph(about.text or "(an empty text)", cells))
    others = view.companions(item)
    if others:
        lines += ((), *paragraph(rule_words(view, item), cells, "accent"))
        broken = breaking(view, item)
        for other in others[:_MOST_MEMBERS]:
            lines += _member(view, item, other, cells, broken=other in broken)
        if len(others) > _MOST_MEMBERS:
            lines.append(line(span(f" and {len(others) - _MOST_MEMBERS} more", "dim")))
    return lines


def page_why(
    view: RunView, item: int, answer: AnswerRecord | None, context: ContextRecord | None, cells: int
) -> list[Line]:
    """What the model answered, with its likeliest tokens, and what was said about the item, the latest last."""
    lines = [*field("asked", asked_words(view, item, answer, context).replace("asked ", "", 1), cells)]
    if answer is not None:
        lines += _answer(view, answer, cells)
    reask = view.reask.get(item)
    if reask is not None:
        told = f"{answer_words(view, reask)}, before decision {reask.n}; no part of the search"
        lines += field("again", told, cells, "warn" if reask.failed else "plain")
    explanations = view.explanations_on(item)
    if not explanations:
        lines += ((), *paragraph(NOBODY, cells, "dim"))
    for explanation in explanations:
        streams = is_speaking(view, explanation)
        after = f"after decision {explanation.n}{', still speaking' if streams else ''}"
        lines += ((), *paragraph(f"{explanation.speaker}, {after}:", cells, "second"))
        lines += paragraph(explanation.text + (" ▍" if streams else ""), cells)
    return lines


def page_history(
    view: RunView,
    item: int,
    decisions: Mapping[int, DecisionRecord],
    answer: AnswerRecord | None,
    context: ContextRecord | None,
    cells: int,
) -> list[Line]:
    """Every change of the item's label, oldest first, with what is known of its decision from `decisions`; then the
    pin, and what the label is now."""
    history = view.shown.history.of(item)
    lines: list[Line] = []
    if not history:
        lines += paragraph("Its label was never set.", cells, "dim")
    if len(history) > _MOST_CHANGES:
        lines.append(line(span(f" {len(history) - _MOST_CHANGES} earlier changes are in the journal", "dim")))
    last = None if answer is None else answer.n
    for change in history[-_MOST_CHANGES:]:
        flipped = None not in (change.before, change.after) and change.before != change.after
        names = f"{view.label_name(change.before)} → {view.label_name(change.after)}"
        words = _change_words(change, decisions.get(change.n))
        if change.n == last and not change.by_person and answer is not None:
            words += f"; {asked_words(view, item, answer, context)}: {answer_words(view, answer)}"
        if flipped:
            names += " FLIP"
        lines += _fields(f"{change.n:>6}  {names}", words, cells, "second" if flipped else "plain")
    if item in view.pins:
        lines += ((), *paragraph(f"{pin_words(view, item)[:1].upper()}{pin_words(view, item)[1:]}", cells, "accent"))
    lines += ((), *paragraph(f"Now: {_standing(view, item)}.", cells))
    return lines


def shown_decisions(view: RunView, item: int) -> list[int]:
    """The decisions that the page of an item's history says more of, if they are known."""
    return [change.n for change in view.shown.history.of(item)[-_MOST_CHANGES:] if not change.by_person]


# Words


def is_speaking(view: RunView, explanation: Explanation) -> bool:
    """Whether more of a thought may come."""
    return not explanation.ended and explanation.call in view.open_calls


def label_words(view: RunView, item: int) -> str:
    """The label and since when: by which decision or, if a person set it, before which one."""
    chain = view.shown
    label = chain.labels[item]
    if label == UNLABELLED:
        part = view.in_tournament and chain.labelled < len(view.items)
        return "no label yet, this chain works on a part of the items" if part else "no label yet"
    change = chain.history.last(item)
    if change is not None and change.by_person:
        return f"label {view.label_name(label)}, set by a person before decision {chain.decided[item]}"
    return f"label {view.label_name(label)} since decision {chain.decided[item]}"


def pin_words(view: RunView, item: int) -> str:
    """A person's word on a pinned item, with its note."""
    pin = view.pins[item]
    return f"pinned to {view.label_name(pin.label)}" + (f": {pin.note}" if pin.note else "")


def flip_words(view: RunView, item: int) -> str:
    """How often the label went from one to another, and the last time; empty if it never did."""
    count = view.shown.flips[item]
    for change in reversed(view.shown.history.of(item)):
        if None not in (change.before, change.after) and change.before != change.after:
            last = f"{view.label_name(change.before)} → {view.label_name(change.after)}"
            return f"{last} once, at {change.n}" if count == 1 else f"{count} flips, the last {last} at {change.n}"
    return ""


def group_words(view: RunView, item: int) -> str:
    """The group's number, and in brackets what the rule demands of the item and each other member; empty without a
    group."""
    group = view.items[item].group
    if group is None:
        return ""
    first = view.label_names[0]
    demands = [(relation(view, item, other).words(first), other) for other in view.companions(item)]
    others = sorted(demands, key=lambda one: one[0])
    told = []
    for demand, pairs in groupby(others, key=lambda one: one[0]):
        members = [other for _, other in pairs]
        named = ", ".join(map(str, members)) if len(members) <= _NAMED else f"{len(members)} others"
        told.append(f"with {named}: {demand}")
    return f"{group} ({'; '.join(told)})" if told else f"{group} (alone in it)"


def relation(view: RunView, item: int, other: int) -> Demand:
    """What the rule demands of two members of a group."""
    same_key = view.items[item].key is not None and view.items[item].key == view.items[other].key
    return _rule(view).demand(_keys(view, item), len(view.label_names), same_key=same_key)


def breaking(view: RunView, item: int) -> set[int]:
    """The members of the item's group whose labels, together with the item's, break the rule now."""
    members = [item, *view.companions(item)]
    labels = [None if view.shown.labels[member] == UNLABELLED else view.shown.labels[member] for member in members]
    keys = [view.items[member].key for member in members]
    # An item without a key is a key of its own; keys in the data are never negative.
    own = [-1 - place if key is None else key for place, key in enumerate(keys)]
    pairs = _rule(view).breaches(labels, own, len(view.label_names))
    return {members[other] for place, other in pairs if place == 0}


def rule_words(view: RunView, item: int) -> str:
    """The rule of the item's group as a sentence."""
    n_keys = _keys(view, item)
    repeated = n_keys != 1 + len(view.companions(item))
    return _rule(view).sentence(view.label_names[0], n_keys, len(view.label_names), repeated=repeated)


def asked_words(view: RunView, item: int, answer: AnswerRecord | None, context: ContextRecord | None) -> str:
    """What the item was last asked with. With everything shown, the counts are those of now."""
    if answer is None:
        never = view.shown.contexts[item] == NEVER
        return "not asked yet" if never else "asked, but the answer cannot be read from the journal"
    if context is None:
        return "asked with examples that cannot be read from the journal"
    if context.demonstrations == "all":
        counts = _counts_of_others(view, item)
        return f"asked with all {sum(counts)} others that have a label ({_counted(view, counts)})"
    found = Counter(label for _, label in context.demonstrations)
    counts = [found[label] for label in range(len(view.label_names))]
    if not sum(counts):
        return "asked without examples"
    return f"asked with {sum(counts)} examples ({_counted(view, counts)})"


def answer_words(view: RunView, answer: AnswerRecord | ReaskRecord) -> str:
    """The log-probability (nats) of every label, or why there is none. A label that the model's list did not name is at
    most as likely as its last entry."""
    if answer.logprobs is None:
        return f"no answer, the model refused it: {answer.failed}" if answer.failed else "no answer"
    censored = answer.censored or [False] * len(answer.logprobs)
    return "  ".join(
        f"{name} {'≤ ' if hidden else ''}{signed(value, 2)}"
        for name, value, hidden in zip(view.label_names, answer.logprobs, censored, strict=False)
    )


def label_bias_words(view: RunView) -> str:
    """The model's label bias (nats): with two labels how far it leans to the first, else a number a label."""
    label_bias = view.label_bias or []
    if len(label_bias) == 2:
        return f"{view.label_names[0]} {signed(label_bias[0] - label_bias[1], 2)}"
    return "  ".join(f"{name} {signed(value, 2)}" for name, value in zip(view.label_names, label_bias, strict=False))


def _standing(view: RunView, item: int) -> str:
    p = view.shown.p(item, view.label_bias)
    return label_words(view, item) + ("" if p is None else f", p {fraction(p)} by its answer")


def _counted(view: RunView, counts: Sequence[int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in zip(view.label_names, counts, strict=True))


def _counts_of_others(view: RunView, item: int) -> list[int]:
    """How many of each label an item is asked with if all is shown: its own group is left out."""
    counts = list(view.shown.counts)
    for member in (item, *view.companions(item)):
        if view.shown.labels[member] != UNLABELLED:
            counts[view.shown.labels[member]] -= 1
    return counts


def _rule(view: RunView) -> Rule:
    return RULES[view.profile.consistency.rule or "none"]


def _keys(view: RunView, item: int) -> int:
    """How many keys the item's group has; without one, an item is a key of its own."""
    members = (item, *view.companions(item))
    named = {view.items[member].key for member in members} - {None}
    return len(named) + sum(view.items[member].key is None for member in members)


def _change_words(change: Change, decision: DecisionRecord | None) -> str:
    if change.by_person:
        return "set by a person, before that decision"
    if decision is None:
        return ""
    if decision.phase == PhaseName.SEEDS:
        return f"at random, as chain {decision.chain} began"
    told = [f"T {fraction(decision.temperature, 3)}"]
    if decision.options and 0 <= decision.chosen < len(decision.options):
        drawn = decision.options[decision.chosen].value
        others = [option.value for place, option in enumerate(decision.options) if place != decision.chosen]
        told.append(f"drawn at {signed(drawn)}" + (f" over {signed(max(others))}" if others else ""))
    if decision.overridden:
        told.append("as a person said, not as drawn")
    return ", ".join(told)


# Lines


@lru_cache(maxsize=32)
def paragraph(text: str, cells: int, style: Style = "plain", indent: int = 1) -> tuple[Line, ...]:
    """A text of any length wrapped behind an indentation. Beyond twenty thousand lines it is cut, and says so."""
    pieces = wrap(text, max(_FEWEST, cells) - indent - 1)
    lines = tuple(line(span(" " * indent), span(piece, style)) for piece in pieces[:_MOST_LINES])
    if len(pieces) > _MOST_LINES:
        more = f"{' ' * indent}… {len(pieces) - _MOST_LINES} more lines; y copies all of it"
        return (*lines, line(span(more, "dim")))
    return lines


def field(name: str, text: str, cells: int, style: Style = "plain") -> list[Line]:
    """A name, and behind it a text that is wrapped in its own column."""
    return _fields(f" {name:<{_FIELD - 1}}", text, cells, style, "dim")


def _fields(name: str, text: str, cells: int, style: Style, name_style: Style | None = None) -> list[Line]:
    look = name_style or style
    room = max(_FEWEST, cells) - len(name) - 2
    if room < _FEWEST:
        return [fit((span(name, look),), cells), *(paragraph(text, cells, style, 2) if text else ())]
    first, *more = wrap(text, room)
    start = span(f"{name} " if name_style else f"{name}  ", look)
    behind = span(" " * width((start,)))
    return [line(start, span(first, style)), *(line(behind, span(piece, style)) for piece in more)]


def _member(view: RunView, item: int, other: int, cells: int, *, broken: bool) -> list[Line]:
    label = view.shown.labels[other]
    parts = [line(span(f" {other}", "bold"), "  ", span(view.label_name(label), "accent" if label == 0 else "plain"))]
    parts.append(line(span(relation(view, item, other).words(view.label_names[0]), "dim")))
    if broken:
        parts.append(line(span("BROKEN", "warn")))
    if other in view.pins:
        parts.append(line(span(pin_words(view, other), "accent")))
    # No more of the text is wrapped than the lines can hold.
    pieces = wrap(view.items[other].text[: _MEMBER_LINES * cells + 1], max(_FEWEST, cells) - 6)
    text = [line("    ", span(piece)) for piece in pieces[:_MEMBER_LINES]]
    if len(pieces) > _MEMBER_LINES:
        text[-1] = line(*text[-1], span(" …", "dim"))
    return [fit(joined(parts), cells), *text]


def _answer(view: RunView, answer: AnswerRecord, cells: int) -> list[Line]:
    lines = field("answer", answer_words(view, answer), cells, "warn" if answer.failed else "plain")
    if any(answer.censored):
        hidden = [name for name, censored in zip(view.label_names, answer.censored, strict=False) if censored]
        told = f"the model's list of likely tokens did not name {', '.join(hidden)}: at most as likely as told"
        lines += field("unseen", told, cells, "second")
    if answer.top:
        tokens = "  ".join(f"“{cut(span(token).text, 24)}” {signed(value, 2)}" for token, value in answer.top)
        lines += field("tokens", tokens, cells)
    if answer.mass is not None:
        lines += field("labels", f"{fraction(answer.mass, 3)} of the probability lies on the labels", cells)
    if view.label_bias is not None:
        lines += field("label bias", f"{label_bias_words(view)} nats, the model's own; p is without it", cells)
    lines += field("served", _served(answer), cells, "dim")
    return lines


def _served(answer: AnswerRecord) -> str:
    told = [f"question {answer.question}"]
    if answer.endpoint:
        told.append(answer.endpoint)
    if answer.tokens_in is not None:
        told.append(f"{answer.tokens_in} tokens in")
    if answer.tokens_out is not None:
        told.append(f"{answer.tokens_out} out")
    if answer.cost:
        told.append(dollars(answer.cost))
    if answer.seconds:
        told.append(f"{answer.seconds:.2f} s")
    if answer.cached:
        told.append("from the cache")
    return ", ".join(told)


_MOST_EXAMPLES = 50
_MOST_CHARACTERS = 500_000
_LONGEST_SHOWN = 4000

EMBEDDED = "The embedded model reads the texts and not a prompt; a language model would be shown this."
NOT_ASKED = "The item was not asked about yet, so there is no prompt; x asks about an item again once it was."
NO_LIST = "The list of examples cannot be read from the journal, so the prompt cannot be shown."


def page_prompt(
    view: RunView, item: int, answer: AnswerRecord | None, context: ContextRecord | None, cells: int
) -> list[Line]:
    """The prompt of the item's answer. If everything is shown, its examples have the labels of now, and only the
    first of them are shown; texts that together are very long are cut, and it says so."""
    if answer is None:
        return list(paragraph(NOT_ASKED, cells, "dim"))
    if context is None:
        return list(paragraph(NO_LIST, cells, "warn"))
    lines: list[Line] = []
    if view.profile.model.backend == "embedded":
        lines += paragraph(EMBEDDED, cells, "second")
    asked = asked_words(view, item, answer, context)
    shown, left = _examples(view, item, context)
    kind = "as they are labelled now" if context.demonstrations == "all" else f"list {context.id}"
    lines += paragraph(f"{asked[:1].upper()}{asked[1:]}, {kind}.", cells, "dim")
    texts = [view.items[other].text for other, _ in shown]
    question = view.items[item].text
    if sum(map(len, texts)) + len(question) > _MOST_CHARACTERS:
        lines += paragraph(f"Texts longer than {_LONGEST_SHOWN} characters are cut here.", cells, "second")
        texts, question = [_short(text) for text in texts], _short(question)
    labels = (view.label_names[label] for _, label in shown)
    for role, text in _rendered(view, list(zip(texts, labels, strict=True)), question, answer):
        if role:
            lines += ((), *paragraph(f"{role}:", cells, "second"))
        head, frame, asks = text.rpartition("\n\n")
        lines.append(())
        if left and frame:
            lines += paragraph(head, cells)
            lines += ((), *paragraph(f"… and {left} more", cells, "second"), ())
            lines += paragraph(asks, cells)
        else:
            lines += paragraph(text, cells)
    return lines


def _examples(view: RunView, item: int, context: ContextRecord) -> tuple[list[tuple[int, int]], int]:
    """The items and labels of a context that are shown, in order, and how many more there are."""
    if context.demonstrations != "all":
        known = range(len(view.items))
        return [(other, label) for other, label in context.demonstrations if other in known], 0
    chain = view.shown
    group = {item, *view.companions(item)}
    left = chain.labelled - sum(chain.labels[member] != UNLABELLED for member in group)
    shown: list[tuple[int, int]] = []
    for other, label in enumerate(chain.labels):
        if len(shown) == min(left, _MOST_EXAMPLES):
            break
        if label != UNLABELLED and other not in group:
            shown.append((other, label))
    return shown, left - len(shown)


def _rendered(
    view: RunView, examples: list[tuple[str, str]], question: str, answer: AnswerRecord
) -> list[tuple[str, str]]:
    """The prompt as (role, text); a completions endpoint knows no roles."""
    prompt = view.profile.prompt
    template = find_template(prompt.template)
    if "chat" not in (answer.endpoint, view.profile.model.endpoint):
        told = render_completion(
            template, examples, question, labels=prompt.labels, anchor=prompt.anchor, persona=prompt.persona
        )
        return [("", told)]
    messages = render_chat(
        template, examples, question, labels=prompt.labels, anchor=prompt.anchor, persona=prompt.persona
    )
    roles = {"user": "user", "assistant": "assistant, begun for it"}
    return [(roles.get(message["role"], message["role"]), message["content"]) for message in messages]


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]} … {len(text) - _LONGEST_SHOWN} more"
