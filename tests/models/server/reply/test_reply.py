"""Whole replies: an answer or a fault, whatever the server sent."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from icm_tui.models.server.reply.labels import read_labels
from icm_tui.models.server.reply.types import Completion, Fault, TokenLogprobs, Usage
from icm_tui.models.server.reply.whole import read_reply
from tests.models.server.reply.test_logprobs import JSON


def _reply(body: object, status: int = 200, content_type: str = "application/json") -> Completion | Fault:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return read_reply(status, content_type, {}, data, 0.0)


def _completion(body: object) -> Completion:
    found = _reply(body)
    assert isinstance(found, Completion)
    return found


_SHAPED = st.fixed_dictionaries(
    {},
    optional={
        "error": JSON,
        "usage": JSON,
        "model": JSON,
        "choices": JSON
        | st.lists(
            st.fixed_dictionaries(
                {}, optional={"message": JSON, "text": JSON, "logprobs": JSON, "finish_reason": JSON, "error": JSON}
            ),
            max_size=2,
        ),
    },
)


@settings(max_examples=200, deadline=None)
@given(JSON | _SHAPED, st.sampled_from([200, 400, 429, 500]))
def test_reply_of_any_json_is_completion_or_fault(value: object, status: int) -> None:
    found = _reply(value, status)
    assert isinstance(found, Completion | Fault)
    if isinstance(found, Completion):
        read_labels(found, ["A", "B"], "Set:")
        assert status == 200


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=80), st.sampled_from([200, 403, 502]))
def test_reply_of_any_bytes_is_completion_or_fault(body: bytes, status: int) -> None:
    assert isinstance(_reply(body, status), Completion | Fault)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" \n",
        b"<!doctype html><p>Sign in",
        b'{"choices": [',
        b"[" * 200_000,
        b"1" * 5000,
        {"choices": []},
        {"choices": None},
        {},
        [],
        {"choices": [{"finish_reason": "error", "message": {"content": ""}}]},
        {"error": {"message": "Internal", "code": 500}, "choices": [{"message": {"content": "A"}}]},
    ],
)
def test_reply_200_without_answer_is_retried(body: object) -> None:
    found = _reply(body)
    assert isinstance(found, Fault)
    assert found.kind == "retry"
    assert found.message


def test_reply_200_with_inner_code_counts_as_that() -> None:
    found = _reply({"choices": [{"finish_reason": "error", "error": {"code": 402, "message": "no credits"}}]})
    assert found == Fault("pause", "no credits", 402)


def test_reply_held_back_by_filter_blames_item() -> None:
    found = _reply({"choices": [{"finish_reason": "content_filter", "message": {"content": None}}]})
    assert isinstance(found, Fault)
    assert found.kind == "item"


def test_reply_with_null_error_is_answer() -> None:
    assert _completion({"error": None, "choices": [{"text": "A"}]}).text == "A"


@pytest.mark.parametrize(
    ("message", "answer", "reasoning"),
    [
        ({"content": "A"}, "A", ""),
        ({"content": [{"type": "text", "text": "A"}, {"type": "image"}, {"text": "B"}]}, "AB", ""),
        ({"content": "A", "reasoning": "why", "reasoning_details": [{"text": "why"}]}, "A", "why"),
        ({"content": "A", "reasoning_content": "why"}, "A", "why"),
        ({"content": "A", "reasoning_details": [{"summary": "why"}, {"data": "xx"}]}, "A", "why"),
        ({"content": "<think>why</think>A"}, "A", "why"),
        ({"content": None, "reasoning": "cut"}, "", "cut"),
    ],
)
def test_reply_separates_reasoning_and_answer(message: dict[str, object], answer: str, reasoning: str) -> None:
    found = _completion({"choices": [{"message": message, "finish_reason": "stop"}]})
    assert (found.text, found.reasoning) == (answer, reasoning)


@pytest.mark.parametrize(
    ("fields", "usage"),
    [
        ({}, Usage()),
        ({"usage": None}, Usage()),
        ({"usage": {"prompt_tokens": 3, "completion_tokens": 0, "cost": 0}}, Usage(3, 0, None, 0.0)),
        ({"usage": {"prompt_tokens_details": {"cached_tokens": 0}}}, Usage(tokens_cached=0)),
        ({"usage": {"prompt_cache_hit_tokens": 5}}, Usage(tokens_cached=5)),
        ({"usage": {"prompt_tokens": -1, "completion_tokens": True, "cost": "1"}}, Usage()),
        ({"usage": {"prompt_tokens": 10**30}}, Usage()),
        ({"timings": {"cache_n": 4, "prompt_n": 6, "predicted_n": 2}}, Usage(10, 2, 4)),
        (
            {"usage": {"cost": 0.25, "is_byok": True, "cost_details": {"upstream_inference_cost": 0.5}}},
            Usage(cost=0.75),
        ),
    ],
)
def test_reply_usage(fields: dict[str, object], usage: Usage) -> None:
    assert _completion({"choices": [{"text": "A"}], **fields}).usage == usage


def test_reply_names_are_cleaned() -> None:
    found = _completion({"choices": [{"text": "A\ud800"}], "model": "m\x1b[2J\n" + "x" * 999, "provider": 3})
    assert found.text == "A\ufffd"
    assert found.model.startswith("m x")
    assert len(found.model) <= 200
    assert found.provider == ""


def test_reply_has_tokens() -> None:
    logprobs = {"content": [{"token": "A", "logprob": -1, "top_logprobs": []}]}
    assert _completion({"choices": [{"text": "A", "logprobs": logprobs}]}).tokens == [TokenLogprobs("A", -1.0)]
