"""The screen of an item, over real small runs."""

import asyncio
import re
import time
import unicodedata
from pathlib import Path

import msgspec
import pytest
from textual.pilot import Pilot
from textual.widget import Widget

from icm_tui.run_dir import inbox
from icm_tui.run_dir.layout import RunDir, read_items, write_items
from icm_tui.run_dir.reading import read_records
from icm_tui.run_dir.reasoning import ReasoningLog, ReasoningPiece
from icm_tui.run_dir.records import CommandRecord, DecisionRecord, ExplanationRecord
from icm_tui.runner.session import run_here
from icm_tui.tui import children
from icm_tui.tui.item.screen import ItemScreen, Start, decision_of
from icm_tui.tui.run.feed import Feed
from icm_tui.tui.widgets.copy_screen import CopyScreen
from icm_tui.tui.widgets.line_list import LineList
from icm_tui.tui.widgets.line_view import LineView
from tests.runner.made import make
from tests.tui.drawn import text, until
from tests.tui.hostile import CORPUS, MEGABYTE
from tests.tui.item.screen_driver import ITEM, SIZE, show, write
from tests.tui.live import sent


def said(run: RunDir, *texts: str, call: int = 0, item: int = ITEM, ended: bool = False) -> None:
    """Add pieces of reasoning as the runner would."""
    log = ReasoningLog(run.reasoning)
    for piece in texts:
        log.add(ReasoningPiece(call, item, 3, time.time(), "a speaker", piece))
    if ended:
        log.add(ReasoningPiece(call, item, 3, time.time(), "a speaker", "", end=True))
    log.close()


# What it shows


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)])
def test_its_text_its_group_and_its_standing_fill_the_screen(done: RunDir, size: tuple[int, int]) -> None:
    items, _ = read_items(done)

    async def use(pilot: Pilot[None], screen: ItemScreen) -> None:
        shown = text(pilot)
        assert shown.startswith(f"─ item {ITEM} · ")
        assert items[ITEM].text[:40] in shown
        assert items[6].text[:40] in shown
        assert "must differ" in shown
        assert items[ITEM].uid in shown

    show(done, use, size=size)


def test_each_page_has_a_key_and_all_are_drawn_at_every_size(done: RunDir) -> None:
    async def use(pilot: Pilot[None], screen: ItemScreen) -> None:
        for size in ((40, 12), (20, 5), (8, 2), SIZE):
            await pilot.resize_terminal(*size)
            for key in ("t", "c", "d", "e"):
                await pilot.press(key)
                await pilot.pause()
                assert "item" in text(pilot) or size[0] < 20
        for key, words in {"t": "Now: label", "c": "Candidate: ", "d": "Rule opposite", "e": "question "}.items():
            await pilot.press(key)
            await pilot.pause()
            assert words in text(pilot)

    show(done, use, read_only=True)


@pytest.mark.parametrize(("start", "words"), [("why", "Nothing was said"), ("history", "Now: "), ("prompt", "Set: ")])
def test_it_can_start_with_another_page(done: RunDir, start: Start, words: str) -> None:
    async def use(pilot: Pilot[None], screen: ItemScreen) -> None:
        assert words in text(pilot)

    show(done, use, start=start, read_only=True)


def test_a_page_scrolls_by_the_keys_that_move(done: RunDir) -> None:
    async def use(pilot: Pilot[None], screen: ItemScreen) -> None:
        page = screen.query_one("#page", LineList)
        await pilot.press("c", "j", "j", "k")
        assert page.cursor == 1
        await pilot.press("pagedown")
        assert page.cursor > 1
        await pilot.press("G")
        assert page.cursor == page.virtual_size.height - 1
        assert page.scroll_offset.y > 0
        await pilot.press("g")
        assert page.cursor == page.scroll_offset.y == 0

    show(done, use, size=(80, 24))


def test_item_screen_follows_the_tables_rows_to_their_end(done: RunDir) -> None:
    async def use(pilot: Pilot[None], screen: ItemScreen) -> None:
        for key, title in (("n", "item 3 "), ("n", "item 20 "), ("n", "item 20 "), ("N", "item 3 "), ("N", "item 9 ")):
            await pilot.press(key)
            await pilot.pause()
            assert title in text(pilot)
        await pilot.press("N")
        await pilot.pause()
        assert "the table's first item" in text(pilot)

    show(done, use, item=9, rows=lambda: [9, 3, 20])


def test_an_item_that_left_the_table_had_its_last_place_in_it(done: RunDir) -> None:
    rows = [9, 3, 20]

    async def use(pilot: Pilot[None], screen: ItemScreen) -> None:
        rows.remove(3)
        await pilot.press("n")
        await pilot.pause()
        assert "item 20 " in text(pilot)
        rows[:] = [9, 30]
        await pilot.press("N")
        await pilot.pause()
        assert "item 9 " in text(pilot)
        rows.clear()
        await pilot.press("n")
        await pilot.pause()
        assert "the table's last item" in text(pilot)

    show(done, use, item=3, rows=lambda: rows)


def test_a_decision_is_found_by_its_number_wherever_it_stands(done: RunDir) -> None:
    feed = Feed(done.path)
    while feed.poll():
        pass
    decisions = [record for _, record in read_records(done.journal) if isinstance(record, DecisionRecord)]
    assert len(decisions) > 100
    assert all(decision_of(feed, decision.n) == decision for decision in decisions[::7])
    assert decision_of(feed, -1) is None
    assert decision_of(feed, decisions[-1].n + 1) is None
    feed.close()


def test_the_history_tells_what_the_decisions_were(done: RunDir) -> None:
    async def use(pilot: Pilot[None], screen: ItemScreen) -> None:
        shown = text(pilot)
        assert "at random, as chain" in shown
        assert re.search(r"T \.\d+, drawn at [+\u2212]", shown)

    view = Feed(done.path)
    while view.poll():
        pass
    flipped = max(range(len(view.view.items)), key=lambda item: view.view.shown.flips[item])
    assert view.view.shown.flips[flipped]
    show(done, use, item=flipped, start="history")


# Following the run


def test_streamed_reasoning_appears_as_it_comes_and_ends(live: RunDir) -> None:
    async def use(pilot: Pilot[None], screen: ItemScreen) -> None:
        said(live, "Because of ")
        await until(pilot, lambda: "Because of  ▍" in text(pilot))
        assert "still speaking" in text(pilot)
        said(live, "the word bread.", ended=True)
        write(live, ExplanationRecord(item=ITEM, n=3, call=0, label=0))
        await until(pilot, lambda: "Because of the word bread." in text(pilot) and "speaking" not in text(pilot))
        assert "a speaker, after decision 3:" in text(pilot)

    said(live, "What is said already.", call=1, ended=True)
    show(live, use, start="why")


def test_a_long_stream_is_followed_until_a_person_goes_up(live: RunDir) -> None:
    async def use(pilot: Pilot[None], screen: ItemScreen) -> None:
        page = screen.query_one("#page", LineList)
        said(live, *(f"line {number}\n" for number in range(60)))
        await until(pilot, lambda: "line 59" in text(pilot))
        await pilot.press("k")
        await pilot.pause()
        top = page.scroll_offset.y
        said(live, "and one more\n" * 20)
        await until(pilot, lambda: page.virtual_size.height > 80)
        assert page.scroll_offset.y == top
        await pilot.press("G")
        said(live, "the very end")
        await until(pilot, lambda: "the very end" in text(pilot))

    said(live, "What is said already.", call=1, ended=True)
    show(live, use, start="why")


def test_a_change_of_label_is_seen_while_the_page_is_open(live: RunDir) -> None:
    async def use(pilot: Pilot[None], screen: ItemScreen) -> None:
        view = screen._view
        before = view.shown.labels[ITEM]
        change = (view.chain, ITEM, before, 1 - before)
        args = {"item": ITEM, "label": view.label_names[1 - before], "note": "seen twice"}
        write(live, CommandRecord(id="x", what="pin", args=args, n=view.n, outcome="done", changes=[change]))
        await until(pilot, lambda: f"item {ITEM} · {view.label_names[1 - before]} P FLIP" in text(pilot))
        assert "set by a person before decision" in text(pilot)
        assert "seen twice" in text(pilot)

    show(live, use)


@pytest.mark.parametrize("page", ["d", "e", "t", "c"])
def test_nothing_is_drawn_while_nothing_changes(done: RunDir, page: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def use(pilot: Pilot[None], screen: ItemScreen) -> None:
        await pilot.press(page)
        await pilot.pause()
        drawn: list[Widget] = []
        for kind in (LineList, LineView):
            monkeypatch.setattr(kind, "refresh", lambda widget, *regions, **more: drawn.append(widget))
        for _ in range(3):
            screen._tick()
        assert drawn == []
        screen.item = 8
        screen._tick()
        assert drawn

    show(done, use, read_only=True)


# Asking


def test_x_asks_again_and_says_what_came_of_it(live: RunDir) -> None:
    async def use(pilot: Pilot[None], screen: ItemScreen) -> None:
        await pilot.press("x")
        await pilot.pause()
        assert sent(live) == [("ask", {"item": ITEM})]
        assert "ask: asked" in text(pilot)
        [command] = inbox.take(live)
        write(live, CommandRecord(id=command.id, what="ask", args=command.args, n=4, outcome="refused", why="too late"))
        await until(pilot, lambda: "ask: refused: too late" in text(pilot))
        await pilot.press("x")
        await until(pilot, lambda: len(sent(live)) == 2)

    show(live, use)


def test_e_asks_only_where_nothing_was_said(live: RunDir) -> None:
    async def use(pilot: Pilot[None], screen: ItemScreen) -> None:
        await pilot.press("e")
        await pilot.pause()
        assert sent(live) == []
        await pilot.press("n")
        await pilot.press("e", "e", "e")
        await pilot.pause()
        assert sent(live) == [("ask", {"item": ITEM + 1})]

    said(live, "A reason.", ended=True)
    show(live, use)


def test_it_can_start_by_asking(live: RunDir) -> None:
    async def use(pilot: Pilot[None], screen: ItemScreen) -> None:
        assert sent(live) == [("ask", {"item": ITEM})]
        assert "question " in text(pilot)

    said(live, "A reason.", ended=True)
    show(live, use, start="ask")


def test_a_read_only_view_sends_nothing_and_says_so(live: RunDir) -> None:
    async def use(pilot: Pilot[None], screen: ItemScreen) -> None:
        for key, what in (("x", "ask"), ("P", "pin")):
            await pilot.press(key)
            await pilot.pause()
            assert f"{what}: this view is read only." in text(pilot)
        await pilot.press("e")
        screen.run_words("pin", "A")
        await pilot.pause()
        assert pilot.app.screen is screen

    show(live, use, read_only=True, start="why")
    assert sent(live) == []


def test_a_run_without_a_runner_is_asked_by_a_process_of_its_own(tmp_path: Path) -> None:
    run = make(tmp_path / "run", "task.limit=12", "search.chains=2")
    run_here(run.path)

    async def use(pilot: Pilot[None], screen: ItemScreen) -> None:
        await pilot.press("e")
        await pilot.pause()
        assert f"asking about item {ITEM}" in text(pilot)
        await until(pilot, lambda: "ask: done" in text(pilot), looks=12_000)  # another process must do it first
        await until(pilot, lambda: "embedded model" in text(pilot))
        assert "no part of the search" in text(pilot)

    show(run, use)
    assert sent(run) == []


def test_while_a_child_asks_it_says_so_and_tells_why_it_failed(done: RunDir, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[Path, int]] = []

    async def use(pilot: Pilot[None], screen: ItemScreen) -> None:
        released = asyncio.Event()

        async def ask(run: Path, item: int) -> children.Failed:
            asked.append((run, item))
            await released.wait()
            return children.Failed("the model \x1b[2Jis [/foo] away\nand will not come back")

        monkeypatch.setattr(children, "ask", ask)
        await pilot.press("x")
        await pilot.pause()
        assert f"asking about item {ITEM}" in text(pilot)
        await pilot.press("n", "x")
        await until(pilot, lambda: f"item {ITEM} is being asked about" in text(pilot))
        released.set()
        await until(pilot, lambda: "the model is [/foo] away and will not come back" in text(pilot))

    show(done, use)
    assert asked == [(done.path, ITEM)]


# Other keys


@pytest.mark.parametrize("back", ["q", "escape"])
def test_y_asks_what_to_copy_and_escape_or_q_go_back(done: RunDir, back: str) -> None:
    async def use(pilot: Pilot[None], screen: ItemScreen) -> None:
        await pilot.press("y")
        await pilot.pause()
        assert isinstance(pilot.app.screen, CopyScreen)
        await pilot.press("escape")
        await pilot.pause()
        assert pilot.app.screen is screen
        await pilot.press(back)
        await pilot.pause()
        assert pilot.app.screen is not screen

    show(done, use)


@pytest.mark.slow
def test_hostile_texts_come_out_harmless_on_every_page(tmp_path: Path) -> None:
    texts = [value for value in CORPUS.values() if len(value) < MEGABYTE][::4]
    run = make(tmp_path / "run", f"task.limit={2 * len(texts)}", "search.chains=2")
    run_here(run.path)
    items, _ = read_items(run)
    nasty = [msgspec.structs.replace(item, text=value, uid=value) for item, value in zip(items, 2 * texts, strict=True)]
    write_items(run, nasty)
    note = "".join(texts)[:3000]
    write(run, CommandRecord(id="x", what="pin", args={"item": 0, "label": "A", "note": note}, n=3, outcome="done"))
    for item, value in enumerate(texts):
        said(run, value, call=item, item=item, ended=True)

    async def use(pilot: Pilot[None], screen: ItemScreen) -> None:
        for _ in texts:
            for key in ("e", "t", "c", "d"):
                await pilot.press(key)
                drawn = text(pilot).replace("\n", "")
                assert not {"Cc", "Cf", "Cs"} & set(map(unicodedata.category, drawn)), (screen.item, key, drawn)
            await pilot.press("n")

    show(run, use, item=0, read_only=True)


def test_a_text_of_a_megabyte_is_shown_and_left_again(tmp_path: Path) -> None:
    run = make(tmp_path / "run", "task.limit=12", "search.chains=2")
    run_here(run.path)
    items, _ = read_items(run)
    long = "".join(f"word{number} " for number in range(MEGABYTE // 10))
    write_items(run, [msgspec.structs.replace(item, text=long) for item in items])

    async def use(pilot: Pilot[None], screen: ItemScreen) -> None:
        page = screen.query_one("#page", LineList)
        assert page.virtual_size.height > MEGABYTE // 120
        for key in ("G", "c", "e", "t", "n", "d", "g"):
            await pilot.press(key)
            await pilot.pause()
        assert "word0 word1" in text(pilot)

    show(run, use, read_only=True)
