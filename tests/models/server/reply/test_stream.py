"""Streams: any cuts give the same result; reasoning is separated; only a finish reason makes a stream complete."""

import json
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from icm_tui.models.server.reply.stream import StreamReader
from icm_tui.models.server.reply.types import Completion, Fault, Usage
from icm_tui.models.server.reply.whole import Delta, ReasoningSplitter, split_reasoning


def _chunk(finish: str | None = None, /, **delta: object) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return b"data: " + json.dumps({"model": "m", "choices": [choice]}, ensure_ascii=False).encode() + b"\n\n"


_STOP = _chunk("stop")


def _read(*pieces: bytes) -> tuple[list[Delta], Completion | Fault]:
    reader = StreamReader()
    deltas = [delta for piece in pieces for delta in reader.feed(piece)]
    rest, outcome = reader.close()
    return deltas + rest, outcome


_LINES = st.sampled_from(
    [
        b": ping",
        b":",
        b"event: sglext_ids",
        b"event: message",
        b"id: 7",
        b"data: [DONE]",
        b"data: not json",
        b'data: {"choices":[{"delta":{"content":"<think>a\xc3\xa9</th"}}]}',
        b'data: {"choices":[{"delta":{"content":"ink> \xf0\x9f\x99\x82b"}}]}',
        b'data:{"choices":[{"delta":{"reasoning":"why"}}]}',
        b'data: {"choices":',
        b'data: [{"delta":{"content":"two lines"},"finish_reason":"stop"}]}',
        b'data: {"error":{"code":502,"message":"gone"}}',
        b'data: {"choices":[],"usage":{"prompt_tokens":3}}',
        b"",
        b"",
        b"\xff\xfe",
    ]
)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(_LINES, st.sampled_from([b"\n", b"\r\n", b"\r"])), max_size=25),
    st.lists(st.integers(0, 900), max_size=12),
)
def test_stream_reads_the_same_however_cut(lines: list[tuple[bytes, bytes]], cuts: list[int]) -> None:
    data = b"".join(line + end for line, end in lines)
    places = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    pieces = [data[start:end] for start, end in pairwise(places)]
    whole = _read(data)
    assert _read(*pieces) == whole
    assert _read(*(data[at : at + 1] for at in range(len(data)))) == whole


@settings(max_examples=100, deadline=None)
@given(st.lists(st.binary(max_size=60), max_size=8))
def test_stream_of_any_bytes_is_completion_or_fault(pieces: list[bytes]) -> None:
    deltas, outcome = _read(*pieces)
    assert all(deltas)
    assert isinstance(outcome, Completion | Fault)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.sampled_from(["<think>", "</think>", "<", "/think>", " ", "\n", "x", "</", "<thi", "nk>"]), max_size=12)
)
def test_stream_splits_reasoning_like_whole_text(pieces: list[str]) -> None:
    splitter = ReasoningSplitter()
    text = reasoning = ""
    for delta in [*map(splitter.feed, pieces), splitter.feed("", last=True)]:
        if delta.turned:
            text, reasoning = "", reasoning + text
        text, reasoning = text + delta.text, reasoning + delta.reasoning
    assert (text, reasoning) == split_reasoning("".join(pieces))


@pytest.mark.parametrize(
    ("content", "answer", "reasoning"),
    [
        ("A", "A", ""),
        ("\n A<b", "\n A<b", ""),
        ("<think>why</think>\n\nA", "\n\nA", "why"),
        ("\n<think></think>\n<think>x</think>A", "A", "x"),
        ("so</think>A", "A", "so"),
        ("<think>cut", "", "cut"),
        ("<think>cut </thi", "", "cut </thi"),
        ("A <think> b", "A <think> b", ""),
    ],
)
def test_stream_finds_reasoning_in_content(content: str, answer: str, reasoning: str) -> None:
    assert split_reasoning(content) == (answer, reasoning)


def test_stream_keeps_tag_after_separate_reasoning() -> None:
    _, outcome = _read(_chunk(reasoning_content="why"), _chunk(content="x</think>y"), _STOP)
    assert isinstance(outcome, Completion)
    assert (outcome.text, outcome.reasoning) == ("x</think>y", "why")


def test_stream_turns_text_before_lone_closing_tag() -> None:
    deltas, outcome = _read(_chunk(content="so"), _chunk(content="</think>"), _chunk(content="A"), _STOP)
    assert deltas == [Delta(text="so"), Delta(turned=True), Delta(text="A")]
    assert isinstance(outcome, Completion)
    assert (outcome.text, outcome.reasoning) == ("A", "so")


def test_stream_counts_reasoning_details_once() -> None:
    details = [{"type": "reasoning.text", "text": "why"}, {"type": "reasoning.encrypted", "data": "xx"}]
    deltas, _ = _read(_chunk(reasoning="why", reasoning_details=details), _chunk(reasoning_details=details), _STOP)
    assert deltas == [Delta(reasoning="why"), Delta(reasoning="why")]


def test_stream_hears_comments_without_tokens() -> None:
    reader = StreamReader()
    reader.feed(b": OPENROUTER PROCESSING\n\n")
    assert (reader.heard, reader.spoken) == (25, 0)
    reader.feed(_chunk(role="assistant", content=""))
    assert reader.spoken == 0
    reader.feed(_chunk(content="A"))
    assert reader.spoken == 1


def test_stream_events_may_be_odd() -> None:
    deltas, outcome = _read(
        b'\xef\xbb\xbfdata: {"choices":\r\ndata: [{"text": "A",\r\ndata: "finish_reason": "stop"}]}'
    )
    assert deltas == [Delta(text="A")]
    assert isinstance(outcome, Completion)


def test_stream_ignores_named_events_except_errors() -> None:
    named = b'event: sglext_ids\ndata: {"choices":[{"delta":{"content":"no"}}]}\n\n'
    deltas, outcome = _read(named, _chunk(content="A"), _STOP)
    assert deltas == [Delta(text="A")]
    _, outcome = _read(_chunk(content="A"), b'event: error\ndata: {"error":{"code":529,"message":"busy"}}\n\n')
    assert outcome == Fault("retry", "busy", 529)


@pytest.mark.parametrize(
    "pieces",
    [
        [],
        [b": keep-alive\n\n"],
        [b"data: [DONE]\n\n"],
        [_chunk(content="A"), b"data: [DONE]\n\n"],
        [_chunk(content="A")],
        [_chunk(content="A"), b"data: half of\n\n", _STOP],
        [b"data: " + b"x" * (5 << 20)],
    ],
)
def test_stream_is_whole_only_with_finish_reason(pieces: list[bytes]) -> None:
    _, outcome = _read(*pieces)
    assert isinstance(outcome, Fault)
    assert outcome.kind == "retry"


@pytest.mark.parametrize(
    ("event", "fault"),
    [
        (
            {"error": {"code": "server_error", "message": "gone"}, "choices": [{"finish_reason": "error"}]},
            Fault("retry", "gone", 200),
        ),
        ({"error": {"message": "too long", "type": "BadRequestError", "code": 400}}, Fault("item", "too long", 400)),
        ({"object": "error", "message": "busy", "code": 503}, Fault("retry", "busy", 503)),
        (
            {"choices": [{"finish_reason": "error", "error": {"code": 402, "message": "pay"}}]},
            Fault("pause", "pay", 402),
        ),
    ],
)
def test_stream_errors(event: dict[str, object], fault: Fault) -> None:
    deltas, outcome = _read(_chunk(content="A"), b"data: " + json.dumps(event).encode() + b"\n\n", _STOP)
    assert deltas == [Delta(text="A")]
    assert outcome == fault


def test_stream_usage_comes_without_choices() -> None:
    usage = b'data: {"choices":[],"provider":"P","usage":{"prompt_tokens":9,"completion_tokens":1,"cost":0.5}}\n\n'
    _, outcome = _read(_chunk(content="A"), _STOP, usage)
    assert isinstance(outcome, Completion)
    assert outcome.usage == Usage(9, 1, None, 0.5)
    assert (outcome.model, outcome.provider) == ("m", "P")
