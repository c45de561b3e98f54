from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from icm_tui.errors import UserError
from icm_tui.tui.run.labels import Term, matcher, parse_filter
from icm_tui.tui.run.view import Facts, RunView
from tests.tui.finished import Finished, full_view, records_of, view_of

LABELS = ("A", "B")
WORDS = st.sampled_from(
    [*"AB=<>.'\"\\ 0", "label", "flips", "p", "group", "item", "pinned", "unlabelled", "<=", ">=", "1e9", "nan", "tax"]
)
TYPED = st.one_of(st.text(max_size=30), st.lists(WORDS, max_size=8).map("".join))


@given(typed=TYPED)
@example("don't")
@example('"open')
@example("p<")
@example("p=nan")
@example("label=\x1b[2J")
@example("group=1_0")
def test_parse_filter_reads_or_refuses_in_a_sentence(typed: str) -> None:
    said = "pinned or unlabelled."
    terms: tuple[Term, ...] = ()
    try:
        terms = parse_filter(typed, LABELS)
    except UserError as error:
        said = str(error)
    assert said.endswith("pinned or unlabelled.")
    assert all(term.value == term.value for term in terms)


DOCUMENTED: list[tuple[str, tuple[Term, ...], Callable[[Facts], bool]]] = [
    ("", (), lambda facts: True),
    ("THE", (Term("text", words="the"),), lambda facts: "the" in facts.text.casefold()),
    ('"of the"', (Term("text", words="of the"),), lambda facts: "of the" in facts.text.casefold()),
    ("label=A", (Term("label", "=", 0),), lambda facts: facts.label == 0),
    ("label=b", (Term("label", "=", 1),), lambda facts: facts.label == 1),
    ("flips>1", (Term("flips", ">", 1),), lambda facts: facts.flips > 1),
    ("p<.6", (Term("p", "<", 0.6),), lambda facts: facts.p is not None and facts.p < 0.6),
    ("p>=0.9", (Term("p", ">=", 0.9),), lambda facts: facts.p is not None and facts.p >= 0.9),
    ("group=3", (Term("group", "=", 3),), lambda facts: facts.group == 3),
    ("item<=4", (Term("item", "<=", 4),), lambda facts: facts.item <= 4),
    ("pinned", (Term("pinned"),), lambda facts: facts.pinned),
    ("unlabelled", (Term("unlabelled"),), lambda facts: facts.label < 0),
    (
        "p>.5 the label=A",
        (Term("p", ">", 0.5), Term("text", words="the"), Term("label", "=", 0)),
        lambda facts: facts.p is not None and facts.p > 0.5 and "the" in facts.text.casefold() and facts.label == 0,
    ),
]


@pytest.mark.parametrize(("typed", "terms", "plain"), DOCUMENTED, ids=[each[0] for each in DOCUMENTED])
def test_parse_filter_reads_every_documented_form(
    typed: str, terms: tuple[Term, ...], plain: Callable[[Facts], bool], finished: Finished
) -> None:
    assert parse_filter(typed, LABELS) == terms
    view = full_view(finished("shots"))
    half = half_way(finished)
    for each in (view, half):
        found = list(filter(matcher(terms, each), range(len(each.items))))
        assert found == [item for item in range(len(each.items)) if plain(each.facts(item))]


def half_way(finished: Finished) -> RunView:
    """A view of a run in which some items have no label or no answer yet."""
    view = view_of(finished("shots"))
    view.apply(records_of(finished("shots"))[:60])
    assert 0 < view.shown.labelled < len(view.items)
    return view


def test_parse_filter_distinguishes_labels_by_case() -> None:
    assert parse_filter("label=a", ("A", "a")) == (Term("label", "=", 1),)
    with pytest.raises(UserError, match="names no label; the labels are aB, Ab"):
        parse_filter("label=ab", ("aB", "Ab"))


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("label=C", "names no label; the labels are A, B"),
        ("label>A", "names no label"),
        ("flips>many", "needs a number behind the >"),
        ("p<", "needs a number behind the <"),
        ("item=nan", "needs a number behind the ="),
    ],
)
def test_parse_filter_says_what_it_cannot_read(typed: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        parse_filter(typed, LABELS)
