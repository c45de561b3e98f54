"""What a split follows is found and ranked; what it does not follow is not."""

import random
from collections.abc import Callable, Sequence

import pytest

from icm_tui.domain.items import Gold, Item
from icm_tui.evaluate.shortcuts import diagnose, headline, traits_of

_WORDS = ["apple", "bridge", "candle", "dust", "eagle", "frost", "garden", "harbour", "ink", "jar", "kettle", "lamp"]


def items_of(n: int, *, grouped: bool = True, change: Callable[[int, str], str] = lambda _, text: text) -> list[Item]:
    """`n` items of random words, two to a group where `grouped`; `change` plants a trait by the item's number."""
    draw = random.Random(7)
    texts = [" ".join(draw.choices(_WORDS, k=12)) for _ in range(n)]
    return [
        Item(f"u{row}", change(row, text), row // 2 if grouped else None, row % 2 if grouped else None)
        for row, text in enumerate(texts)
    ]


def opposite(n: int, seed: int) -> list[int | None]:
    draw = random.Random(seed)
    coins = [draw.randint(0, 1) for _ in range(n // 2)]
    return [coins[row // 2] ^ (row % 2) for row in range(n)]


_LABELS = opposite(200, 3)


def planted(kind: str) -> tuple[list[Item], str]:
    """Items in which the second set has more of a trait, and the trait's name."""
    changes: dict[str, tuple[Callable[[str], str], str]] = {
        "length": (lambda text: text + " " + "x" * 200, "characters"),
        "question": (lambda text: text + "?", "question marks"),
        "word": (lambda text: "zebra " + text, "zebra"),
        "digits": (lambda text: text + " 12345", "digits"),
        "capitals": (lambda text: text.upper(), "capital letters"),
    }
    change, name = changes[kind]
    return items_of(200, change=lambda row, text: change(text) if _LABELS[row] == 1 else text), name


@pytest.mark.parametrize("kind", ["length", "question", "word", "digits", "capitals"])
def test_diagnose_ranks_planted_trait_first(kind: str) -> None:
    items, name = planted(kind)
    found = diagnose(items, _LABELS, None, n_labels=2, seed=0)
    top = [one for one in found if one.strength > 0.99]
    assert name in {one.name for one in top}
    assert found[0] in top
    assert all(one.label == 1 for one in top if one.name == name)
    assert found[0].p_adjusted == pytest.approx(1 / 501)


def test_diagnose_finds_split_by_rows_of_source() -> None:
    """Labels that give away which row of a pair came first in the source, though items were shuffled."""
    base = items_of(200)
    items = [Item(str(row), one.text, one.group, one.key) for row, one in enumerate(base)]
    random.Random(1).shuffle(items)
    labels: list[int | None] = [int(item.uid) % 2 for item in items]
    first = diagnose(items, labels, None, n_labels=2, seed=0)[0]
    assert (first.kind, first.name, first.strength) == ("position", "row among its group's in the source", 1.0)


def test_diagnose_ranks_gold_among_traits() -> None:
    items = items_of(200)
    half = {f"u{row}": int(_LABELS[row] or 0) for row in range(100)}
    gold = Gold(
        {"meant": half, "other": {f"u{row}": row % 2 for row in range(200)}},
        {"meant": ["yes", "no"], "other": ["a", "b"]},
    )
    found = diagnose(items, _LABELS, gold, n_labels=2, seed=0)
    assert (found[0].kind, found[0].name, found[0].label) == ("gold", "meant = yes", 0)
    assert (found[0].strength, found[0].n) == (pytest.approx(1.0), 100)
    assert "follows meant = yes (more in A, strength 1.00 of 1) most closely" in headline(found, ["A", "B"])


def test_headline_names_trait_above_gold() -> None:
    items, name = planted("question")
    gold = Gold({"meant": {f"u{row}": row % 2 for row in range(200)}}, {"meant": ["yes", "no"]})
    found = diagnose(items, _LABELS, gold, n_labels=2, seed=0)
    told = headline(found, ["A", "B"])
    assert f"follows {name} (more in B, strength 1.00 of 1) most closely" in told
    assert "It may be what was found: the nearest gold column is meant = yes" in told
    assert told.endswith("no more than chance.")


@pytest.mark.slow
def test_diagnose_of_random_labels_keeps_its_rate() -> None:
    items = items_of(120)
    called = 0
    for seed in range(100):
        found = diagnose(items, opposite(120, seed), None, n_labels=2, seed=seed, permutations=200)
        called += found[0].p_adjusted is not None and found[0].p_adjusted <= 0.05
    assert 1 <= called <= 10


def test_headline_says_if_all_is_chance() -> None:
    found = diagnose(items_of(120), opposite(120, 11), None, n_labels=2, seed=0)
    assert headline(found, ["A", "B"]).startswith("None of ")


def test_diagnose_of_more_than_two_sets() -> None:
    labels: list[int | None] = [row % 3 for row in range(150)]
    items = items_of(150, grouped=False, change=lambda row, text: text + ("!" if row % 3 == 2 else ""))
    first = diagnose(items, labels, None, n_labels=3, seed=0)[0]
    assert (first.name, first.label, first.strength) == ("exclamation marks", 2, pytest.approx(1.0))


@pytest.mark.parametrize("labels", [[None] * 10, [0] * 10, [1, None] * 5])
def test_headline_without_split_says_so(labels: Sequence[int | None]) -> None:
    found = diagnose(items_of(10), labels, None, n_labels=2, seed=0)
    assert found == []
    assert headline(found, ["A", "B"]) == "There is no split to examine: fewer than two sets have items."


def test_headline_cleans_hostile_names() -> None:
    name = "a\x1b]0;x\x07[bold]\n\u202eb"
    gold = Gold({name: {f"u{row}": int(_LABELS[row] or 0) for row in range(200)}}, {name: ["\x1b[2J", "no"]})
    items = items_of(200, change=lambda _, text: text + " \x1b[31m\u202e " + "\ufffd" * 3)
    told = headline(diagnose(items, _LABELS, gold, n_labels=2, seed=0), ["A", "B"])
    assert not set("\x1b\n\u202e") & set(told)


def test_traits_leave_rare_words_out() -> None:
    items = items_of(
        40, change=lambda row, text: text + (" rarity" if row < 8 else "") + (" common" if row < 10 else "")
    )
    names = {trait.name for trait in traits_of(items) if trait.kind == "words"}
    assert "common" in names
    assert "rarity" not in names
