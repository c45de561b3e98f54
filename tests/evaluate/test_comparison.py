"""What the designs show: the same items, labels that obey the rule, and as many errors in other places."""

from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from icm_tui.domain.items import Item
from icm_tui.domain.rules import RULES, assignments
from icm_tui.evaluate.comparison import held_out_curves, own_showings, scramble
from icm_tui.runner.comparing import Ground
from icm_tui.search.problem import make_problem
from tests.domain.allowed import rules_for


@st.composite
def grounds(draw: st.DrawFn) -> tuple[Ground, dict[int, int], dict[int, int]]:
    """Pairs under a rule that gold and found labels obey, a few of them held out."""
    rule = draw(st.sampled_from(rules_for(2)))
    pairs, out = draw(st.integers(3, 12)), draw(st.integers(1, 4))
    items = [Item(str(n), f"text {n}", n // 2, n % 2) for n in range(2 * (pairs + out))]
    ground = Ground(items, 2 * pairs, make_problem(items, rule, 2))

    allowed = list(assignments(rule, 2, 2) or product(range(2), repeat=2))

    def labels() -> dict[int, int]:
        drawn = [draw(st.sampled_from(allowed)) for _ in range(pairs)]
        return {2 * pair + place: label for pair, both in enumerate(drawn) for place, label in enumerate(both)}

    return ground, labels(), labels()


def _obeys(ground: Ground, shown: tuple[tuple[int, int], ...]) -> bool:
    problem = ground.problem
    for group in {problem.group_of[item] for item, _ in shown}:
        members = [(item, label) for item, label in shown if problem.group_of[item] == group]
        keys = [problem.keys[item] for item, _ in members]
        if RULES[problem.rule].broken([label for _, label in members], keys, problem.n_labels):
            return False
    return True


@settings(max_examples=50)
@given(made=grounds(), seed=st.integers(0, 2**63 - 1))
def test_held_out_curves_show_same_items_and_obey_rule(
    made: tuple[Ground, dict[int, int], dict[int, int]], seed: int
) -> None:
    ground, found, gold = made
    names = ("zero_shot", "found", "gold", "random", "scrambled")
    curves = held_out_curves(ground, found, gold, designs=names, shots=(0, 2, 4, 64), draws=2, seed=seed)
    assert {(curve.design, curve.shots) for curve in curves} == {
        ("zero_shot", 0),
        *((name, many) for name in names[1:] for many in (2, 4)),
    }
    for many in (2, 4):
        for draw in range(2):
            shown = {c.design: c.draws[draw][0].shown for c in curves if c.shots == many}
            assert len({tuple(item for item, _ in pairs) for pairs in shown.values()}) == 1
            assert all(_obeys(ground, pairs) for pairs in shown.values())
            assert all(item < ground.searched for item, _ in shown["gold"])
            assert all(label == gold[item] for item, label in shown["gold"])
            assert all(label == found[item] for item, label in shown["found"])
    assert all(c.draws[0][0].items == tuple(range(ground.searched, len(ground.items))) for c in curves)


@settings(max_examples=50)
@given(made=grounds(), seed=st.integers(0, 2**63 - 1))
def test_scramble_keeps_share_of_right_labels(made: tuple[Ground, dict[int, int], dict[int, int]], seed: int) -> None:
    ground, found, gold = made
    scrambled = scramble(ground, found, gold, [seed])
    assert sorted(scrambled) == sorted(found)
    right = sum(found[item] == gold[item] for item in found)
    assert sum(scrambled[item] == gold[item] for item in scrambled) == right


@settings(max_examples=50)
@given(made=grounds(), name=st.sampled_from(["zero_shot", "random_labels", "gold_few_shot"]))
def test_own_showings_ask_each_item_without_its_group(
    made: tuple[Ground, dict[int, int], dict[int, int]], name: str
) -> None:
    ground, _, gold = made
    showings = own_showings(ground, name, gold, shots=4, seed=5)
    assert sorted(item for showing in showings for item in showing.items) == list(range(ground.searched))
    for showing in showings:
        assert _obeys(ground, showing.shown)
        assert bool(showing.shown) == (name != "zero_shot")
        groups = {ground.problem.group_of[item] for item, _ in showing.shown}
        assert not groups & {ground.problem.group_of[item] for item in showing.items}
