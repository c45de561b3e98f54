from hypothesis import given
from hypothesis import strategies as st

from icm_tui.run_dir.labels import ChainLabels, Change

CHANGES = st.lists(st.tuples(st.integers(0, 3), st.none() | st.integers(0, 1), st.booleans()), max_size=30)


@given(changes=CHANGES)
def test_chain_labels_follow_the_changes(changes: list[tuple[int, int | None, bool]]) -> None:
    chain = ChainLabels(4, 2)
    labels: dict[int, int | None] = dict.fromkeys(range(4))
    history: dict[int, list[Change]] = {item: [] for item in range(4)}
    for n, (item, label, by_person) in enumerate(changes):
        before = labels[item]
        flipped = chain.change(item, n, label, by_person=by_person)
        assert flipped == (None not in (before, label) and before != label)
        history[item].append(Change(n, before, label, by_person))
        labels[item] = label
    assert list(chain.labels) == [-1 if label is None else label for label in labels.values()]
    assert chain.counts == [list(labels.values()).count(label) for label in (0, 1)]
    assert chain.labelled == 4 - list(labels.values()).count(None)
    for item in range(4):
        assert chain.history.of(item) == history[item]
        flips = [change for change in history[item] if None not in change[1:3] and change.before != change.after]
        assert chain.flips[item] == len(flips)
        assert chain.decided[item] == (-1 if labels[item] is None else history[item][-1].n)
