"""The strip and the pages of an item: what they say, at every width."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from icm_tui.domain.decisions import Demonstrations, Option
from icm_tui.domain.items import Item
from icm_tui.domain.rules import RULES
from icm_tui.run_dir.records import AnswerRecord, CommandRecord, ContextRecord, DecisionRecord, ReaskRecord
from icm_tui.search.problem import make_problem
from icm_tui.tui.item import lines
from icm_tui.tui.item.lines import page_prompt
from icm_tui.tui.run.view import RunView
from icm_tui.tui.text.cells import Line, width
from tests.tui.finished import KINDS, Finished, records_of, view_of
from tests.tui.hostile import CORPUS, MEGABYTE
from tests.tui.small import decision, numbered, piece, small_view

MINUS = "\u2212"
GROUPED = [(0, None), (0, None), (1, 0), (1, 0), (1, 1), (None, None), (2, 0), (2, 1), (2, 2)]


def a_view(
    rule: str = "opposite", *, labels: str = "AB", items: list[tuple[int | None, int | None]] = GROUPED
) -> RunView:
    """Items 0 and 1 are a pair, 2 and 3 share a key against 4, 5 has no group, 6 to 8 have three keys."""
    plain = small_view(labels=labels)
    profile = replace(plain.profile, consistency=replace(plain.profile.consistency, rule=rule))
    made = [Item(f"uid-{place}", f"text of {place}", group, key) for place, (group, key) in enumerate(items)]
    return RunView(profile, made)


def labelled(view: RunView, labels: dict[int, int], n: int = 5) -> RunView:
    changes = [(item, None, label) for item, label in labels.items()]
    view.apply(numbered(decision(n, items=list(labels), changes=changes)))
    return view


def a_context(demonstrations: Demonstrations, number: int = 3) -> ContextRecord:
    return ContextRecord(id=number, phase="sweeps", chain=0, demonstrations=demonstrations)


def an_answer(item: int = 0, logprobs: list[float] | None = None, **more: Any) -> AnswerRecord:
    found = [-0.07, -2.71] if logprobs is None and "failed" not in more else logprobs
    fields: dict[str, Any] = {
        "question": f"sweeps/0/388/{item}/0",
        "context_id": 3,
        "item": item,
        "n": 388,
        "logprobs": found,
    }
    return AnswerRecord(**fields | more)


def text(found: list[Line]) -> str:
    return "\n".join("".join(part.text for part in line).rstrip() for line in found)


def flat(found: list[Line]) -> str:
    """The words alone, however they were wrapped."""
    return " ".join(text(found).split())


SIXTEEN = [(place % 4 + 1, place % 2) for place in range(16)]


# The strip


def test_the_strip_says_all_in_two_lines() -> None:
    view = labelled(a_view(), {0: 1, 1: 0}, 2)
    view.apply(numbered(decision(388, items=[0, 1], changes=[(0, 1, 0), (1, 0, 1)])))
    view.label_bias = [-0.2, 0.11]
    first, second = text(lines.strip(view, 0, an_answer(), a_context(SIXTEEN), 120)).split("\n")
    assert first == " label A since decision 388 · group 0 (with 1: must differ) · B → A once, at 388"
    assert second == (
        f" asked with 16 examples (8 A, 8 B) · A {MINUS}0.07  B {MINUS}2.71 · label bias A {MINUS}0.31"
        " · e why  enter more"
    )


def test_strip_counts_the_labelled_others_if_all_are_shown() -> None:
    view = labelled(a_view(), {0: 0, 1: 1, 2: 0, 3: 0, 4: 1})
    assert "asked with all 3 others that have a label (2 A, 1 B)" in text(
        lines.strip(view, 0, an_answer(), a_context("all"), 120)
    )
    assert "asked with all 5 others that have a label (3 A, 2 B)" in text(
        lines.strip(view, 5, an_answer(5), a_context("all"), 120)
    )


def test_without_a_label_or_a_question_the_strip_says_so() -> None:
    shown = text(lines.strip(a_view(), 5, None, None, 120))
    assert "no label yet" in shown
    assert "not asked yet" in shown
    assert "group" not in shown


def test_a_chain_on_a_part_of_the_items_is_named_as_the_reason() -> None:
    view = small_view(chains=2)
    view.apply(numbered(decision(0, changes=[(0, None, 0)]), decision(1, chain=1, changes=[(0, None, 1)])))
    assert "no label yet, this chain works on a part of the items" in text(lines.strip(view, 3, None, None, 120))


def test_a_pin_shows_its_note_and_who_set_the_label() -> None:
    view = labelled(a_view(), {0: 1})
    args = {"item": 0, "label": "A", "note": "seen twice"}
    view.apply(numbered(CommandRecord(id="x", what="pin", args=args, n=9, outcome="done", changes=[(0, 0, 1, 0)])))
    shown = text(lines.strip(view, 0, None, None, 160))
    assert "label A, set by a person before decision 9 · pinned to A: seen twice" in shown
    assert "B → A once, at 9" in shown


def test_many_flips_are_counted() -> None:
    view = labelled(a_view(), {0: 0}, 1)
    for n, (before, after) in enumerate([(0, 1), (1, 0), (0, 1)], start=10):
        view.apply(numbered(decision(n, items=[0], changes=[(0, before, after)])))
    assert "3 flips, the last A → B at 12" in text(lines.strip(view, 0, None, None, 120))


def test_a_failed_answer_and_a_censored_one_are_told_in_words() -> None:
    view = a_view()
    failed = an_answer(failed="the server refused the item: too long")
    assert "no answer, the model refused it: the server refused the item: too long" in text(
        lines.strip(view, 0, failed, a_context(SIXTEEN), 160)
    )
    hidden = an_answer(logprobs=[-0.07, -9.1], censored=[False, True])
    assert f"A {MINUS}0.07  B ≤ {MINUS}9.10" in text(lines.strip(view, 0, hidden, a_context(SIXTEEN), 160))
    page = flat(lines.page_why(view, 0, hidden, a_context(SIXTEEN), 80))
    assert "did not name B: at most as likely as told" in page


def test_what_cannot_be_read_is_told_in_words() -> None:
    view = a_view()
    assert "examples that cannot be read" in text(lines.strip(view, 0, an_answer(), None, 160))
    view.shown.contexts[0] = 3
    assert "the answer cannot be read from the journal" in text(lines.strip(view, 0, None, None, 160))
    assert "asked without examples" in text(lines.strip(view, 0, an_answer(), a_context([]), 160))


def test_a_narrow_strip_drops_its_end() -> None:
    view = labelled(a_view(), {0: 1, 1: 0})
    for cells in range(20, 121):
        strip = lines.strip(view, 0, an_answer(), a_context(SIXTEEN), cells)
        assert [width(line) for line in strip] == [cells, cells]
        assert text(strip).startswith(" label B since deci")
    assert "more" not in text(lines.strip(view, 0, an_answer(), a_context(SIXTEEN), 60))


# The rule between members


@pytest.mark.parametrize(
    ("rule", "item", "told"),
    [
        ("none", 0, "0 (with 1: no rule)"),
        ("same", 0, "0 (with 1: same label)"),
        ("same", 2, "1 (with 3, 4: same label)"),
        ("opposite", 0, "0 (with 1: must differ)"),
        ("opposite", 2, "1 (with 4: must differ; with 3: same key: same label)"),
        ("opposite", 6, "2 (with 7, 8: no rule)"),
        ("one_true", 2, "1 (with 4: at most one is A; with 3: same key: same label)"),
        ("paper", 6, "2 (with 7, 8: at most one is A)"),
        ("opposite", 5, ""),
    ],
)
def test_relation_to_each_member_follows_rule_and_keys(rule: str, item: int, told: str) -> None:
    assert lines.group_words(a_view(rule), item) == told


def test_many_members_are_counted_and_one_alone_says_so() -> None:
    assert lines.group_words(a_view("same", items=[(0, None)] * 9), 4) == "0 (with 8 others: same label)"
    assert lines.group_words(a_view("same", items=[(0, None)]), 0) == "0 (alone in it)"


@given(
    rule=st.sampled_from(sorted(RULES)),
    items=st.lists(
        st.tuples(st.sampled_from([0, None]), st.sampled_from([0, 1, 2, None]), st.sampled_from([None, 0, 1])),
        min_size=1,
        max_size=6,
    ),
)
def test_broken_pairs_are_those_that_the_search_counts(
    rule: str, items: list[tuple[int | None, int | None, int | None]]
) -> None:
    view = a_view(rule, items=[(group, key) for group, key, _ in items])
    labelled(view, {place: label for place, (_, _, label) in enumerate(items) if label is not None})
    problem = make_problem(view.items, rule, 2)
    shown = [None if label < 0 else label for label in view.shown.labels]
    counted = sum(
        RULES[rule].broken(
            [shown[member] for member in members], [problem.keys[member] for member in members], problem.n_labels
        )
        for members in problem.groups
    )
    assert sum(len(lines.breaking(view, item)) for item in range(len(items))) == 2 * counted


@pytest.mark.parametrize(
    ("rule", "item", "words"),
    [
        ("none", 0, "every item is decided by itself"),
        ("same", 0, "all of the group have the same label"),
        ("opposite", 0, "the two have unlike labels"),
        ("opposite", 2, "unlike keys, unlike labels; items with the same key have the same label"),
        ("opposite", 6, "this one has 3, so nothing binds its labels"),
        ("one_true", 6, "at most one of the group is A."),
        ("one_true", 2, "at most one of the group is A, by key; items with the same key"),
        ("paper", 6, "count against the labels, but may stand"),
    ],
)
def test_the_rule_is_a_sentence(rule: str, item: int, words: str) -> None:
    assert words in lines.rule_words(a_view(rule), item)


# The pages


def test_the_text_page_has_the_whole_text_and_the_groups() -> None:
    view = labelled(a_view(), {0: 0, 1: 0, 4: 1})
    long = " ".join(f"word{number}" for number in range(500))
    view.items = [replace(view.items[0], text=long), *view.items[1:]]
    page = lines.page_text(view, 0, an_answer(), a_context("all"), 60)
    assert long in flat(page)
    for words in ("uid-0", "A since decision 5", "must differ", "text of 1", "BROKEN", "with all 1 others"):
        assert words in flat(page)
    assert "BROKEN" not in flat(lines.page_text(view, 4, None, None, 60))


def test_an_empty_text_is_named() -> None:
    view = a_view(items=[(None, None)])
    view.items = [replace(view.items[0], text="")]
    assert "(an empty text)" in text(lines.page_text(view, 0, None, None, 60))


def test_of_a_large_group_some_are_shown_and_the_others_counted() -> None:
    view = a_view("same", items=[(0, None)] * 120)
    view.items = [replace(item, text="a long text " * 50) for item in view.items]
    page = lines.page_text(view, 0, None, None, 60)
    assert "and 69 more" in text(page)
    assert len(page) < 400


def test_why_has_the_tokens_and_what_was_said_the_latest_last() -> None:
    view = a_view()
    view.apply_reasoning(
        [piece(1, "the first words"), piece(1, "", end=True), piece(2, "the second"), piece(2, " ones")]
    )
    answer = an_answer(
        1,
        top=[("A", -0.07), (" maybe\x1b[2J", -3.0)],
        mass=0.98,
        endpoint="chat",
        tokens_in=310,
        cost=0.0021,
        cached=True,
    )
    page = text(lines.page_why(view, 1, answer, a_context(SIXTEEN), 100))
    assert f"“A” {MINUS}0.07  “ maybe” {MINUS}3.00" in page
    assert ".980 of the probability lies on the labels" in page
    assert "310 tokens in, $0.0021, from the cache" in page
    assert page.index("the first words") < page.index("who, after decision 3, still speaking:\n the second ones ▍")
    assert page.count("still speaking") == 1


def test_why_page_says_what_there_is_and_who_asked() -> None:
    view = a_view()
    assert "Nothing was said about this item yet" in text(lines.page_why(view, 0, None, None, 80))
    view.apply(numbered(ReaskRecord(logprobs=[-1.0, -0.5], item=0, context_id=3, n=12, call=1)))
    assert f"A {MINUS}1.00 B {MINUS}0.50, before decision 12; no part of the search" in flat(
        lines.page_why(view, 0, None, None, 80)
    )


def test_the_history_has_every_change_with_its_decision() -> None:
    view = a_view()
    made = [
        decision(0, phase="seeds", items=[0], changes=[(0, None, 1)]),
        replace(
            decision(388, items=[0, 1], changes=[(0, 1, 0)]),
            options=[Option([0, 1], 3.9), Option([1, 0], -4.1)],
            temperature=0.05,
        ),
        replace(decision(390, items=[0], changes=[(0, 0, 1)]), overridden=True),
    ]
    view.apply(numbered(*made))
    args = {"item": 0, "label": "A", "note": "so it is"}
    view.apply(numbered(CommandRecord(id="x", what="pin", args=args, n=400, outcome="done", changes=[(0, 0, 1, 0)])))
    assert lines.shown_decisions(view, 0) == [0, 388, 390]
    known: dict[int, DecisionRecord] = {record.n: record for record in made}
    page = text(lines.page_history(view, 0, known, an_answer(), a_context(SIXTEEN), 140)).split("\n")
    assert page[0] == "     0  · → B  at random, as chain 0 began"
    assert page[1] == (
        f"   388  B → A FLIP  T .050, drawn at +3.9 over {MINUS}4.1; asked with 16 examples (8 A, 8 B): "
        f"A {MINUS}0.07  B {MINUS}2.71"
    )
    assert "as a person said, not as drawn" in page[2]
    assert page[3] == "   400  B → A FLIP  set by a person, before that decision"
    assert page[5] == " Pinned to A: so it is"
    assert page[7] == " Now: label A, set by a person before decision 400."


def test_a_history_without_changes_and_one_of_very_many() -> None:
    view = a_view()
    assert "never set" in text(lines.page_history(view, 0, {}, None, None, 80))
    labelled(view, {0: 0}, 0)
    for n in range(1, 150):
        view.apply(numbered(decision(n, items=[0], changes=[(0, (n + 1) % 2, n % 2)])))
    page = text(lines.page_history(view, 0, {}, None, None, 80))
    assert "50 earlier changes are in the journal" in page
    assert "   149  A → B FLIP" in page
    assert len(lines.shown_decisions(view, 0)) == 100


def test_prompt_page_keeps_the_order_of_its_examples() -> None:
    view = a_view()
    page = text(page_prompt(view, 0, an_answer(), a_context([(4, 1), (2, 0)]), 100))
    assert page.startswith(
        " The embedded model reads the texts and not a prompt; a language model would be shown this."
    )
    assert "Asked with 2 examples (1 A, 1 B), list 3." in page
    first, second = " Candidate: text of 4\n Set: B", " Candidate: text of 2\n Set: A"
    assert page.index(first) < page.index(second)
    assert page.endswith(" Candidate: text of 0\n Set:")


def test_a_language_models_prompt_is_told_as_it_is() -> None:
    view = a_view()
    view.profile = replace(view.profile, model=replace(view.profile.model, backend="openai"))
    page = text(page_prompt(view, 0, an_answer(endpoint="completions"), a_context([(4, 1)]), 100))
    assert "embedded" not in page
    assert "assistant" not in page
    page = text(page_prompt(view, 0, an_answer(endpoint="chat"), a_context([(4, 1)]), 100))
    assert "\n user:\n" in page
    assert page.endswith(" assistant, begun for it:\n\n Set:")


def test_prompt_page_counts_the_examples_beyond_the_first() -> None:
    view = labelled(a_view("none", items=[(None, None)] * 200), {item: item % 2 for item in range(150)})
    page = text(page_prompt(view, 0, an_answer(), a_context("all"), 100))
    assert "Asked with all 149 others that have a label (74 A, 75 B), as they are labelled now." in page
    assert page.count("\n Candidate: ") == 51
    assert page.index("text of 50\n Set: A\n\n … and 99 more\n\n Candidate: text of 0\n Set:") > 0


def test_the_group_of_the_item_is_no_example() -> None:
    view = labelled(a_view(), {0: 0, 1: 1, 2: 0, 5: 1})
    page = text(page_prompt(view, 0, an_answer(), a_context("all"), 100))
    assert "text of 1\n" not in page
    assert "text of 5\n Set: B" in page
    assert "more" not in page


def test_without_an_answer_or_its_list_there_is_no_prompt() -> None:
    assert "not asked about yet" in text(page_prompt(a_view(), 0, None, None, 100))
    assert "cannot be read" in text(page_prompt(a_view(), 0, an_answer(), None, 100))


# All of them


def pages(
    view: RunView, item: int, answer: AnswerRecord | None, context: ContextRecord | None, cells: int
) -> list[list[Line]]:
    known = {n: decision(n, phase="sweeps") for n in lines.shown_decisions(view, item)}
    return [
        lines.strip(view, item, answer, context, cells),
        lines.page_text(view, item, answer, context, cells),
        lines.page_why(view, item, answer, context, cells),
        lines.page_history(view, item, known, answer, context, cells),
        page_prompt(view, item, answer, context, cells),
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_no_line_of_a_real_run_is_wider_than_its_width(kind: str, finished: Finished) -> None:
    found, view = records_of(finished(kind)), view_of(finished(kind))
    answers: dict[int, AnswerRecord] = {}
    contexts: dict[int, ContextRecord] = {}
    for place, (offset, record) in enumerate(found):
        view.apply([(offset, record)])
        if isinstance(record, ContextRecord):
            contexts[record.id] = record
        elif isinstance(record, AnswerRecord):
            answers[record.item] = record
        if place in (len(found) // 3, len(found) - 1):
            for cells in (20, 33, 59, 80, 120, 200):
                for item in range(len(view.items)):
                    answer = answers.get(item)
                    context = contexts[answer.context_id] if answer else None
                    for page in pages(view, item, answer, context, cells):
                        assert page
                        assert [line for line in page if width(line) > cells] == []


@given(cells=st.integers(20, 200), name=st.sampled_from(sorted(set(CORPUS) - {n for n in CORPUS if "megabyte" in n})))
def test_hostile_texts_are_harmless_in_every_page(cells: int, name: str) -> None:
    nasty = CORPUS[name]
    view = labelled(a_view(), {0: 0, 1: 0, 2: 1})
    view.items = [replace(item, uid=nasty, text=nasty) for item in view.items]
    args = {"item": 0, "label": "A", "note": nasty}
    view.apply(numbered(CommandRecord(id="x", what="pin", args=args, n=400, outcome="done", changes=[(0, 1, 1, 0)])))
    view.apply(numbered(ReaskRecord(logprobs=None, failed=nasty, item=0, context_id=3, n=12, call=1)))
    view.apply_reasoning([piece(1, nasty, item=0)])
    answers = [
        an_answer(endpoint=nasty, top=[(nasty, -1.0)], question=nasty),
        an_answer(failed=nasty, question="1/2/3/4/5"),
    ]
    for answer in answers:
        for page in pages(view, 0, answer, a_context([(2, 1), (99, 0)]), cells):
            for line in page:
                assert width(line) <= cells
                shown = "".join(part.text for part in line)
                assert not set(shown) & {chr(code) for code in (*range(0x20), *range(0x7F, 0xA0), 0x202E, 0x200B)}


@pytest.mark.parametrize("name", sorted(name for name in CORPUS if "megabyte" in name))
def test_texts_of_a_megabyte_make_pages_at_all(name: str) -> None:
    view = labelled(a_view("same"), {0: 0, 1: 0, 2: 1})
    view.items = [replace(item, text=CORPUS[name]) for item in view.items]
    assert len(CORPUS[name]) >= MEGABYTE // 8
    for page in pages(view, 0, an_answer(), a_context(SIXTEEN), 100):
        assert len(page) < 25_000
