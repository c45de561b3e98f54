"""What the embedded model says about its votes: shares that add up, and words of the text."""

import asyncio
import math
import re
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from icm_tui.models.client import Piece, Query
from icm_tui.models.embedded.explanation import SPEAKER, Vote
from icm_tui.models.embedded.features import PLACES, Features, Gram, grams_of
from icm_tui.models.embedded.model import EmbeddedClient, EmbeddedModel
from tests.models.embedded.test_model import questions, words

NAMES = ["A", "B", "C", "D"]
NUMBER = re.compile(r"[+-]\d+\.\d\d")


def log_odds(logprobs: list[float] | None, label: int) -> float:
    """The score of a label against the mean of the others."""
    assert logprobs is not None
    others = [value for other, value in enumerate(logprobs) if other != label]
    return logprobs[label] - sum(others) / len(others)


def said(model: EmbeddedModel, vote: Vote, item: int, labels: Sequence[str] = NAMES[:2]) -> str:
    return "".join(model.explain(vote, item, labels))


@settings(max_examples=80)
@given(questions(), st.integers(0, 1))
def test_vote_is_sum_of_shares(question: tuple[list[str], list[int], int, list[tuple[int, int]]], label: int) -> None:
    texts, groups, n_labels, shown = question
    model = EmbeddedModel(texts, groups, n_labels)
    model.relabel(3, [(item, None, other) for item, other in shown])
    for item in range(len(texts)):
        by_list = model.vote_by_list(item, shown, label)
        assert by_list.total == pytest.approx(log_odds(model.answer_list(item, 0, shown).logprobs, label), abs=3e-6)
        by_all = model.vote_by_all(item, 3, label)
        assert by_all.total == pytest.approx(log_odds(model.answer_all(item, 3).logprobs, label), abs=3e-6)
        outside = [other for other, _ in shown if groups[other] != groups[item]]
        assert by_list.shown == by_all.shown == len(outside)


@settings(max_examples=60)
@given(questions())
def test_phrases_add_up_and_quote_text(
    question: tuple[list[str], list[int], int, list[tuple[int, int]]],
) -> None:
    texts, groups, n_labels, shown = question
    model = EmbeddedModel(texts, groups, n_labels)
    for item in range(len(texts)):
        vote = model.vote_by_list(item, shown, None)
        text = said(model, vote, item, NAMES[:n_labels])
        *parts, total = [float(number) for number in NUMBER.findall(text)] or [0.0]
        assert sum(parts) == pytest.approx(total, abs=0.006)
        assert total == pytest.approx(vote.total, abs=0.006)
        own = re.findall(r"\w+", texts[item].lower())
        for quoted in re.findall(r'"([^"]*)"', text):
            assert f" {quoted} " in f" {' '.join(own)} "
        assert text.endswith((f"{vote.shown} labelled items.", f"{vote.shown} labelled item.", "is shown."))


def test_vote_explains_likeliest_label_by_default() -> None:
    texts, groups = words(40), list(range(40))
    shown = [(item, item % 3) for item in range(20, 40)]
    model = EmbeddedModel(texts, groups, 3)
    for item in range(20):
        logprobs = model.answer_list(item, 0, shown).logprobs
        assert logprobs is not None
        assert logprobs[model.vote_by_list(item, shown, None).label] == max(logprobs)


def test_phrases_name_words_with_their_letters() -> None:
    """A single word makes the difference, so it is named for one label and against the other."""
    texts = ["taxes fall", "taxes rise", "trees fall", "trees rise", "taxes here", "trees here"]
    model = EmbeddedModel(texts, list(range(6)), 2)
    shown = [(0, 0), (1, 0), (2, 1), (3, 1)]
    favoured = said(model, model.vote_by_list(4, shown, 0), 4)
    assert re.match(r'For A: "taxes" \+\d\.\d\d', favoured)
    assert re.search(r"\. Vote for A: \+\d\.\d\d nats, from 4 labelled items\.$", favoured)
    assert '"here"' not in favoured.split(";")[0]
    contrary = said(model, model.vote_by_list(4, shown, 1), 4)
    assert re.match(r'(For B: "here" \+0\.\d\d; )?for A: "taxes" -\d\.\d\d', contrary)
    assert "Vote for B: -" in contrary
    of_three = said(EmbeddedModel(texts, list(range(6)), 3), model.vote_by_list(4, shown, 1), 4, NAMES[:3])
    assert 'against B: "taxes" -' in of_three


def test_phrases_say_when_nothing_counts() -> None:
    model = EmbeddedModel(["sun", "moon", "sun", "river river"], [0, 1, 2, 3], 2)
    assert said(model, model.vote_by_list(0, [], 0), 0) == ("Nothing is for or against A: no labelled item is shown.")
    blank = EmbeddedModel(["", "", ""], [0, 1, 2], 2)
    assert said(blank, blank.vote_by_list(0, [(1, 1)], 1), 0) == (
        "Nothing is for or against B: it has nothing in common with 1 labelled item."
    )


def test_phrases_name_heaviest_n_gram_of_place() -> None:
    """Find two words of one place, and use both in a text; one of them is much rarer."""
    places: dict[int, str] = {}
    common = rare = ""
    for number in range(10_000):
        word = f"w{number}"
        place = Gram("w", word).code % PLACES
        if place in places:
            common, rare = places[place], word
            break
        places[place] = word
    texts = [f"{common} {rare}", rare, *[common] * 8, "other"]
    features = Features(texts, list(range(len(texts))))
    times, _ = grams_of(texts[0])
    weights = {gram: features.weights([gram.code], [count])[0] for gram, count in times.items()}
    assert weights[Gram("w", rare)] > weights[Gram("w", common)] > 0
    shares = np.zeros(PLACES)
    shares[Gram("w", rare).code % PLACES] = 1.0
    model = EmbeddedModel(texts, list(range(len(texts))), 2)
    assert said(model, Vote(0, shares, 2), 0).startswith(f'For A: "{rare}" +1.00.')


def test_phrases_ignore_n_grams_of_one_text() -> None:
    features = Features(["sun moon", "sun river", "stone"], [0, 1, 2])
    codes = [Gram("w", word).code for word in ("moon", "sun", "sun", "never")]
    rare, twice, once, unknown = features.weights(codes, [1, 2, 1, 1])
    assert rare == unknown == 0.0
    assert twice == pytest.approx(once * (1 + math.log(2)))
    assert once == pytest.approx(math.log(4 / 3))
    assert Features(["", ""], [0, 1]).weights(codes[:1], [1]) == 0.0
    assert len(features.weights([], [])) == 0


def test_embedded_client_explains_in_pieces() -> None:
    texts = words(30)
    model = EmbeddedModel(texts, list(range(30)), 2)
    model_client = EmbeddedClient(model, ["yes", "no"])
    model_client.relabel(1, [(item, None, item % 2) for item in range(10, 30)])
    turns: list[int] = []

    async def other() -> None:
        while True:
            turns.append(len(turns))
            await asyncio.sleep(0)

    async def explained(asked: Query) -> list[Piece]:
        task = asyncio.create_task(other())
        pieces = [piece async for piece in model_client.explain(asked, 0)]
        task.cancel()
        return pieces

    pieces = asyncio.run(explained(Query("q", 3, 1, 0, "all")))
    assert len(turns) >= len(pieces) > 2
    assert "".join(piece.text for piece in pieces) == said(model, model.vote_by_all(3, 1, 0), 3, ["yes", "no"])
    assert not any(piece.reasoning for piece in pieces)
    listed = asyncio.run(explained(Query("q", 3, 1, 0, [(20, 1), (21, 0)])))
    assert listed[-1].text.endswith("from 2 labelled items.")
    assert model_client.speaker == SPEAKER
