"""Method `icm` with more than two labels, against a simulated learner that knows the topics."""

import math
from itertools import permutations
from random import Random

import pytest

from icm_tui.domain.items import Item
from icm_tui.search.icm.method import Icm
from icm_tui.search.problem import make_problem
from tests.search.drive import Model, Shown, shown_to
from tests.search.efforts import effort


def knowing(topics: list[int], n_labels: int) -> Model:
    """Every demonstration adds .35 nats to its label if it is of the topic asked about, and else takes a little off;
    the model has a bias to the later labels."""

    def answer(item: int, shown: Shown) -> list[float]:
        scores = [0.2 * label for label in range(n_labels)]
        for other, label in shown:
            scores[label] += 0.35 if topics[other] == topics[item] else -0.35 / (n_labels - 1)
        total = math.log(sum(map(math.exp, scores)))
        return [score - total for score in scores]

    return answer


@pytest.mark.parametrize("n_labels", [3, 4])
def test_icm_tells_three_and_four_topics_apart(n_labels: int) -> None:
    topics = [number % n_labels for number in range(240)]
    Random(5).shuffle(topics)
    problem = make_problem([Item(str(number), "", None) for number in range(240)], "none", n_labels)
    search, model, contexts = Icm(problem, effort(problem, "standard", 1)), knowing(topics, n_labels), {}
    while not search.done:
        contexts |= {context.id: context for context in search.drain_contexts()}
        for question in list(search.wants()):
            search.tell(question.id, model(question.item, shown_to(search, question, contexts[question.context_id])))
        while (proposal := search.propose()) is not None:
            search.commit(proposal)
    right = max(
        sum(label == naming[topic] for label, topic in zip(search.labels, topics, strict=True))
        for naming in permutations(range(n_labels))
    )
    assert right >= 0.95 * len(topics)
    assert search.coherence_bits is not None
    assert 0.5 * math.log2(n_labels) < search.coherence_bits <= math.log2(n_labels)
