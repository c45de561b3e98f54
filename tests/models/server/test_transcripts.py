"""Every recorded exchange of a completion, a chat, an error or a stream, replayed with its expected result."""

import json
from pathlib import Path

import msgspec
import pytest

from icm_tui.models.server.reply.labels import read_labels
from icm_tui.models.server.reply.stream import StreamReader
from icm_tui.models.server.reply.types import Completion, Fault
from icm_tui.models.server.reply.whole import read_reply

_FOLDERS = {
    "lcp": "llama-cpp-python-0.3.36",
    "ls": "llama-server-0.5.0-dev",
    "always": "llama-server-0.5.0-dev-reasoning-template-always-thinks",
    "may": "llama-server-0.5.0-dev-reasoning-template-may-think",
}

# How the answer begins, how the reasoning begins, why it finished, places with log-probabilities, alternatives at the
# first of them, tokens in, out and cached.
_ANSWERS: dict[str, tuple[str, str, str, int, int, int | None, int | None, int | None]] = {
    "lcp/a03-right-key": (" Yes", "", "length", 0, 0, 27, 1, None),
    "lcp/c01-logprobs5": ("No False A", "", "length", 3, 5, 57, 3, None),
    "lcp/c02-logprobs20-one-token": ("No", "", "length", 1, 20, 57, 1, None),
    "lcp/c03-echo-logprobs": ("I think this c", "", "length", 7, 0, 7, 1, None),
    "lcp/c04-echo-max-tokens-0": ("I think this c", "", "length", 511, 0, 7, 505, None),
    "lcp/c05-stream": ("No False A BA", "", "length", 0, 0, None, None, None),
    "lcp/c06-stream-logprobs": ("No False A BA", "", "length", 5, 3, None, None, None),
    "lcp/c07-stream-include-usage": ("No False A", "", "length", 0, 0, None, None, None),
    "lcp/c09-one-prompt-in-list": ("No", "", "length", 1, 5, 57, 1, None),
    "lcp/c11-logit-bias-ids": ("False", "", "length", 1, 5, 57, 1, None),
    "lcp/c12-logit-bias-tokens": ("True", "", "length", 1, 6, 57, 1, None),
    "lcp/c13-grammar-choice": ("False", "", "stop", 1, 5, 57, 1, None),
    "lcp/c14-n-2": (" FalseNo", "", "length", 0, 0, 57, 2, None),
    "lcp/c15-stop": ("No False A BAN", "", "length", 40, 1, 57, 40, None),
    "lcp/c16-prompt-logprobs-ignored": ("No", "", "length", 0, 0, 57, 1, None),
    "lcp/c17-logprobs-100": ("No", "", "length", 1, 98, 57, 1, None),
    "lcp/c18-same-request-again": ("No", "", "length", 1, 20, 57, 1, None),
    "lcp/c19-echo-shift-generated-at-the-label": ("False", "", "length", 1, 60, 6, 1, None),
    "lcp/c20-echo-shift-echo-true": ("I think this c", "", "length", 7, 0, 7, 1, None),
    "lcp/c21-echo-shift-generated-after-true": (" True", "", "length", 1, 59, 7, 1, None),
    "lcp/c22-echo-stream": (" True", "", "length", 1, 2, None, None, None),
    "lcp/e02-top-logprobs-21": (" I", "", "length", 1, 21, 41, 1, None),
    "lcp/e05b-next-request-on-the-same-connection": ("No Yes False N", "", "length", 0, 0, 41, 5, None),
    "lcp/e06-unknown-model": ("No Yes", "", "length", 0, 0, 41, 2, None),
    "lcp/e08-missing-messages": (" False No", "", "length", 0, 0, 4, 2, None),
    "lcp/e12-logprobs-true-on-completions": ("No", "", "length", 1, 1, 57, 1, None),
    "lcp/h01-plain": ("No Yes False N", "", "length", 0, 0, 41, 5, None),
    "lcp/h02-logprobs-top20": ("No", "", "length", 1, 20, 41, 1, None),
    "lcp/h03-logprobs-top5-three-tokens": ("No Yes False", "", "length", 3, 5, 41, 3, None),
    "lcp/h04-logprobs-without-top": ("No Yes", "", "length", 0, 0, 41, 2, None),
    "lcp/h05-top-without-logprobs": ("No Yes", "", "length", 0, 0, 41, 2, None),
    "lcp/h06-prefill": (" the Yes False", "", "length", 3, 5, 53, 3, None),
    "lcp/h07-stream": ("No Yes False N", "", "length", 0, 0, None, None, None),
    "lcp/h08-stream-logprobs": ("No Yes False N", "", "length", 4, 3, None, None, None),
    "lcp/h09-stream-include-usage": ("No Yes", "", "length", 0, 0, None, None, None),
    "lcp/h10-response-format-enum": ('{ "label" : "T', "", "stop", 0, 0, 41, 16, None),
    "lcp/h11-max-tokens-missing": ("No Yes False N", "", "length", 0, 0, 41, 471, None),
    "lcp/h12-unknown-fields": ("No", "", "length", 0, 0, 41, 1, None),
    "lcp/w01-tokens-that-are-not-text": (" Yes False Yes", "", "length", 6, 19, 27, 6, None),
    "lcp/w02-chat-tokens-that-are-not-text": ("\x04\x04\x04 No", "", "length", 6, 16, 26, 6, None),
    "lcp/w03-stream-tokens-that-are-not-text": ("\x04\x04\x04 No\x07No Fals", "", "length", 12, 3, None, None, None),
    "always/r01-reasoning": ("\n\nFalse", "\nLet me ", "stop", 30, 2, 28, 30, 0),
    "always/r02-reasoning-stream": ("\n\nFalse", "\nLet me ", "stop", 23, 2, 28, 30, 27),
    "always/r03-reasoning-cut-by-max-tokens-stream": ("", "\nLet me ", "length", 0, 0, 28, 6, 27),
    "always/r04-prefill-closing-the-thought": ("\n\nI think this", "\nshort t", "length", 2, 5, 47, 2, 27),
    "always/r08-prefill-while-thinking-is-on": ("I think this c", "", "length", 2, 5, 34, 2, 28),
    "always/r09-prefill-with-reasoning-content": ("I think this c", "short th", "length", 2, 5, 41, 2, 27),
    "may/r01-reasoning": ("\n\nFalse", "Let me t", "stop", 32, 2, 26, 32, 0),
    "may/r02-reasoning-stream": ("\n\nFalse", "Let me t", "stop", 31, 2, 26, 32, 25),
    "may/r03-reasoning-cut-by-max-tokens-stream": ("Let me t", "", "length", 0, 0, 26, 6, 25),
    "may/r04-prefill-closing-the-thought": ("\n\nI think this", "\nshort t", "length", 2, 5, 49, 2, 26),
    "may/r08-prefill-while-thinking-is-on": ("I think this c", "", "length", 2, 5, 37, 2, 29),
    "may/r09-prefill-with-reasoning-content": ("I think this c", "short th", "length", 2, 5, 45, 2, 27),
    "ls/c01-logprobs5": ("No False A", "", "length", 3, 5, 57, 3, 0),
    "ls/c02-logprobs20-one-token": ("No", "", "length", 1, 20, 57, 1, 56),
    "ls/c03-echo-logprobs": (" True", "", "length", 1, 2, 7, 1, 0),
    "ls/c04-echo-max-tokens-0": (" True", "", "length", 1, 2, 7, 1, 6),
    "ls/c05-stream": ("No False A BA", "", "length", 0, 0, 57, 5, 56),
    "ls/c06-stream-logprobs": ("No False A BA", "", "length", 5, 3, 57, 5, 56),
    "ls/c07-stream-include-usage": ("No False A", "", "length", 0, 0, 57, 3, 56),
    "ls/c08-two-prompts": ("No", "", "length", 1, 3, 57, 1, 56),
    "ls/c10-token-id-prompt": ("No", "", "length", 1, 3, 2, 1, 0),
    "ls/c11-logit-bias-ids": ("False", "", "length", 1, 5, 57, 1, 56),
    "ls/c11b-logit-bias-post-sampling-probs": ("False", "", "length", 1, 0, 57, 1, 56),
    "ls/c13-grammar-choice": ("False", "", "stop", 2, 5, 57, 2, 56),
    "ls/c15-stop": ("No False A BAN", "", "length", 40, 1, 57, 40, 56),
    "ls/c17-logprobs-100": ("No", "", "length", 1, 100, 57, 1, 56),
    "ls/c18-same-request-again-cached": ("No", "", "length", 1, 3, 57, 1, 56),
    "ls/e06-unknown-model": ("No", "", "length", 0, 0, 41, 1, 40),
    "ls/e15-runs-into-context-limit": (" A A A A B A B", "", "length", 0, 0, 481, 31, 0),
    "ls/e16-runs-into-context-limit-stream": (" B A B A B A B", "", "length", 0, 0, 490, 22, 0),
    "ls/h01-plain": ("No Yes False N", "", "length", 0, 0, 41, 5, 0),
    "ls/h02-logprobs-top20": ("No", "", "length", 1, 20, 41, 1, 40),
    "ls/h03-logprobs-top5-three-tokens": ("No Yes False", "", "length", 3, 5, 41, 3, 40),
    "ls/h04-logprobs-without-top": ("No", "", "length", 1, 20, 41, 1, 40),
    "ls/h06-prefill": ("I think this c", "", "length", 3, 5, 47, 3, 41),
    "ls/h06b-prefill-explicit": ("I think this c", "", "length", 1, 3, 47, 1, 46),
    "ls/h06e-prefill-stream": ("I think this c", "", "length", 3, 3, 47, 3, 41),
    "ls/h07-stream": ("No Yes False N", "", "length", 0, 0, 41, 4, 40),
    "ls/h08-stream-logprobs": ("No Yes False N", "", "length", 4, 3, 41, 4, 40),
    "ls/h09-stream-include-usage": ("No Yes", "", "length", 0, 0, 41, 2, 40),
    "ls/h10-response-format-enum": ('{ "label" :\n "', "", "stop", 0, 0, 41, 19, 40),
    "ls/h13-reasoning-format": ("", " Yes Fal", "length", 0, 0, 42, 12, 41),
    "ls/w02-chat-tokens-that-are-not-text": ("�\x04�y B False", "", "length", 5, 20, 41, 6, 0),
    "ls/w03-stream-tokens-that-are-not-text": ("�\x04�y B Falsef�", "", "length", 7, 3, 41, 12, 40),
}

# The kind of fault, the status, and how the message begins.
_FAULTS = {
    "lcp/a01-no-key": ("pause", 401, "Invalid API key"),
    "lcp/a02-wrong-key": ("pause", 401, "Invalid API key"),
    "lcp/c08-two-prompts": ("retry", 500, "internal_server_error"),
    "lcp/c10-token-id-prompt": ("retry", 500, "3 validation errors:\n  {'typ"),
    "lcp/e01-bad-temperature": ("retry", 500, "1 validation error:\n  {'type"),
    "lcp/e03-context-too-long-completion": ("item", 400, "This model's maximum context"),
    "lcp/e04-context-too-long-chat": ("item", 400, "This model's maximum context"),
    "lcp/e05-context-too-long-stream": ("retry", None, "The stream ended without a s"),
    "lcp/e07-malformed-json": ("retry", 500, "Internal Server Error"),
    "lcp/e09-not-found": ("pause", 404, "Not Found"),
    "lcp/e10-wrong-method": ("pause", 405, "Method Not Allowed"),
    "lcp/e11-negative-logprobs": ("retry", 500, "1 validation error:\n  {'type"),
    "lcp/v01-no-logits-all-completion-logprobs": ("retry", 500, "logprobs is not supported fo"),
    "lcp/v02-no-logits-all-chat-logprobs": ("retry", 500, "logprobs is not supported fo"),
    "lcp/v03-no-logits-all-stream-logprobs": ("retry", None, "The stream ended without a s"),
    "ls/a01-no-key": ("pause", 401, "Invalid API Key"),
    "ls/a02-wrong-key": ("pause", 401, "Invalid API Key"),
    "ls/c14-n-2": ("item", 400, "Field 'n': Value must be bet"),
    "ls/e01-bad-temperature": ("item", 400, "Field 'temperature': [json.e"),
    "ls/e03-context-too-long-completion": ("item", 400, "request (9001 tokens) exceed"),
    "ls/e05-context-too-long-stream": ("item", 400, "request (9010 tokens) exceed"),
    "ls/e07-malformed-json": ("retry", 500, "[json.exception.parse_error."),
    "ls/e08-missing-messages": ("item", 400, "'messages' is required"),
    "ls/e09-not-found": ("pause", 404, "File Not Found"),
    "ls/e10-wrong-method": ("pause", 404, "File Not Found"),
    "ls/e13-bad-grammar": ("item", 400, "Failed to initialize sampler"),
    "ls/e14-max-tokens-negative-two": ("item", 400, "Field 'max_tokens': Value mu"),
    "ls/h05-top-without-logprobs": ("item", 400, "top_logprobs requires logpro"),
    "ls/h06c-prefill-conflict": ("item", 400, "Cannot set both add_generati"),
    "ls/h06d-two-trailing-assistant": ("item", 400, "Cannot have 2 or more assist"),
}

# Labels, what the reply may begin with, the log-probability of each label; None where no place shows one.
_OPENING = "I think this claim is ["
_LABELS: dict[str, tuple[str, list[float] | None]] = {
    "lcp/c02-logprobs20-one-token": ("", [-3.20006, -1.697654]),
    "ls/c02-logprobs20-one-token": ("", [-3.198885, -1.697953]),
    "lcp/c01-logprobs5": ("", [-2.922464, -1.697655]),
    "lcp/c11-logit-bias-ids": ("", [-2.922464, -1.697654]),
    "lcp/c12-logit-bias-tokens": ("", [-4.195749, -1.697654]),
    "ls/c13-grammar-choice": ("", [-2.920447, -1.697952]),
    "ls/c11b-logit-bias-post-sampling-probs": ("", None),
    "lcp/c20-echo-shift-echo-true": ("", None),
    "lcp/c19-echo-shift-generated-at-the-label": ("", [-2.48957, -0.561509]),
    "lcp/h04-logprobs-without-top": ("", None),
    "ls/h06-prefill": (_OPENING, [-2.852984, -2.906582]),
    "ls/h06b-prefill-explicit": (_OPENING, None),
    "ls/h06e-prefill-stream": (_OPENING, None),
    "lcp/w01-tokens-that-are-not-text": ("", [-4.726705, -2.530637]),
    "always/r01-reasoning": ("", [-1.800814, -3.712045]),
    "may/r01-reasoning": ("", [-2.00607, -3.342334]),
    "may/r02-reasoning-stream": ("", [-2.00607, -3.342334]),
    "always/r02-reasoning-stream": ("", [-1.800814, -3.712045]),
    "always/r03-reasoning-cut-by-max-tokens-stream": ("", None),
    "always/r04-prefill-closing-the-thought": (
        "<think>\nshort thought\n</think>\n\n" + _OPENING,
        [-3.211473, -2.995127],
    ),
    "always/r08-prefill-while-thinking-is-on": (_OPENING, [-2.09435, -3.159471]),
    "may/r09-prefill-with-reasoning-content": (_OPENING, [-2.132975, -2.826073]),
}


def _outcome(folder: Path, case: str, pieces: int = 0) -> Completion | Fault:
    """The result of a case; a stream is fed whole or in pieces of so many bytes."""
    recorded = msgspec.json.decode((folder / f"{case}.response.json").read_bytes())
    if "stream_in" in recorded:
        return _streamed((folder / recorded["stream_in"]).read_bytes(), pieces)
    body = json.dumps(recorded["body"]).encode() if "body" in recorded else recorded["body_text"].encode()
    headers = recorded["headers"]
    return read_reply(recorded["status"], headers["content-type"], headers, body, 0.0)


def _streamed(data: bytes, pieces: int) -> Completion | Fault:
    reader = StreamReader()
    size = pieces or max(len(data), 1)
    deltas = [delta for at in range(0, len(data), size) for delta in reader.feed(data[at : at + size])]
    rest, outcome = reader.close()
    if isinstance(outcome, Completion):
        text = reasoning = ""
        for delta in deltas + rest:
            if delta.turned:
                text, reasoning = "", reasoning + text
            text, reasoning = text + delta.text, reasoning + delta.reasoning
        assert (text, reasoning) == (outcome.text, outcome.reasoning)
        assert reader.spoken > 0
    assert reader.heard == len(data)
    return outcome


@pytest.fixture(scope="module")
def transcripts() -> Path:
    folder = Path(__file__).resolve().parents[4] / "shared" / "transcripts"
    if not folder.is_dir():
        pytest.skip("../shared/transcripts is absent")
    return folder


def _find(transcripts: Path, name: str) -> tuple[Path, str]:
    server, case = name.split("/")
    return transcripts / _FOLDERS[server], case


@pytest.mark.parametrize("name", _ANSWERS)
def test_transcripts_of_answers(transcripts: Path, name: str) -> None:
    found = _outcome(*_find(transcripts, name))
    assert isinstance(found, Completion)
    text, reasoning, finish, places, alternatives, tokens_in, tokens_out, cached = _ANSWERS[name]
    assert (found.text[: len(text)], found.reasoning[: len(reasoning)], found.finish_reason) == (
        text,
        reasoning,
        finish,
    )
    assert bool(found.text) == bool(text)
    assert bool(found.reasoning) == bool(reasoning)
    tokens = found.tokens or []
    assert (len(tokens), len(tokens[0].top) if tokens else 0) == (places, alternatives)
    usage = found.usage
    assert (usage.tokens_in, usage.tokens_out, usage.tokens_cached) == (tokens_in, tokens_out, cached)
    assert found == _outcome(*_find(transcripts, name), pieces=7)


@pytest.mark.parametrize("name", _FAULTS)
def test_transcripts_of_faults(transcripts: Path, name: str) -> None:
    found = _outcome(*_find(transcripts, name))
    assert isinstance(found, Fault)
    kind, status, message = _FAULTS[name]
    assert (found.kind, found.status, found.message[: len(message)]) == (kind, status, message)
    assert found.retry_after is None


@pytest.mark.parametrize("name", _LABELS)
def test_transcripts_of_labels(transcripts: Path, name: str) -> None:
    found = _outcome(*_find(transcripts, name))
    assert isinstance(found, Completion)
    begins, logprobs = _LABELS[name]
    reply = read_labels(found, ["True", "False"], begins)
    assert (reply.logprobs if reply else None) == logprobs


def test_transcripts_of_stream_cut_by_second_request(transcripts: Path) -> None:
    folder, case = _find(transcripts, "lcp/x10-interrupted-stream")
    data = (folder / f"{case}.sse").read_bytes()
    assert data.endswith(b"data: [DONE]\n\n")
    for pieces in (0, 7):
        found = _streamed(data, pieces)
        assert isinstance(found, Fault)
        assert found.kind == "retry"
    second = msgspec.json.decode((folder / f"{case}.response.json").read_bytes())["second"]
    answer = read_reply(second["status"], "application/json", {}, json.dumps(second["body"]).encode(), 0.0)
    assert isinstance(answer, Completion)
    assert answer.text == "False"


def test_transcripts_are_all_tested(transcripts: Path) -> None:
    names = set()
    for server, name in _FOLDERS.items():
        for path in (transcripts / name).glob("*.request.json"):
            case = path.name.removesuffix(".request.json")
            request = msgspec.json.decode(path.read_bytes())
            response = msgspec.json.decode((path.parent / f"{case}.response.json").read_bytes())
            asked = request.get("path", "").endswith("/v1/completions") or "chat/completions" in request.get("path", "")
            if "status" in response and (asked or response["status"] != 200):
                names.add(f"{server}/{case}")
    assert names == {*_ANSWERS, *_FAULTS}
