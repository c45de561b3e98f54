"""Labels: where in a reply they are, how their spellings add up, and what is censored."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from icm_tui.domain.reply import Reply
from icm_tui.models.server.reply.labels import read_labels
from icm_tui.models.server.reply.types import Completion, TokenLogprobs, Usage

_TOP = [("A", -0.5), ("B", -1.5), ("x", -4.0)]


def _completion(tokens: list[TokenLogprobs] | None, text: str, reasoning: str = "") -> Completion:
    return Completion(text, reasoning, tokens, "length", Usage(7, 1, 5, 0.1), "m", "p")


def _plain(*tokens: str) -> list[TokenLogprobs]:
    return [TokenLogprobs(token, -0.1, [(token, -0.1)]) for token in tokens]


def _labelled(token: str = "A") -> TokenLogprobs:
    return TokenLogprobs(token, -0.5, [(token, -0.5), *_TOP[1:]])


def _read(top: list[tuple[str, float]], labels: tuple[str, ...] = ("A", "B")) -> Reply | None:
    return read_labels(_completion([TokenLogprobs(top[0][0], top[0][1], top)], top[0][0]), labels)


def test_labels_reply_has_usage() -> None:
    found = _read(_TOP)
    assert found == Reply(
        [-0.5, -1.5],
        censored=[False, False],
        mass=round(math.exp(-0.5) + math.exp(-1.5), 6),
        top=_TOP,
        tokens_in=7,
        tokens_out=1,
        tokens_cached=5,
        cost=0.1,
    )


def test_labels_add_up_spellings() -> None:
    found = _read(
        [("A", math.log(0.3)), (" A", math.log(0.2)), ("A.", math.log(0.1)), (' "A"', math.log(0.1)), ("B\n", -2)]
    )
    assert found is not None
    assert found.logprobs == [pytest.approx(math.log(0.7), abs=1e-6), -2.0]


def test_labels_fold_case_of_words_only() -> None:
    words = _read([("true", math.log(0.5)), ("TRUE", math.log(0.25)), (" False", -2)], ("True", "False"))
    assert words is not None
    assert words.logprobs == [pytest.approx(math.log(0.75), abs=1e-6), -2.0]
    letters = _read([("A", -1.0), ("a", -1.5), ("B", -2.0)])
    assert letters is not None
    assert letters.logprobs == [-1.0, -2.0]
    by_case = _read([("Xy", -1.0), ("xY", -2.0), ("XY", -3.0)], ("Xy", "xY"))
    assert by_case is not None
    assert by_case.logprobs == [-1.0, -2.0]


def test_labels_censor_missing_at_smallest_value() -> None:
    found = _read([("A", -0.1), ("x", -3.0), ("y", -6.5)])
    assert found is not None
    assert found.logprobs == [-0.1, -6.5]
    assert found.censored == [False, True]
    assert found.mass == round(math.exp(-0.1), 6)


def test_labels_keep_value_of_forced_token() -> None:
    place = TokenLogprobs("B", -9.0, [("A", -0.1), ("x", -3.0)])
    found = read_labels(_completion([place], "B"), ["A", "B", "C"])
    assert found is not None
    assert found.logprobs == [-0.1, -9.0, -3.0]
    assert found.censored == [False, False, True]


@pytest.mark.parametrize(
    ("before", "text", "reasoning", "begins"),
    [
        ([], "A", "", ""),
        ([], "A", "", "Set:"),
        (["\n", " "], "\n A", "", ""),
        (["", "\n"], "\nA", "", ""),
        ([], "Set: A", "", "Set:"),  # the server repeats the prefill, its tokens do not
        (["Set", ":", " "], "Set: A", "", "Set:"),  # the model wrote it anew
        (["Se", "t:"], "Set:A", "", " Set: "),
        (["th", "is", "</", "think", ">", "\n\n"], "\n\nA", "this", ""),
        (["B", "</think>"], "Set: A", "B", "Set:"),
        (["B", "\n"], "A", "B", ""),  # the tags are not among the tokens
        ([], "Set: A", "short", "<think>short</think>Set:"),
        (["**"], "**A", "", ""),
        (["{", '"'], '{"A', "", ""),
    ],
)
def test_labels_are_found_at_their_place(before: list[str], text: str, reasoning: str, begins: str) -> None:
    tokens = [*_plain(*before), _labelled(), *_plain(".", "")]
    found = read_labels(_completion(tokens, text + ".", reasoning), ["A", "B"], begins)
    assert found is not None
    assert found.logprobs == [-0.5, -1.5]


def test_labels_are_read_from_alternatives_to_end() -> None:
    found = read_labels(_completion([TokenLogprobs("", -0.2, [("", -0.2), *_TOP])], "Set:"), ["A", "B"], "Set:")
    assert found is not None
    assert found.logprobs == [-0.5, -1.5]


@pytest.mark.parametrize(
    "completion",
    [
        _completion(None, "A"),
        _completion([], "A"),
        _completion(_plain("why", " A"), "", "why A"),
        _completion(_plain("some", "thing"), "something"),
        _completion(_plain("token_id:32"), "A"),
        _completion([TokenLogprobs("I", None), _labelled()], "IA"),
        _completion([_labelled()], "Z"),
    ],
)
def test_labels_may_be_absent(completion: Completion) -> None:
    assert read_labels(completion, ["A", "B"]) is None


_TOKENS = st.sampled_from(["A", " A", "B", "</think>", "\n", "", "Set:", "x", "'", "\ufffd"])
_VALUES = st.floats(-30, 0)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.builds(TokenLogprobs, _TOKENS, st.none() | _VALUES, st.lists(st.tuples(_TOKENS, _VALUES), max_size=4)),
        max_size=5,
    ),
    st.text("AB Set:x\n", max_size=8),
)
def test_labels_are_finite_and_censored_marked(tokens: list[TokenLogprobs], text: str) -> None:
    found = read_labels(_completion(tokens, text), ["A", "B"], "Set:")
    if found is not None:
        assert found.logprobs is not None
        assert all(-30.1 <= one <= 0 for one in found.logprobs)
        assert not all(found.censored)
        assert found.mass is not None
        assert 0 <= found.mass <= 1
        assert len(found.top) <= 5
