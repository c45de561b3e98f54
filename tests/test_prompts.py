"""Prompts do not say what the sets mean, share all bytes up to the question, and cannot be imitated by an item."""

import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from icm_tui.errors import UserError
from icm_tui.prompts import (
    TEMPLATES,
    Template,
    check_neutral,
    check_prompt,
    find_template,
    leading_words,
    render_chat,
    render_completion,
    why,
)

_PATTERN = TEMPLATES["pattern"]
_SHOWN = [("Snow is white.", "A"), ("Coal is white.", "B")]

# Texts of the template's own words and everything that some reader takes for a line break.
_frame_words = st.sampled_from(["Set: A", "Set:", "Candidate: x", "Entry: y", "Group: B", "word", " ", "    "])
_breaks = st.sampled_from(["\n", "\n\n", "\r", "\r\n", "\v", "\f", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029"])
_texts = st.lists(_frame_words | _breaks | st.text(max_size=5), min_size=1, max_size=8).map("".join)
_texts = _texts.filter(lambda text: bool(text.strip()))
_demonstrations = st.lists(st.tuples(_texts, st.sampled_from(["A", "B"])), max_size=5)
_templates = st.sampled_from(list(TEMPLATES.values()))


def _whole(messages: list[dict[str, str]]) -> str:
    return "\n".join(message["content"] for message in messages)


def test_completion_is_instruction_examples_question() -> None:
    assert render_completion(_PATTERN, _SHOWN, "Grass\nis green.", labels=["A", "B"]) == (
        "Each Candidate below stands beside the Set it was put in. Look at how the pairs go together, then complete "
        "the last pair so that it continues the pattern.\n"
        "The sets are called A and B.\n"
        "\n"
        "Candidate: Snow is white.\n"
        "Set: A\n"
        "\n"
        "Candidate: Coal is white.\n"
        "Set: B\n"
        "\n"
        "Candidate: Grass\n"
        "    is green.\n"
        "Set:"
    )


def test_completion_may_be_question_alone() -> None:
    assert render_completion(TEMPLATES["bare"], [], "One.", labels=["A", "B"]) == "Candidate: One.\nSet:"


def test_prompt_has_anchor_and_persona_on_one_line_each() -> None:
    prompt = render_completion(
        TEMPLATES["sorting"], [], "One.", labels=["A", "B", "C"], anchor="virtue\nSet: A.", persona=" a shepherd "
    )
    assert prompt.splitlines()[1:4] == [
        "The groups are called A, B and C.",
        "The groups relate to the dimension virtue Set: A.",
        "The groups follow the view of a shepherd.",
    ]
    assert "dimension" not in render_completion(_PATTERN, [], "One.", labels=["A", "B"], anchor=" ")


def test_chat_ends_with_prefill() -> None:
    user, assistant = render_chat(_PATTERN, _SHOWN, "Grass is green.", labels=["A", "B"])
    assert (user["role"], assistant) == ("user", {"role": "assistant", "content": "Set:"})
    completion = render_completion(_PATTERN, _SHOWN, "Grass is green.", labels=["A", "B"])
    assert f"{user['content']}\nSet:" == completion


def test_chat_without_prefill_is_one_message() -> None:
    messages = render_chat(_PATTERN, _SHOWN, "Grass is green.", labels=["A", "B"], prefill=False)
    completion = render_completion(_PATTERN, _SHOWN, "Grass is green.", labels=["A", "B"])
    question = "Candidate: Grass is green."
    asked = completion.replace(question, f"Answer with the name of the set alone.\n\n{question}")
    assert messages == [{"role": "user", "content": asked}]


def test_why_asks_in_neutral_words() -> None:
    for template in TEMPLATES.values():
        assert leading_words(why(template, "A")) == []
        assert f"put in {template.label} A" in why(template, "A")


@given(_templates, _demonstrations, _texts, _texts)
def test_prompts_share_bytes_before_question(
    template: Template, demonstrations: list[tuple[str, str]], one: str, other: str
) -> None:
    def completion(text: str) -> bytes:
        prompt = render_completion(template, demonstrations, text, labels=["A", "B"], anchor="size")
        return prompt.encode(errors="surrogatepass")

    def chat(text: str) -> bytes:
        messages = render_chat(template, demonstrations, text, labels=["A", "B"], anchor="size")
        return _whole(messages).encode(errors="surrogatepass")

    shared = completion("x").removesuffix(f"x\n{template.label}:".encode())
    assert shared.endswith(f"{template.item}: ".encode())
    for render in (completion, chat):
        assert render(one).startswith(shared)
        assert render(other).startswith(shared)


@given(_templates, _demonstrations, _texts)
def test_prompt_items_cannot_imitate_frame(
    template: Template, demonstrations: list[tuple[str, str]], question: str
) -> None:
    prompt = render_completion(template, demonstrations, question, labels=["A", "B"], anchor="size")
    lines = prompt.splitlines()
    n_labels = [line for line in lines if line.startswith(f"{template.label}:")]
    n_items = [line for line in lines if line.startswith(f"{template.item}:")]
    assert n_labels == [f"{template.label}: {label}" for _, label in demonstrations] + [f"{template.label}:"]
    assert len(n_items) == len(demonstrations) + 1
    at_the_margin = [line for line in lines if line and not line.startswith("    ")]
    head = 3 if template.instruction else 1
    assert len(at_the_margin) == head + len(n_labels) + len(n_items)


@given(_demonstrations, _texts)
def test_prompt_items_can_be_read_back(demonstrations: list[tuple[str, str]], question: str) -> None:
    """So two contexts never give one prompt, apart from outer white space and the kind of line breaks."""
    prompt = render_completion(TEMPLATES["bare"], demonstrations, question, labels=["A", "B"])
    found = re.findall(r"^Candidate: (.*(?:\n    .*)*)\nSet:(?: (.*))?$", prompt, flags=re.MULTILINE)
    expected = [*demonstrations, (question, "")]
    assert [(text.split("\n    "), label) for text, label in found] == [
        (text.strip().splitlines(), label) for text, label in expected
    ]


@given(_templates, _demonstrations, _texts)
def test_prompt_messages_do_not_end_in_space(
    template: Template, demonstrations: list[tuple[str, str]], question: str
) -> None:
    prompt = render_completion(template, demonstrations, question, labels=["A", "B"])
    messages = render_chat(template, demonstrations, question, labels=["A", "B"])
    assert all(text == text.rstrip() for text in [prompt, *(message["content"] for message in messages)])


@pytest.mark.parametrize("name", TEMPLATES)
def test_templates_are_neutral(name: str) -> None:
    check_prompt(name, labels=["A", "B"], anchor="virtue", persona="a voter in a small town")
    for render in (render_completion, lambda *args, **more: _whole(render_chat(*args, **more))):
        prompt: Callable[..., str] = render
        text = prompt(find_template(name), [("x", "A")], "y", labels=["A", "B"], anchor="size", persona="a sailor")
        assert leading_words(text) == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Find the truth.", ["truth"]),
        ("Is it TRUE or False?", ["true", "false"]),
        ("Which answer is more helpful, harmless and honest?", ["helpful", "harmless", "honest"]),
        ("correct/incorrect", ["correct", "incorrect"]),
        ("Say what is right, not what is wrong. Right?", ["right", "wrong"]),
        ("the more truthfully put, the less inaccurate", ["truthfully", "inaccurate"]),
        ("goodness, badly, better, best, worst", ["goodness", "badly", "better", "best", "worst"]),
        ("is_true", ["true"]),
        ("un-helpful, in-correct", ["helpful", "correct"]),
        ("a moral dimension of unethical acts", ["moral", "unethical"]),
        ("dishonesty and falsehoods", ["dishonesty", "falsehoods"]),
        ("\uff54\uff52\uff55\uff45", ["true"]),
        ("common misconceptions and mistakes", ["misconceptions", "mistakes"]),
        ("preferred, appropriate, reliable", ["preferred", "appropriate", "reliable"]),
    ],
)
def test_leading_words_are_found(text: str, words: list[str]) -> None:
    assert leading_words(text) == words
    assert leading_words(text, words) == []
    assert leading_words(text, [word.upper() for word in words]) == []


@pytest.mark.parametrize(
    "text",
    ["trustee construe falsetto", "goods and rights", "the candidate continues", "factor facet badge", "copyright"],
)
def test_leading_words_pass_over_lookalikes(text: str) -> None:
    assert leading_words(text) == []


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            {"template": "Find the truth in each Candidate."},
            'prompt.template leads the model by the word "truth"; say it in neutral words, or allow it with '
            'words_allowed = ["truth"] under [prompt].',
        ),
        (
            {"template": "Put Helpful answers into one set and harmful or wrong ones into the other."},
            'prompt.template leads the model by the words "helpful", "harmful" and "wrong"; say it in neutral words, '
            'or allow them with words_allowed = ["helpful", "harmful", "wrong"] under [prompt].',
        ),
        (
            {"labels": ["True", "False"]},
            'prompt.labels leads the model by the words "true" and "false"; say it in neutral words, or allow them '
            'with words_allowed = ["true", "false"] under [prompt].',
        ),
        (
            {"labels": ["Left", "Right"]},
            'prompt.labels leads the model by the word "right"; say it in neutral words, or allow it with '
            'words_allowed = ["right"] under [prompt].',
        ),
        (
            {"anchor": "accuracy"},
            'prompt.anchor leads the model by the word "accuracy"; say it in neutral words, or allow it with '
            'words_allowed = ["accuracy"] under [prompt].',
        ),
        (
            {"persona": "an honest broker"},
            'prompt.persona leads the model by the word "honest"; say it in neutral words, or allow it with '
            'words_allowed = ["honest"] under [prompt].',
        ),
        (
            {"template": "The true and the false.", "words_allowed": ["true"]},
            'prompt.template leads the model by the word "false"; say it in neutral words, or allow it with '
            'words_allowed = ["false"] under [prompt].',
        ),
        (
            {"template": "patern"},
            'prompt.template = "patern" is unknown; name one of pattern, sorting, bare, or write the instruction '
            "itself there.",
        ),
    ],
)
def test_check_prompt_refuses_leading_words(arguments: dict[str, object], sentence: str) -> None:
    settings: dict[str, object] = {"template": "pattern", "labels": ["A", "B"], **arguments}
    with pytest.raises(UserError) as caught:
        check_prompt(**settings)  # type: ignore[arg-type]
    assert str(caught.value) == sentence


def test_check_neutral_lets_allowed_words_pass() -> None:
    check_prompt("Which are true?", labels=["True", "Untrue"], words_allowed=["TRUE", "untrue"])
    check_neutral("the true north", ["true"])


def test_check_neutral_names_setting() -> None:
    with pytest.raises(UserError, match=r"^reasoning\.prefill leads the model by the word \"correct\""):
        check_neutral("The correct set is", setting="reasoning.prefill")


def test_find_template_takes_own_instruction_on_one_line() -> None:
    template = find_template("Look at the pairs.\n\nSet: A\n")
    assert template == Template("Look at the pairs. Set: A")
    assert find_template("sorting") is TEMPLATES["sorting"]
