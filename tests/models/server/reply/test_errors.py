"""Errors: the message, what is to blame, and when to try again."""

import json

import pytest

from icm_tui.models.server.reply.errors import read_fault, screenful

_NOON = 1_700_000_000.0


def _error(**fields: object) -> bytes:
    return json.dumps({"error": fields}).encode()


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (_error(message="no such thing", code=400), "no such thing"),
        (b'{"error": "plain", "error_type": "validation"}', "plain"),
        (b'{"object": "error", "message": "flat", "code": 400}', "flat"),
        (b'{"detail": "Invalid"}', "Invalid"),
        (b'{"detail": [{"loc": ["body", 0], "msg": "wrong"}, {"msg": "bare"}]}', "body.0: wrong\nbare"),
        (b'{"message": "top"}', "top"),
        (b"\n  Internal Server Error\nmore", "Internal Server Error"),
        (b"<html><title>Bad\n gateway</title>", "a web page, \u201cBad gateway\u201d"),
        (_error(type="server_error"), "server_error"),
        (b"", "The server answered 400 and gave no reason."),
        (b"[1, 2]", "The server answered 400 and gave no reason."),
        (_error(message="Provider returned error", metadata={"raw": '{"error": {"message": "why"}}'}), "why"),
        (
            _error(message="Provider returned error", metadata={"raw": "top_logprobs > 5", "provider_name": "Fire"}),
            "Fire: top_logprobs > 5",
        ),
        (
            _error(message="none fits", availability={"excluded_by": ["zdr", "only"]}),
            "none fits (excluded by zdr, only)",
        ),
        (_error(message="\x1b]0;t\x07a\x1b[2Jb"), "ab"),
        (_error(message="Incorrect API key: sk-or-v1-0123456789ab."), "Incorrect API key: [key]"),
        (_error(message="got Bearer abc.def-g, no"), "got Bearer [key], no"),
    ],
)
def test_fault_message_is_found(body: bytes, message: str) -> None:
    assert read_fault(400, body).message == message


def test_fault_message_is_at_most_a_screenful() -> None:
    cut = screenful("line\n" * 5000)
    assert cut.count("\n") < 12
    assert cut.endswith("\u2026")
    assert len(screenful("x" * 100_000)) <= 901


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, b"", "item"),
        (413, b"", "item"),
        (422, b"", "item"),
        (400, _error(code="context_length_exceeded", param="messages"), "item"),
        (400, _error(code=429), "retry"),
        (400, _error(code="524"), "retry"),
        (400, _error(code="invalid_api_key"), "pause"),
        (400, _error(code=400, param="top_logprobs"), "pause"),
        (401, b"", "pause"),
        (402, b"", "pause"),
        (403, b"", "pause"),
        (403, _error(message="not in your region"), "pause"),
        (403, _error(message="your input was flagged"), "item"),
        (403, _error(metadata={"reasons": ["x"], "flagged_input": "..."}), "item"),
        (404, b"", "pause"),
        (405, b"", "pause"),
        (302, b"", "pause"),
        *((status, b"", "retry") for status in (408, 409, 425, 429, 500, 502, 503, 504, 520, 524, 529)),
        (429, _error(message="Rate limit exceeded: free-models-per-day"), "pause"),
        (429, _error(type="insufficient_quota"), "pause"),
        (503, _error(availability={"retryable": False}), "pause"),
        (200, _error(message="?"), "retry"),
        (200, _error(code=502), "retry"),
        (200, _error(code=400), "item"),
        (200, _error(code=402), "pause"),
        (200, _error(code="content_filter"), "item"),
        (200, _error(code="exceed_context_size_error"), "item"),
    ],
)
def test_fault_kind_follows_status_and_body(status: int, body: bytes, kind: str) -> None:
    assert read_fault(status, body).kind == kind


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        ("0", 0.0),
        (" 2.5 ", 2.5),
        ("Tue, 14 Nov 2023 22:13:50 GMT", 30.0),
        ("Tue, 14 Nov 2023 22:00:00 -0000", 0.0),
        ("soon", None),
        ("-4", None),
        ("Tue, 99 Nov 2023 22:00:00 GMT", None),
        ("", None),
    ],
)
def test_fault_retry_after_is_read_from_headers(given: str, seconds: float | None) -> None:
    assert read_fault(429, b"", {"RETRY-AFTER": given}, _NOON).retry_after == seconds


def test_fault_retry_after_is_read_from_body() -> None:
    assert read_fault(503, _error(availability={"retryable": True, "retry_after": 7})).retry_after == 7.0
