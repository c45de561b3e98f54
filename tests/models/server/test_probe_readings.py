"""What replies say about an endpoint, read without a server."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from icm_tui.domain.reply import Reply
from icm_tui.models.server.probe import readings as diagnosis
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
def test_prefill_is_told_by_the_tokens(completion: Completion, continued: bool, repeated: bool) -> None:
    assert diagnosis.prefilled(completion) == diagnosis.Prefilled(continued, repeated)


@pytest.mark.parametrize(
    ("completion", "thinks"),
    [
        (_completion("A", ("A", -0.1)), False),
        (_completion("", ("Let", -0.1), reasoning="Let"), True),
        (_completion("", ("<think>", -0.1)), True),
        (_completion("", finish="length"), True),
        (_completion("", ("", -0.1), finish="length"), False),
        (_completion("A", finish="length"), False),
    ],
)
def test_a_thought_is_told_also_where_it_is_hidden(completion: Completion, thinks: bool) -> None:
    assert diagnosis.thinks(completion) == thinks


PROMPT = "Candidate: one\nSet: A\n\nCandidate: two\nSet:"


@pytest.mark.parametrize(
    ("tokens", "says", "state"),
    [
        ([("Candidate: one\nSet: A\n\nCandidate: two\nSet:", None), (" A", -0.7), (" x", -1.0)], "and right", "ok"),
        ([("Candidate: one\nSet: A\n\nCandidate: two\nSet:", -0.7), (" A", -3.0)], "but wrong", "note"),
        ([(" A", -0.7)], "not echoed", "note"),
        ([], "not echoed", "note"),
        ([("Candidate: one\nSet: A\n\nCandidate: two\nSet: A", -0.7)], "cannot be told", "note"),
        ([("Candidate: one\nSet: A\n\nCandidate: two\nSet:", -0.7), (" A", None)], "cannot be told", "note"),
    ],
)
def test_echo_is_compared_at_its_place(tokens: list[tuple[str, float | None]], says: str, state: str) -> None:
    finding = diagnosis.echo(PROMPT, " A", -0.7, _completion("", *tokens))
    assert says in finding.says
    assert finding.state == state
    assert bool(finding.remedy) == (state != "ok")


def test_the_leaning_is_what_shifting_the_labels_does_not_move() -> None:
    readings = [Reply([-0.2, -1.2]), Reply([-0.7, -0.7])]
    assert diagnosis.label_bias(readings) == [0.25, -0.25]
    assert diagnosis.label_bias(readings[:1]) is None
    assert diagnosis.label_bias([Reply([-0.2, -1.2]), Reply(None)]) is None
    assert diagnosis.label_bias([]) is None


def test_a_difference_counts_only_labels_that_both_answers_hold() -> None:
    one, other = Reply([-0.2, -1.2], censored=[False, False]), Reply([-0.3, -9.0], censored=[False, True])
    assert diagnosis.difference(one, other) == pytest.approx(0.1)
    assert diagnosis.difference(one, Reply([-9.0, -9.0], censored=[True, True])) is None


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
def test_fewer_are_asked_for_only_after_a_refusal_about_them(
    status: int, message: str, raw: bytes, asked: int, fewer: int | None
) -> None:
    assert diagnosis.fewer_alternatives(asked, Fault("item", message, status), raw) == fewer


@given(
    st.one_of(st.none(), st.integers(0, 999)),
    st.text(max_size=300),
    st.lists(st.text(max_size=20), max_size=3),
    st.sampled_from(["item", "retry", "pause"]),
)
def test_every_fault_is_one_line_with_a_remedy(status: int | None, message: str, offered: list[str], kind: str) -> None:
    fault = Fault(kind, message, status)  # type: ignore[arg-type]
    finding = diagnosis.blame(fault, MODEL, offered)
    assert finding.state == "bad"
    assert finding.remedy
    assert "\n" not in finding.says
    assert "\x1b" not in finding.says + finding.remedy


@given(st.binary(max_size=200))
def test_a_list_of_models_may_be_anything(body: bytes) -> None:
    assert isinstance(diagnosis.model_names(body), list)


def test_names_of_models_are_cleaned() -> None:
    assert diagnosis.model_names(b'{"data": [{"id": "a\\u001b[2Jb"}, {"id": 3}, "x", {}]}') == ["ab"]
