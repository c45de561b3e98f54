from hypothesis import given, settings
from hypothesis import strategies as st

from icm_tui.tui.run.labels import SORTS, Sort, Table, parse_filter
from icm_tui.tui.run.view import RunView
from tests.runner.journals import Clock
from tests.tui.finished import Finished, full_view, records_of, view_of

TYPED = st.sampled_from(["", "the", "label=A", "flips>0", "p<.8", "pinned", "p<.9 label=B", "nothing is so"])
_LAST = {"number": 0.0, "flips": 0.0, "p": 2.0, "latest": 1.0}


def expected(view: RunView, typed: str, sort: Sort) -> list[int]:
    """The rows by a plain computation."""
    terms = {term.field: term for term in parse_filter(typed, view.label_names)}

    def kept(item: int) -> bool:
        facts = view.facts(item)
        checks = {
            "text": lambda: terms["text"].words in facts.text.casefold(),
            "label": lambda: facts.label == terms["label"].value,
            "flips": lambda: facts.flips > terms["flips"].value,
            "p": lambda: facts.p is not None and facts.p < terms["p"].value,
            "pinned": lambda: facts.pinned,
        }
        return all(checks[field]() for field in terms) and typed != "nothing is so"

    def key(item: int) -> float:
        facts = view.facts(item)
        history = view.shown.history.of(item)
        if sort == "flips":
            return -facts.flips
        if sort == "p":
            return _LAST["p"] if facts.p is None else facts.p
        if sort == "latest":
            return -history[-1].n if history else _LAST["latest"]
        if sort == "seeds":
            return _LAST["p"]
        return item

    return sorted(filter(kept, range(len(view.items))), key=lambda item: (key(item), item))


@given(typed=TYPED, sort=st.sampled_from(SORTS), share=st.floats(0, 1), a_look=st.integers(1, 40))
@settings(max_examples=60)
def test_table_filters_and_sorts_as_a_plain_computation(
    typed: str, sort: Sort, share: float, a_look: int, finished: Finished
) -> None:
    run = finished("all")
    found = records_of(run)
    view = view_of(run)
    view.apply(found[: round(share * len(found))])
    table = Table(items_a_look=a_look)
    table.show(view, parse_filter(typed, view.label_names), typed, sort)
    assert list(table.rows) == expected(view, typed, sort)
    assert (table.typed, table.sort) == (typed, sort)
    for place, item in enumerate(table.rows):
        assert table.place_of(item) == place
    assert all(table.place_of(item) is None for item in set(range(len(view.items))) - set(table.rows))


def test_table_follows_its_run_but_not_at_every_look(finished: Finished) -> None:
    run, clock = finished("all"), Clock()
    found, view, table = records_of(run), view_of(run), Table(clock)
    view.apply(found[:100])
    table.show(view, (), "", "latest")
    clock.now += 100
    shown = list(table.rows)
    table.update(view)
    assert list(table.rows) == shown
    view.apply(found[100:])
    table.update(view)
    assert list(table.rows) == expected(view, "", "latest") != shown
    # Records that came since wait until it is time again.
    view.last_seq += 1
    table.rows = []
    clock.now += 0.5
    table.update(view)
    assert list(table.rows) == []
    clock.now += 1.0
    table.update(view)
    assert list(table.rows) == expected(view, "", "latest")


def test_table_makes_a_slow_update_in_slices(finished: Finished) -> None:
    clock = Clock()

    def ticking() -> float:
        clock.now += 0.005
        return clock.now

    view, table = full_view(finished("all")), Table(ticking, items_a_look=4)
    table.sort = "p"
    table.update(view)
    updates = 1
    while not table.rows:
        table.update(view)
        updates += 1
    assert updates > 5
    assert list(table.rows) == expected(view, "", "p")
    # It may take a small part of the time only: the longer it took, the longer until the next.
    view.last_seq += 1
    table.rows = []
    clock.now += 1.5
    table.update(view)
    assert table.rows == []
    before = clock.now
    while not table.rows:
        clock.now += 0.01
        table.update(view)
        assert clock.now < before + 60


def test_table_in_order_and_unfiltered_costs_nothing(finished: Finished) -> None:
    view, table = view_of(finished("all")), Table()
    table.update(view)
    assert table.rows == range(len(view.items))
