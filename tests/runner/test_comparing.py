"""Comparisons: asked once, kept before use, within a budget, and without a trace in the run."""

import os
import signal
from pathlib import Path

import pytest

from icm_tui.domain.reply import Reply
from icm_tui.errors import UserError
from icm_tui.models.client import ModelClient, Query, Unavailable
from icm_tui.profile.toml import apply_sets, load
from icm_tui.run_dir.layout import RunDir
from icm_tui.run_dir.lock import RunLock
from icm_tui.runner.comparing import (
    INTERRUPTED,
    Showing,
    compare_here,
    decide,
    expected,
    ground_of,
    missing,
    question_of,
    random_labels,
    read_answers,
)
from tests.runner.made import Counting, Wrapped, make, wrapped

SHOWINGS = [Showing((), tuple(range(40))), Showing(((0, 0), (4, 1)), tuple(range(10, 40)))]


@pytest.fixture
def run(tmp_path: Path) -> RunDir:
    return make(tmp_path / "run")


class Dear(Wrapped):
    """Each reply costs 0.01 USD."""

    concurrency_limit = 3

    def expected_cost(self, asked: Query) -> float:
        return 0.01

    async def replies(self, seconds: float) -> list[tuple[Query, Reply | Unavailable]]:
        came = await self.inner.replies(seconds)
        for _, reply in came:
            assert isinstance(reply, Reply)
            reply.cost = 0.01
        return came


class Killing(Wrapped):
    """Ends the process's work, or interrupts it, after so many questions."""

    def __init__(self, inner: ModelClient, after: int, number: int | None) -> None:
        super().__init__(inner)
        self._left, self._number = after, number

    @property
    def concurrency_limit(self) -> int:
        return 1

    def ask(self, asked: Query) -> None:
        if not self._left:
            if self._number is None:
                raise OSError("gone")
            os.kill(os.getpid(), self._number)
        self._left -= 1
        super().ask(asked)


class Silent(Wrapped):
    """Answers nothing."""

    async def replies(self, seconds: float) -> list[tuple[Query, Reply | Unavailable]]:
        return [(asked, Unavailable("The server is gone.")) for asked, _ in await self.inner.replies(seconds)]


def test_comparing_never_asks_again_what_was_answered(run: RunDir) -> None:
    profile, asked = load(run.profile), list[str]()
    model_client_of = wrapped(lambda inner: Counting(inner, asked))
    first = compare_here(run.path, profile, SHOWINGS[:1], model_client_of=model_client_of)
    assert (first.why, len(asked)) == ("", 40)
    assert compare_here(run.path, profile, SHOWINGS, model_client_of=model_client_of).known == read_answers(run)
    assert len(asked) == len(set(asked)) == 70
    compare_here(run.path, profile, SHOWINGS, model_client_of=model_client_of)
    assert len(asked) == 70


def test_comparing_changes_nothing_else_of_the_run(run: RunDir) -> None:
    before = {path.name: path.read_bytes() for path in run.path.iterdir() if path.is_file()}
    compare_here(run.path, load(run.profile), SHOWINGS)
    after = {path.name: path.read_bytes() for path in run.path.iterdir() if path.is_file()}
    assert {name: after[name] for name in before} == before
    assert set(after) - set(before) <= {"comparisons.jsonl", "lock"}


@pytest.mark.parametrize("torn", [b"", b'{"kind":"answer","logpro'])
def test_comparing_asks_what_is_missing_after_a_kill(run: RunDir, torn: bytes) -> None:
    profile, asked = load(run.profile), list[str]()
    with pytest.raises(OSError, match="gone"):
        compare_here(run.path, profile, SHOWINGS, model_client_of=wrapped(lambda inner: Killing(inner, 25, None)))
    with run.comparisons.open("ab") as file:
        file.write(torn)
    assert len(read_answers(run)) == 25
    whole = compare_here(run.path, profile, SHOWINGS, model_client_of=wrapped(lambda inner: Counting(inner, asked)))
    assert (len(asked), len(whole.known)) == (45, 70)


def test_comparing_keeps_answers_when_interrupted(run: RunDir) -> None:
    profile = load(run.profile)
    model_client_of = wrapped(lambda inner: Killing(inner, 12, signal.SIGINT))
    assert compare_here(run.path, profile, SHOWINGS, model_client_of=model_client_of).why == INTERRUPTED
    assert 13 <= len(read_answers(run)) < 70
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_comparing_shares_one_budget_among_comparisons(run: RunDir) -> None:
    profile = apply_sets(load(run.profile), ["run.budget_usd=0.2"])
    for _ in range(2):
        answers = compare_here(run.path, profile, SHOWINGS, model_client_of=wrapped(Dear))
        assert answers.why.startswith("run.budget_usd = 0.2 would be passed")
        assert len(answers.known) == 20
    more = apply_sets(profile, ["run.budget_usd=1"])
    assert compare_here(run.path, more, SHOWINGS, model_client_of=wrapped(Dear)).why == ""


def test_comparing_leaves_unanswered_questions_open(run: RunDir) -> None:
    profile = load(run.profile)
    answers = compare_here(run.path, profile, SHOWINGS, model_client_of=wrapped(Silent))
    assert answers == ({}, "The server is gone.")
    ground = ground_of(run, profile)
    assert missing(ground, SHOWINGS, {}) == expected(profile, ground, SHOWINGS, {}, None)[0] == 70


def test_comparing_refuses_a_run_that_has_a_runner(run: RunDir) -> None:
    with RunLock(run), pytest.raises(UserError):
        compare_here(run.path, load(run.profile), SHOWINGS)


def test_question_of_depends_on_what_is_shown(run: RunDir) -> None:
    items = ground_of(run, load(run.profile)).items
    contexts = [(), ((0, 0),), ((0, 1),), ((1, 0),), ((0, 0), (1, 1)), ((1, 1), (0, 0))]
    assert len({question_of(items, shown, item) for shown in contexts for item in (5, 6)}) == 12


def test_decide_obeys_the_rule_and_leaves_out_no_item(run: RunDir) -> None:
    profile = load(run.profile)
    known = compare_here(run.path, profile, SHOWINGS).known
    ground = ground_of(run, profile)
    labels = decide(ground, SHOWINGS[:1], known, 3)
    assert sorted(labels) == list(range(40))
    assert profile.consistency.rule == "opposite"
    for members in ground.problem.groups:
        assert len({labels[item] for item in members}) == len(members) == 2
    drawn = dict(random_labels(ground.problem, range(40), [1]))
    assert sum(drawn.values()) == 20


def test_ground_puts_the_test_split_behind_the_own_items(tmp_path: Path) -> None:
    run = make(tmp_path / "some", "task.held_out=0.4")
    ground = ground_of(run, load(run.profile))
    assert (ground.searched, len(ground.items)) == (24, 40)
    own = {ground.problem.group_of[item] for item in range(24)}
    assert not own & {ground.problem.group_of[item] for item in range(24, 40)}
