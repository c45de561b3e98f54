"""What the model is shown: neutral templates in the forms of chat and completions, and a check for leading words.

A prompt is the instruction, then the demonstrations, then the question. So questions with the same demonstrations share
every byte up to the question, and a server's prefix cache computes that part once. Nothing in it says what the sets
mean. The form "examine examples of (Candidate, Set) pairs and complete the pattern" comes from the fork of the method
that this project follows; the words are our own.
"""

import re
import unicodedata
from collections.abc import Collection, Sequence

import msgspec

from icm_tui.errors import UserError

Demonstrations = Sequence[tuple[str, str]]


class Template(msgspec.Struct, frozen=True):
    """The words around the items: an instruction, which may be empty, and what an item and a label are called."""

    instruction: str
    item: str = "Candidate"
    label: str = "Set"


TEMPLATES: dict[str, Template] = {
    "pattern": Template(
        "Each Candidate below stands beside the Set it was put in. Look at how the pairs go together, then complete "
        "the last pair so that it continues the pattern."
    ),
    "sorting": Template(
        "The entries below were sorted into groups by one rule that nobody wrote down. Work out the rule from the "
        "entries that have a group, and name the group of the last one.",
        item="Entry",
        label="Group",
    ),
    "bare": Template(""),
}

# The later lines of an item are indented, so that no item can imitate the prompt around it.
_INDENT = "    "


def find_template(name: str) -> Template:
    """The shipped template called `name`, or one with `name` as its instruction if that is several words.

    Raises UserError for a single word that names no template.
    """
    if name in TEMPLATES:
        return TEMPLATES[name]
    if len(name.split()) < 2:
        known = ", ".join(TEMPLATES)
        raise UserError(
            f'prompt.template = "{name}" is unknown; name one of {known}, or write the instruction itself there.'
        )
    return Template(" ".join(name.split()))


def render_completion(
    template: Template,
    demonstrations: Demonstrations,
    question: str,
    *,
    labels: Sequence[str],
    anchor: str = "",
    persona: str = "",
) -> str:
    """The prompt for a completions endpoint. It ends with "Set:" without a space, so that the next token is a label.

    `demonstrations` are (item text, label name) in the order shown, `question` is the text of the item in question.
    """
    shared = _shared(template, demonstrations, labels, anchor, persona)
    return f"{shared}{_item(template, question)}\n{template.label}:"


def render_chat(
    template: Template,
    demonstrations: Demonstrations,
    question: str,
    *,
    labels: Sequence[str],
    anchor: str = "",
    persona: str = "",
    prefill: bool = True,
) -> list[dict[str, str]]:
    """The prompt as chat messages: one from the user, and a prefilled one from the assistant ("Set:", without a space).

    For servers that do not continue a prefilled message, `prefill=False` puts "Set:" at the end of the user's message
    and asks for the name alone. There is no system message, since not every model accepts one. The other arguments are
    those of render_completion.
    """
    shared = _shared(template, demonstrations, labels, anchor, persona)
    content = f"{shared}{_item(template, question)}"
    if not prefill:
        alone = f"Answer with the name of the {template.label.lower()} alone.\n\n"
        content = f"{shared}{alone}{_item(template, question)}"
        return [{"role": "user", "content": f"{content}\n{template.label}:"}]
    return [{"role": "user", "content": content}, {"role": "assistant", "content": f"{template.label}:"}]


def why(template: Template, label: str) -> str:
    """Ask why the last item of a prompt has its label."""
    item, kind = template.item, template.label
    return (
        f"The last {item} was put in {kind} {label}. In a few sentences, say what it has in common with those above "
        f"that stand in {kind} {label}, and how it differs from the others."
    )


def _shared(
    template: Template, demonstrations: Demonstrations, labels: Sequence[str], anchor: str, persona: str
) -> str:
    kind = f"{template.label.lower()}s"
    head = []
    if template.instruction:
        head = [template.instruction, f"The {kind} are called {_listed(labels)}."]
    if anchor.strip():
        head.append(f"The {kind} relate to the dimension {_one_line(anchor)}.")
    if persona.strip():
        head.append(f"The {kind} follow the view of {_one_line(persona)}.")
    pairs = [f"{_item(template, text)}\n{template.label}: {label}" for text, label in demonstrations]
    return "".join(f"{part}\n\n" for part in ["\n".join(head), *pairs] if part)


def _listed(words: Sequence[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _one_line(text: str) -> str:
    return " ".join(text.split()).rstrip(".")


def _item(template: Template, text: str) -> str:
    # splitlines knows all line separators, including those that only a model reads as one.
    return f"{template.item}: " + f"\n{_INDENT}".join(text.strip().splitlines())


_LEADING = re.compile(
    "|".join(
        [
            r"(?:un)?tru(?:e|er|est|ly|ths?|thful(?:ly|ness)?)",
            r"fals(?:e|ely|eness|ehoods?|ity|ify|ified)|fakes?|faked",
            r"(?:in)?correct(?:s|ly|ness|ed|ing|ions?)?",
            r"right(?:ly|ness|eous(?:ly|ness)?|ful(?:ly)?)?",
            r"wrong(?:s|ed|ly|ness|ful(?:ly)?|doings?)?",
            r"(?:in)?accura(?:te|tely|cy|cies)",
            r"facts?|(?:non)?factual(?:ly|ity)?|mis(?:conceptions?|information|leading)",
            r"(?:in)?valid(?:ly|ity)?",
            r"errors?|erroneous(?:ly)?|mistake(?:s|n|nly)?|flawed",
            r"(?:un)?helpful(?:ly|ness)?",
            r"harm(?:s|ed|ing)?|harm(?:ful|less)(?:ly|ness)?",
            r"(?:un)?safe(?:r|st|ly|ty)?",
            r"(?:dis)?honest(?:ly|y)?|decepti(?:on|ve|vely)|deceitful(?:ly)?|(?:in)?sincere(?:ly)?",
            r"good(?:ness)?|bad(?:ly|ness)?|better|best|worse|worst|superior|inferior",
            r"(?:im|a)?moral(?:s|ly|ity)?|(?:un)?ethical(?:ly)?|ethics",
            r"(?:un)?(?:trustworth(?:y|iness)|reliab(?:le|ly|ility))",
            r"(?:in)?appropriate(?:ly|ness)?|(?:un)?desirab(?:le|ly)",
            r"prefer(?:s|red|ring|abl[ey]|ences?)?",
        ]
    )
)
_WORD = re.compile(r"[^\W\d_]+")


def leading_words(text: str, allowed: Collection[str] = ()) -> list[str]:
    """The words of `text` that say what to look for ("true", "helpful", "correct", ... and their inflections), in lower
    case and in order of first appearance, without those `allowed`."""
    spared = {_plain(word) for word in allowed}
    found = (word for word in _WORD.findall(_plain(text)) if _LEADING.fullmatch(word) and word not in spared)
    return list(dict.fromkeys(found))


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


def check_neutral(text: str, words_allowed: Collection[str] = (), *, setting: str = "prompt.template") -> None:
    """Raise UserError, which names each leading word, if the `text` of `setting` tells the model what to look for."""
    found = leading_words(text, words_allowed)
    if not found:
        return
    quoted = [f'"{word}"' for word in found]
    words, them = ("words", "them") if len(found) > 1 else ("word", "it")
    raise UserError(
        f"{setting} leads the model by the {words} {_listed(quoted)}; say it in neutral words, or allow {them} with "
        f"words_allowed = [{', '.join(quoted)}] under [prompt]."
    )


def check_prompt(
    template: str, *, labels: Sequence[str], anchor: str = "", persona: str = "", words_allowed: Collection[str] = ()
) -> None:
    """Check everything that a profile puts into a prompt: template, labels, anchor and persona.

    Raises UserError for an unknown template or for leading words.
    """
    chosen = find_template(template)
    words = f"{chosen.instruction} {chosen.item} {chosen.label}"
    settings = [("template", words), ("labels", " ".join(labels)), ("anchor", anchor), ("persona", persona)]
    for name, text in settings:
        check_neutral(text, words_allowed, setting=f"prompt.{name}")
