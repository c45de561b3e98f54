"""Templates take a row's columns by name and do nothing else with them."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from icm_tui.errors import UserError
from icm_tui.tasks.build import TextTemplate
from icm_tui.tasks.tables import Row, Table


def _fill(text: str, values: dict[str, object]) -> str:
    row = Row(1, 1, values)
    return TextTemplate(text).fill(Table("data.jsonl", "line", None, [row]), row)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("question", "Why?"),
        ("{question}", "Why?"),
        ("Q: {question} A: {the answer}", "Q: Why? A: {because}"),
        ("{question}{question}", "Why?Why?"),
        ("{{{question}}}", "{Why?}"),
        ("{{x}} {n}", "{x} 3"),
        ("{WVS/a.b:c!r}", "odd"),
    ],
)
def test_template_fills_fields_with_columns(text: str, expected: str) -> None:
    values: dict[str, object] = {"question": "Why?", "the answer": "{because}", "n": 3, "WVS/a.b:c!r": "odd"}
    assert _fill(text, values) == expected


@given(st.text(min_size=1).filter(str.strip))
def test_template_never_reads_a_cell_as_a_template(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        with pytest.raises(UserError, match="surrogate"):
            _fill("{q}", {"q": text})
    else:
        assert _fill("<{q}>", {"q": text}) == f"<{text}>"


@given(st.text(alphabet="{}ab "))
def test_template_names_a_column_or_is_refused(text: str) -> None:
    with contextlib.suppress(UserError):
        assert TextTemplate(text).columns


@given(st.lists(st.tuples(st.text(alphabet="{}ab "), st.sampled_from(["q", "the answer"])), min_size=1))
def test_template_doubled_braces_are_literal(parts: list[tuple[str, str]]) -> None:
    values: dict[str, object] = {"q": "{why}", "the answer": "}{"}
    doubled = ((literal.replace("{", "{{").replace("}", "}}"), column) for literal, column in parts)
    template = "".join(f"{literal}{{{column}}}" for literal, column in doubled)
    assert _fill(template, values) == "".join(f"{literal}{values[column]}" for literal, column in parts)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "Q: {",
            'task.text = "Q: {" has a single "{"; write a column as {column}, and {{ or }} for a brace itself.',
        ),
        (
            "{a}}",
            'task.text = "{a}}" has a single "}"; write a column as {column}, and {{ or }} for a brace itself.',
        ),
        (
            "{}",
            'task.text = "{}" names no column in {}; write a column as {column}, and {{ or }} for a brace itself.',
        ),
        ("{{a}}", 'task.text = "{{a}}" names no column; write at least one as {column}.'),
    ],
)
def test_template_that_cannot_be_read_is_refused(text: str, sentence: str) -> None:
    with pytest.raises(UserError) as caught:
        TextTemplate(text)
    assert str(caught.value) == sentence
