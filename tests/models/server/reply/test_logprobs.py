"""Log-probabilities: every shape, and the marks for a missing value."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from icm_tui.models.server.reply.types import TokenLogprobs
from icm_tui.models.server.reply.whole import read_logprobs

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


def _entry(token: object, logprob: object, **more: object) -> dict[str, object]:
    return {"token": token, "logprob": logprob, **more}


@pytest.mark.parametrize(
    ("value", "places"),
    [
        (
            {"content": [_entry(" A", -0.4, top_logprobs=[_entry(" B", -1.2), _entry(" A", -0.4)])], "refusal": None},
            [TokenLogprobs(" A", -0.4, [(" A", -0.4), (" B", -1.2)])],
        ),
        (
            {"tokens": [" A"], "token_logprobs": [-0.4], "top_logprobs": [{" B": -1.2, " A": -0.4}]},
            [TokenLogprobs(" A", -0.4, [(" A", -0.4), (" B", -1.2)])],
        ),
        # Together's: the map of the one place, or a number for the chunk's text
        (
            {"tokens": ["A"], "token_ids": [5], "token_logprobs": [-0.1], "top_logprobs": {"A": -0.1, "B": -3}},
            [TokenLogprobs("A", -0.1, [("A", -0.1), ("B", -3.0)])],
        ),
        (-0.25, [TokenLogprobs("now", -0.25)]),
        # echo begins with nulls; lists are cut short
        (
            {"tokens": ["I", "A", "B"], "token_logprobs": [None, -1.0], "top_logprobs": [None]},
            [TokenLogprobs("I", None), TokenLogprobs("A", -1.0), TokenLogprobs("B", None)],
        ),
        # numbers that mean "no value", and rounding above zero
        (
            {"content": [_entry("A", -9999.0, top_logprobs=[_entry("A", 1e-7), _entry("B", -3.4028e38)])]},
            [TokenLogprobs("A", None, [("A", 0.0)])],
        ),
        ({"content": [_entry("A", 5.0, top_logprobs=[_entry("A", True), None, 3])]}, [TokenLogprobs("A", None)]),
        # two tokens of one text share a key: the written one's own value is known
        (
            {"tokens": ["A"], "token_logprobs": [-0.1], "top_logprobs": [{"B": -2.5, "A": -4.0}]},
            [TokenLogprobs("A", -0.1, [("A", -0.1), ("B", -2.5)])],
        ),
        # two tokens that read alike stay two, a repeated entry is one
        (
            {"content": [_entry("", -1.0, top_logprobs=[_entry("", -1.0), _entry("", -2.0), _entry("", -1.0)])]},
            [TokenLogprobs("", -1.0, [("", -1.0), ("", -2.0)])],
        ),
        (
            {"tokens": ["\u0120A", "\u2581\u2581B", "\u010a"]},
            [TokenLogprobs(token, None) for token in (" A", "  B", "\n")],
        ),
        ({"tokens": ["token_id:12"], "token_logprobs": [-1]}, [TokenLogprobs("token_id:12", -1.0)]),
        ({"content": [_entry("\ud83d", -1)]}, [TokenLogprobs("\ufffd", -1.0)]),
        (None, None),
        ({"content": []}, None),
        ({"content": None, "tokens": None}, None),
        ([], None),
    ],
)
def test_logprobs_shapes(value: object, places: list[TokenLogprobs] | None) -> None:
    assert read_logprobs(value, "now") == places


@settings(max_examples=200, deadline=None)
@given(
    JSON
    | st.fixed_dictionaries({"tokens": JSON, "token_logprobs": JSON, "top_logprobs": JSON})
    | st.fixed_dictionaries({"content": JSON})
)
def test_logprobs_of_any_json_are_sorted_and_valid(value: object) -> None:
    for place in read_logprobs(value) or []:
        values = [logprob for _, logprob in place.top]
        assert values == sorted(values, reverse=True)
        assert all(-9999 < one <= 0 for one in [*values, place.logprob] if one is not None)
