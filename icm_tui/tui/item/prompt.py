"""The prompt of an item with its examples, as the model was shown it or as a language model would be."""

from icm_tui.prompts import find_template, render_chat, render_completion
from icm_tui.run_dir.labels import UNLABELLED
from icm_tui.run_dir.records import AnswerRecord, ContextRecord
from icm_tui.tui.item.lines import asked_words, paragraph
from icm_tui.tui.run.view import RunView
from icm_tui.tui.text.cells import Line

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
