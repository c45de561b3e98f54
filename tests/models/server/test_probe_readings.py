"""What replies mean for an endpoint, without a server."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from icm_tui.domain.reply import Reply
from icm_tui.models.server.probe import findings, readings
from icm_tui.models.server.reply.types import Completion, Fault, TokenLogprobs, Usage
from icm_tui.profile.schema import Model

MODEL = Model(backend="openai", base_url="http://127.0.0.1/v1", model="tiny")


def _completion(text: str, *tokens: tuple[str, float | None], reasoning: str = "", finish: str = "stop") -> Completion:
    places = [TokenLogprobs(token, logprob, [(token, -0.1)]) for token, logprob in tokens]
    return Completion(text, reasoning, places or None, finish, Usage(), "", "")


@pytest.mark.parametrize(
    ("completion", "continued", "repeated"),
    [
        (_completion("ant", ("ant", -0.1)), True, False),
        (_completion("elephant", ("ant", -0.1)), True, True),
        (_completion(" ants.", (" ants", -0.1), (".", -0.1)), True, False),
        (_completion("elephant", ("ele", -0.1), ("phant", -0.1)), False, False),
        (_completion("Elephant", ("Elephant", -0.1)), False, False),
        (_completion("Sure: elephant", ("Sure", -0.1)), False, False),
        (_completion("ant"), True, False),
        (_completion(""), False, False),
    ],
)
def test_prefilled_is_judged_by_tokens(completion: Completion, continued: bool, repeated: bool) -> None:
    assert readings.prefilled(completion) == readings.Prefilled(continued, repeated)


@pytest.mark.parametrize(
    ("completion", "reasons"),
    [
        (_completion("A", ("A", -0.1)), False),
        (_completion("", ("Let", -0.1), reasoning="Let"), True),
        (_completion("", ("<think>", -0.1)), True),
        (_completion("", finish="length"), True),
        (_completion("", ("", -0.1), finish="length"), False),
        (_completion("A", finish="length"), False),
    ],
)
def test_reasons_sees_reasoning_that_is_hidden(completion: Completion, reasons: bool) -> None:
    assert readings.reasons(completion) == reasons


PROMPT = "Candidate: one\nSet: A\n\nCandidate: two\nSet:"


@pytest.mark.parametrize(
    ("tokens", "expected"),
    [
        ([("Candidate: one\nSet: A\n\nCandidate: two\nSet:", None), (" A", -0.7), (" x", -1.0)], "right"),
        ([("Candidate: one\nSet: A\n\nCandidate: two\nSet:", -0.7), (" A", -3.0)], "wrong"),
        ([(" A", -0.7)], "absent"),
        ([], "absent"),
        ([("Candidate: one\nSet: A\n\nCandidate: two\nSet: A", -0.7)], "unclear"),
        ([("Candidate: one\nSet: A\n\nCandidate: two\nSet:", -0.7), (" A", None)], "unclear"),
    ],
)
def test_echo_is_compared_at_its_place(tokens: list[tuple[str, float | None]], expected: readings.Echo) -> None:
    assert readings.echo(PROMPT, " A", -0.7, _completion("", *tokens)) == expected
    finding = findings.echoed(expected)
    assert (finding.state == "ok") == (expected == "right") == (not finding.remedy)


def test_label_bias_is_what_shifts_leave() -> None:
    replies = [Reply([-0.2, -1.2]), Reply([-0.7, -0.7])]
    assert readings.label_bias(replies) == [0.25, -0.25]
    assert readings.label_bias(replies[:1]) is None
    assert readings.label_bias([Reply([-0.2, -1.2]), Reply(None)]) is None
    assert readings.label_bias([]) is None


def test_difference_counts_only_shared_labels() -> None:
    one, other = Reply([-0.2, -1.2], censored=[False, False]), Reply([-0.3, -9.0], censored=[False, True])
    assert readings.difference(one, other) == pytest.approx(0.1)
    assert readings.difference(one, Reply([-9.0, -9.0], censored=[True, True])) is None


@pytest.mark.parametrize(
    ("status", "message", "raw", "asked", "fewer"),
    [
        (400, "top_logprobs must be <= 5", b"", 20, 10),
        (422, "a bad value", b'{"param": "top_logprobs"}', 10, 8),
        (400, "top_logprobs must be <= 5", b"", 5, None),
        (400, "too long", b"", 20, None),
        (500, "logprobs is not supported", b"", 20, None),
    ],
)
def test_fewer_alternatives_only_after_their_refusal(
    status: int, message: str, raw: bytes, asked: int, fewer: int | None
) -> None:
    assert readings.fewer_alternatives(asked, Fault("item", message, status), raw) == fewer


@given(
    st.one_of(st.none(), st.integers(0, 999)),
    st.text(max_size=300),
    st.lists(st.text(max_size=20), max_size=3),
    st.sampled_from(["item", "retry", "pause"]),
)
def test_blame_is_one_line_with_remedy(status: int | None, message: str, offered: list[str], kind: str) -> None:
    fault = Fault(kind, message, status)  # type: ignore[arg-type]
    finding = findings.blame(fault, MODEL, offered)
    assert finding.state == "bad"
    assert finding.remedy
    assert "\n" not in finding.says
    assert "\x1b" not in finding.says + finding.remedy
