"""Streams: any cuts give the same reading; thoughts told apart; complete only with a reason to finish."""

import json
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from icm_tui.models.server.reply.reasoning import Delta, ReasoningSplitter, split_reasoning
from icm_tui.models.server.reply.stream import StreamReader
from icm_tui.models.server.reply.types import Completion, Fault, Usage


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
def test_any_cuts_give_the_same_reading(lines: list[tuple[bytes, bytes]], cuts: list[int]) -> None:
    data = b"".join(line + end for line, end in lines)
    places = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    pieces = [data[start:end] for start, end in pairwise(places)]
    whole = _read(data)
    assert _read(*pieces) == whole
    assert _read(*(data[at : at + 1] for at in range(len(data)))) == whole


@settings(max_examples=100, deadline=None)
@given(st.lists(st.binary(max_size=60), max_size=8))
def test_any_bytes_give_a_completion_or_a_fault(pieces: list[bytes]) -> None:
    deltas, outcome = _read(*pieces)
    assert all(deltas)
    assert isinstance(outcome, Completion | Fault)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.sampled_from(["<think>", "</think>", "<", "/think>", " ", "\n", "x", "</", "<thi", "nk>"]), max_size=12)
)
def test_a_thought_is_told_apart_the_same_in_pieces(pieces: list[str]) -> None:
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
def test_thoughts_inside_the_content(content: str, answer: str, reasoning: str) -> None:
    assert split_reasoning(content) == (answer, reasoning)


def test_a_server_that_splits_by_itself_may_write_the_closing_tag() -> None:
    _, outcome = _read(_chunk(reasoning_content="why"), _chunk(content="x</think>y"), _STOP)
    assert isinstance(outcome, Completion)
    assert (outcome.text, outcome.reasoning) == ("x</think>y", "why")


def test_a_thought_without_its_opening_tag_turns_what_came_before() -> None:
    deltas, outcome = _read(_chunk(content="so"), _chunk(content="</think>"), _chunk(content="A"), _STOP)
    assert deltas == [Delta(text="so"), Delta(turned=True), Delta(text="A")]
    assert isinstance(outcome, Completion)
    assert (outcome.text, outcome.reasoning) == ("A", "so")


def test_reasoning_details_count_once() -> None:
    details = [{"type": "reasoning.text", "text": "why"}, {"type": "reasoning.encrypted", "data": "xx"}]
    deltas, _ = _read(_chunk(reasoning="why", reasoning_details=details), _chunk(reasoning_details=details), _STOP)
    assert deltas == [Delta(reasoning="why"), Delta(reasoning="why")]


def test_comments_are_heard_and_do_not_speak() -> None:
    reader = StreamReader()
    reader.feed(b": OPENROUTER PROCESSING\n\n")
    assert (reader.heard, reader.spoken) == (25, 0)
    reader.feed(_chunk(role="assistant", content=""))
    assert reader.spoken == 0
    reader.feed(_chunk(content="A"))
    assert reader.spoken == 1


def test_multi_line_data_a_byte_order_mark_and_a_last_event_without_its_blank_line() -> None:
    deltas, outcome = _read(
        b'\xef\xbb\xbfdata: {"choices":\r\ndata: [{"text": "A",\r\ndata: "finish_reason": "stop"}]}'
    )
    assert deltas == [Delta(text="A")]
    assert isinstance(outcome, Completion)


def test_named_events_are_ignored_but_for_errors() -> None:
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
def test_a_stream_is_whole_only_if_it_said_why_it_finished(pieces: list[bytes]) -> None:
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
def test_errors_inside_a_stream(event: dict[str, object], fault: Fault) -> None:
    deltas, outcome = _read(_chunk(content="A"), b"data: " + json.dumps(event).encode() + b"\n\n", _STOP)
    assert deltas == [Delta(text="A")]
    assert outcome == fault


def test_usage_comes_in_a_chunk_without_choices() -> None:
    usage = b'data: {"choices":[],"provider":"P","usage":{"prompt_tokens":9,"completion_tokens":1,"cost":0.5}}\n\n'
    _, outcome = _read(_chunk(content="A"), _STOP, usage)
    assert isinstance(outcome, Completion)
    assert outcome.usage == Usage(9, 1, None, 0.5)
    assert (outcome.model, outcome.provider) == ("m", "P")
