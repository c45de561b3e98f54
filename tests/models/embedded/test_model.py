"""The embedded model against a dense, plain computation of its vote."""

import math
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from icm_tui.domain.decisions import LabelChange
from icm_tui.models.embedded.features import PLACES, Features
from icm_tui.models.embedded.model import EmbeddedModel

NOUNS = ("sun", "moon", "river", "stone", "bread", "engine", "violin", "tax", "treaty", "garden", "")
VERBS = ("warms", "cools", "lifts", "breaks", "feeds", "", "signs", "grows")


def words(count: int, seed: int = 0) -> list[str]:
    """Short sentences whose words recur; some are empty."""
    random = Random(seed)
    return [f"{random.choice(NOUNS)} {random.choice(VERBS)} {random.choice(NOUNS)}" for _ in range(count)]


def rows_of(texts: list[str], groups: list[int]) -> np.ndarray:
    features = Features(texts, groups)
    rows = np.zeros((len(texts), PLACES))
    for item in range(len(texts)):
        places, values = features.row(item)
        rows[item, places] = values
    return rows - features.mean


def vote(rows: np.ndarray, groups: list[int], n_labels: int, item: int, shown: list[tuple[int, int]]) -> list[float]:
    """log softmax of c0 w . (onehot_c - 1/K) / |w|, for demonstrations outside the item's group."""
    kept = [(other, label) for other, label in shown if groups[other] != groups[item]]
    weights = rows[[other for other, _ in kept]] @ rows[item] if kept else np.zeros(0)
    one_hot = np.eye(n_labels)[[label for _, label in kept]] if kept else np.zeros((0, n_labels))
    norm = math.sqrt(float(weights @ weights))
    scale = min(1.0, 16 / math.sqrt(len(kept))) / norm if norm > 0 else 0.0
    scores = scale * (weights @ (one_hot - 1 / n_labels))
    return (scores - np.log(np.exp(scores).sum())).tolist()


@st.composite
def questions(draw: st.DrawFn) -> tuple[list[str], list[int], int, list[tuple[int, int]]]:
    """Texts, groups, a number of labels and some labelled items."""
    count = draw(st.integers(2, 24))
    groups = draw(st.lists(st.integers(0, 8), min_size=count, max_size=count))
    n_labels = draw(st.integers(2, 4))
    items = draw(st.lists(st.sampled_from(range(count)), unique=True))
    return (
        words(count, draw(st.integers(0, 99))),
        groups,
        n_labels,
        [(item, draw(st.integers(0, n_labels - 1))) for item in items],
    )


@settings(max_examples=150)
@given(questions())
def test_embedded_votes_follow_formula(
    question: tuple[list[str], list[int], int, list[tuple[int, int]]],
) -> None:
    texts, groups, n_labels, shown = question
    rows = rows_of(texts, groups)
    model = EmbeddedModel(texts, groups, n_labels)
    for item in range(len(texts)):
        reply = model.answer_list(item, 0, shown)
        assert reply.logprobs == pytest.approx(vote(rows, groups, n_labels, item, shown), abs=1e-6)
        assert reply.logprobs == [round(value, 6) for value in reply.logprobs]
        assert sum(map(math.exp, reply.logprobs)) == pytest.approx(1.0, abs=1e-5)
        assert (reply.mass, reply.endpoint, reply.failed) == (1.0, "embedded", None)


def test_embedded_votes_of_two_labels_follow_formula() -> None:
    """For two labels: log-odds = c (w . y) / |w|, c = min(1, 16 / sqrt(k)), here with k above and below 256."""
    texts, groups = words(700), [i // 2 for i in range(700)]
    rows = rows_of(texts, groups)
    model = EmbeddedModel(texts, groups, 2)
    for context, k in enumerate((16, 64, 256, 576)):
        shown = [(item, item * 5 % 7 % 2) for item in range(100, 100 + k)]
        signs = np.array([1 - 2 * label for _, label in shown])
        for item in range(0, 100, 9):
            weights = rows[100 : 100 + k] @ rows[item]
            norm = float(np.linalg.norm(weights))
            expected = min(1.0, 16 / math.sqrt(k)) * float(weights @ signs) / norm if norm else 0.0
            first, second = model.answer_list(item, context, shown).logprobs
            assert first - second == pytest.approx(expected, abs=3e-6)


def test_embedded_never_counts_own_group() -> None:
    texts, groups = words(60), [i // 3 for i in range(60)]
    model = EmbeddedModel(texts, groups, 2)
    shown = [(item, item % 2) for item in range(30, 60)]
    for item in range(3):
        with_own = [*shown, *((other, 1) for other in range(3))]
        assert model.answer_list(item, 1, with_own) == model.answer_list(item, 0, shown)
    model.relabel(0, [(item, None, label) for item, label in shown])
    plain = [model.answer_all(item, 0) for item in range(3)]
    model.relabel(0, [(other, None, 1) for other in range(3)])
    assert [model.answer_all(item, 0) for item in range(3)] == plain


@pytest.mark.parametrize("n_labels", [2, 3])
@pytest.mark.parametrize("count", [40, 700])
def test_embedded_all_equals_context_of_all_others(n_labels: int, count: int) -> None:
    texts, groups = words(count), [i // 2 for i in range(count)]
    model = EmbeddedModel(texts, groups, n_labels)
    labels = [item * item % 11 % n_labels for item in range(count)]
    model.relabel(5, [(item, None, label) for item, label in enumerate(labels)])
    shown = list(enumerate(labels))
    for context, item in enumerate(range(0, count, 7)):
        found = model.answer_all(item, 5).logprobs
        assert found == pytest.approx(model.answer_list(item, context, shown).logprobs, abs=2e-6)


def test_embedded_all_is_rescaled_for_unlabelled_items() -> None:
    """The norm is that of all items' weights, not only of the labelled ones; the favoured label is the same."""
    count = 600
    texts, groups = words(count), [i // 2 for i in range(count)]
    model = EmbeddedModel(texts, groups, 2)
    shown = [(item, item * item % 11 % 2) for item in range(0, count, 2)]
    model.relabel(0, [(item, None, label) for item, label in shown])
    for context, item in enumerate(range(1, count, 37)):
        found = np.subtract(*model.answer_all(item, 0).logprobs)
        expected = np.subtract(*model.answer_list(item, context, shown).logprobs)
        assert found == pytest.approx(expected, rel=0.3, abs=1e-5)


@settings(max_examples=40)
@given(st.randoms(use_true_random=False), st.sampled_from((2, 3)))
def test_embedded_relabel_order_changes_no_bit(random: Random, n_labels: int) -> None:
    count = 60
    texts, groups = words(count), [i // 2 for i in range(count)]
    final = {item: random.randrange(n_labels) for item in range(count) if random.random() < 0.8}
    straight = EmbeddedModel(texts, groups, n_labels)
    straight.relabel(0, [(item, None, label) for item, label in final.items()])
    wandering = EmbeddedModel(texts, groups, n_labels)
    state: dict[int, int] = {}

    def set_label(item: int, label: int | None) -> None:
        changes: list[LabelChange] = [(item, state.get(item), label)]
        wandering.relabel(3, changes)
        state.pop(item, None)
        if label is not None:
            state[item] = label

    for _ in range(200):
        set_label(random.randrange(count), random.choice([None, *range(n_labels)]))
    for item in random.sample(range(count), count):
        set_label(item, final.get(item))
    assert [wandering.answer_all(item, 3) for item in range(count)] == [
        straight.answer_all(item, 0) for item in range(count)
    ]


def test_embedded_chains_are_separate() -> None:
    texts, groups = words(30), list(range(30))
    model = EmbeddedModel(texts, groups, 2)
    model.relabel(1, [(item, None, item % 2) for item in range(30)])
    before = model.answer_all(0, 1)
    model.relabel(2, [(item, None, (item + 1) % 2) for item in range(30)])
    assert model.answer_all(0, 1) == before
    assert model.answer_all(0, 2).logprobs == before.logprobs[::-1]


@pytest.mark.parametrize("n_labels", [2, 3, 5])
def test_embedded_without_context_is_uniform(n_labels: int) -> None:
    even = [round(-math.log(n_labels), 6)] * n_labels
    texts = ["", "sun warms", "sun cools", "moon warms", "moon cools", "?!"]
    model = EmbeddedModel(texts, [0, 1, 2, 3, 4, 4], n_labels)
    assert model.answer_list(1, 0, []).logprobs == even
    assert model.answer_all(1, 0).logprobs == even
    assert model.answer_list(5, 1, [(4, 1)]).logprobs == even
    blank = EmbeddedModel(["", "", ""], [0, 1, 2], n_labels)
    blank.relabel(0, [(1, None, 0), (2, None, 1)])
    assert blank.answer_list(0, 0, [(1, 0), (2, 1)]).logprobs == even
    assert blank.answer_all(0, 0).logprobs == even


def test_embedded_answers_do_not_depend_on_history() -> None:
    texts, groups = words(80), [i // 2 for i in range(80)]
    shown = [[(item, (item + context) % 2) for item in range(context, 80, 5)] for context in range(4)]
    fresh = {
        (item, context): EmbeddedModel(texts, groups, 2).answer_list(item, context, shown[context])
        for item in (0, 7, 33)
        for context in range(4)
    }
    model = EmbeddedModel(texts, groups, 2)
    for _ in range(2):
        for (item, context), reply in fresh.items():
            assert model.answer_list(item, context, shown[context]) == reply


def test_embedded_norms_are_sampled_above_2048_items() -> None:
    """Every model draws the same sample, so a resumed run answers alike, and close to what all items would give."""
    count = 2200
    texts, groups = words(count), [i // 2 for i in range(count)]
    labels = [item * item % 11 % 2 for item in range(count)]
    models = [EmbeddedModel(texts, groups, 2) for _ in range(2)]
    for model in models:
        model.relabel(0, [(item, None, label) for item, label in enumerate(labels)])
    rows = rows_of(texts, groups)
    shown = list(enumerate(labels))
    for item in range(0, count, 220):
        first, second = (model.answer_all(item, 0).logprobs for model in models)
        assert first == second
        raw = first[0] - first[1]
        exact = np.subtract(*vote(rows, groups, 2, item, shown))
        assert raw == pytest.approx(exact, rel=0.2, abs=0.01)
