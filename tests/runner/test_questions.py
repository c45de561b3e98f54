"""Which questions go out: the first of a context alone if that saves the server work, and each of them at last."""

from hypothesis import given
from hypothesis import strategies as st

from icm_tui.domain.decisions import Question
from icm_tui.runner.questions import Sending


def questions(*contexts: int) -> list[Question]:
    return [Question(f"q{number}", context, number, 0) for number, context in enumerate(contexts)]


def chosen(sending: Sending, wanted: list[Question], free: int = 99) -> list[str]:
    found = sending.choose(wanted, free, warms=True)
    for question in found:
        sending.sent(question)
    return [question.id for question in found]


def test_sending_lets_the_first_of_a_context_out_alone() -> None:
    wanted = questions(0, 0, 0, 1, 1, 2)
    sending = Sending(lambda context: True)
    assert chosen(sending, wanted, 2) == ["q0", "q3"]
    assert chosen(sending, wanted) == ["q5"]
    assert chosen(sending, wanted) == []
    sending.returned("q0", read=True)
    assert chosen(sending, wanted[1:]) == ["q1", "q2"]
    sending.returned("q3", read=False)
    assert chosen(sending, [*wanted[1:3], wanted[4]]) == ["q4"]


def test_sending_holds_nothing_back_without_a_gain() -> None:
    wanted = questions(0, 0, 1, 1)
    assert chosen(Sending(lambda context: context == 1), wanted) == ["q0", "q1", "q2"]
    together = Sending(lambda context: True).choose(wanted, 3, warms=False)
    assert [question.id for question in together] == ["q0", "q1", "q2"]


def test_sending_forgets_contexts_that_were_dropped() -> None:
    sending = Sending(lambda context: True)
    (first, second, third) = wanted = questions(0, 0, 0)
    assert chosen(sending, wanted) == [first.id]
    sending.returned(first.id, read=True)
    sending.keep_only([])
    assert chosen(sending, [second, third]) == [second.id]
    sending.abandon()
    assert sending.in_flight == {}


@given(
    contexts=st.lists(st.integers(0, 4), min_size=1),
    concurrency_limit=st.integers(1, 8),
    back=st.randoms(use_true_random=False),
    warms=st.booleans(),
)
def test_sending_lets_every_question_out_once(
    contexts: list[int], concurrency_limit: int, back: object, warms: bool
) -> None:
    left = {question.id: question for question in questions(*contexts)}
    sending = Sending(lambda context: True)
    sent: list[str] = []
    read: set[int] = set()
    while left:
        free = concurrency_limit - len(sending.in_flight)
        for question in sending.choose(left.values(), free, warms=warms):
            sending.sent(question)
            sent.append(question.id)
        assert 0 < len(sending.in_flight) <= concurrency_limit
        unread = [question.context_id for question in sending.in_flight.values() if question.context_id not in read]
        assert not warms or len(unread) == len(set(unread))
        name = back.choice(sorted(sending.in_flight))  # type: ignore[attr-defined]
        answered = back.random() < 0.7  # type: ignore[attr-defined]
        if answered:
            read.add(left[name].context_id)
        sending.returned(name, read=answered)
        del left[name]
    assert len(sent) == len(set(sent)) == len(contexts)
