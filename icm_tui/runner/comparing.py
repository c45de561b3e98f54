"""Asking a run's model about contexts that no search drew, to compare what they are worth. The run itself stays as it
is.

Answers go to a file of their own beside the journal, in the journal's form, and are on disk before they are used. A
question is known by the digest of what it shows and asks, so a comparison that is started again asks what is missing.
"""

import asyncio
import hashlib
import signal
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np

from icm_tui.domain.items import Item
from icm_tui.domain.reply import Endpoint, Price
from icm_tui.domain.rules import RULES
from icm_tui.domain.scores import centred, log_softmax
from icm_tui.models.client import Query, Unavailable
from icm_tui.models.server.cost import cost_of
from icm_tui.models.server.reply.types import Usage
from icm_tui.profile.schema import Profile
from icm_tui.run_dir.journal import Journal
from icm_tui.run_dir.layout import RunDir, read_held_out, read_items
from icm_tui.run_dir.lock import RunLock
from icm_tui.run_dir.reading import read_records
from icm_tui.run_dir.records import AnswerRecord, EndpointRecord
from icm_tui.run_dir.tally import Tally
from icm_tui.runner.assembly import durability_of, make_model_client, problem_of
from icm_tui.runner.limits import Limits
from icm_tui.runner.session import MakeModelClient
from icm_tui.search.choice import choose
from icm_tui.search.one_pass import COLDEST, obeying
from icm_tui.search.problem import Problem

INTERRUPTED = "interrupted"
_WAIT = 0.2
# About what a label and the words around it add, and what a token holds.
_CHARACTERS_OF_PAIR = 24
_CHARACTERS_A_TOKEN = 4.0


class Showing(NamedTuple):
    """A context of (item, label) and the items that are asked about after it."""

    shown: tuple[tuple[int, int], ...]
    items: tuple[int, ...]


class Ground(NamedTuple):
    """What a comparison is about: the run's items and then its held-out ones, all numbered from 0, and their groups;
    the first `searched` are the run's own."""

    items: list[Item]
    searched: int
    problem: Problem


class Answers(NamedTuple):
    """Answers by question, and why some are missing; empty if none is."""

    known: dict[str, AnswerRecord]
    why: str


def ground_of(run: RunDir, profile: Profile) -> Ground:
    """The items of a run with those it holds out. Raises UserError if a file cannot be read."""
    items, _ = read_items(run)
    first = 1 + max((item.group for item in items if item.group is not None), default=-1)
    held_out = [
        item if item.group is None else msgspec.structs.replace(item, group=item.group + first)
        for item in read_held_out(run)
    ]
    both = [*items, *held_out]
    return Ground(both, len(items), problem_of(profile, both))


def question_of(items: Sequence[Item], shown: Sequence[tuple[int, int]], item: int) -> str:
    """What names a question: the digest of the uids and labels shown, and of the uid asked about."""
    said = [[(items[other].uid, label) for other, label in shown], items[item].uid]
    return hashlib.blake2b(msgspec.json.encode(said), digest_size=16).hexdigest()


def read_answers(run: RunDir) -> dict[str, AnswerRecord]:
    """The answers that were kept, by question."""
    if not run.comparisons.exists():
        return {}
    records = (record for _, record in read_records(run.comparisons))
    return {record.question: record for record in records if isinstance(record, AnswerRecord)}


def missing(ground: Ground, showings: Sequence[Showing], known: Mapping[str, AnswerRecord]) -> int:
    """How many different questions have no answer yet."""
    return len(set(_questions(ground, showings)) - known.keys())


def compare_here(
    path: Path,
    profile: Profile,
    showings: Sequence[Showing],
    *,
    observe: Callable[[int, int], None] = lambda done, total: None,
    model_client_of: MakeModelClient = make_model_client,
) -> Answers:
    """Ask what is missing of `showings` and keep it; `observe` is told how many questions are answered, of how many.

    The profile's limits on money and calls hold for all comparisons of the run together. SIGINT and SIGTERM end it once
    what is in flight has come; a second one does not wait. Raises UserError if the run has a runner, or cannot be
    asked.
    """
    run = RunDir(path)
    with RunLock(run):
        ground = ground_of(run, profile)
        if not missing(ground, showings, known := read_answers(run)):
            return Answers(known, "")
        journal = Journal.open(run.comparisons, durability=durability_of(profile))
        try:
            return asyncio.run(_Comparing(run, profile, ground, journal, known, observe, model_client_of).ask(showings))
        finally:
            journal.close()


class _Comparing:
    def __init__(
        self,
        run: RunDir,
        profile: Profile,
        ground: Ground,
        journal: Journal,
        known: dict[str, AnswerRecord],
        observe: Callable[[int, int], None],
        model_client_of: MakeModelClient,
    ) -> None:
        self._run, self._ground, self._journal, self._known, self._observe = run, ground, journal, known, observe
        self._model_client = model_client_of(profile, ground.problem, ground.items)
        tally = Tally()
        for record in known.values():
            tally.add(record)
        # The time between two comparisons is nobody's work, so none is counted.
        self._tally, self._limits = tally, Limits(msgspec.structs.replace(profile.run, max_seconds=None), tally)
        self._why = ""
        self._signals = 0

    async def ask(self, showings: Sequence[Showing]) -> Answers:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._interrupt)
        try:
            held = _endpoint(self._run)
            endpoint = await self._model_client.open(held)
            if endpoint is not None and endpoint != held:
                self._journal.append(EndpointRecord(endpoint=endpoint))
                self._journal.flush_now()
            await self._ask_all(showings)
        finally:
            await self._model_client.close()
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)
        return Answers(self._known, self._why)

    async def _ask_all(self, showings: Sequence[Showing]) -> None:
        questions = _questions(self._ground, showings)
        waiting = deque(query for name, query in questions.items() if name not in self._known)
        total = len(questions)
        flying: set[str] = set()
        while (waiting and not self._why) or (flying and self._signals < 2):
            while waiting and not self._why and len(flying) < max(1, self._model_client.concurrency_limit):
                expected = self._model_client.expected_cost(waiting[0])
                if full := self._limits.why_no_call(expected, time.time()):
                    if not flying:
                        self._why = full
                    break
                query = waiting.popleft()
                flying.add(query.question)
                self._limits.begin(query.question, "call", expected)
                self._model_client.ask(query)
            for query, reply in await self._model_client.replies(_WAIT) if flying else ():
                flying.discard(query.question)
                self._limits.end(query.question)
                if isinstance(reply, Unavailable):
                    self._why = self._why or reply.why
                    continue
                fields = msgspec.structs.asdict(reply)
                record = AnswerRecord(**fields, question=query.question, context_id=query.context_id, item=query.item)
                self._journal.append(record)
                self._tally.add(record)
                self._known[query.question] = record
            self._journal.flush_now()
            self._observe(total - len(waiting) - len(flying), total)

    def _interrupt(self) -> None:
        self._signals += 1
        self._why = INTERRUPTED


def decide(ground: Ground, showings: Sequence[Showing], known: Mapping[str, AnswerRecord], seed: int) -> dict[int, int]:
    """The labels that follow from the answers, by item: of every group asked about the assignment of the highest sum
    of log-shares that the rule allows, equally good ones drawn by `seed`. Items that were refused are left out."""
    problem = ground.problem
    labels: dict[int, int] = {}
    for showing in showings:
        query = set(showing.items)
        for unit in {tuple(_unit(problem, item)): None for item in showing.items}:
            members = [item for item in unit if item in query]
            answers = [known[question_of(ground.items, showing.shown, item)].logprobs for item in members]
            choice = choose(
                [None if each is None else log_softmax(centred(each)) for each in answers],
                [each is not None for each in answers],
                [problem.keys[item] for item in members],
                problem.rule,
                problem.n_labels,
                COLDEST,
                float(np.random.default_rng([seed, members[0]]).random()),
            )
            chosen = zip(members, choice.options[choice.chosen].labels, strict=True)
            labels |= {item: label for item, label in chosen if label is not None}
    return labels


def random_labels(problem: Problem, items: Sequence[int], seed: Sequence[int]) -> tuple[tuple[int, int], ...]:
    """`items` with labels drawn at random, evenly spread and obeying the rule inside each group."""
    spread = [place % problem.n_labels for place in range(len(items))]
    return tuple(obeying(problem, items, np.random.default_rng(seed).permutation(spread).tolist()))


def _questions(ground: Ground, showings: Sequence[Showing]) -> dict[str, Query]:
    """Every question once, those of one context together."""
    found: dict[str, Query] = {}
    for context, showing in enumerate(showings):
        shown = list(showing.shown)
        for item in showing.items:
            name = question_of(ground.items, showing.shown, item)
            found.setdefault(name, Query(name, item, 0, context, shown))
    return found


def _unit(problem: Problem, item: int) -> list[int]:
    return problem.groups[problem.group_of[item]] if RULES[problem.rule].decides_groups else [item]


def _endpoint(run: RunDir) -> Endpoint | None:
    """The endpoint that the comparisons' answers came from, else the run's own; None if neither has any."""
    for path in (run.comparisons, run.journal):
        found = [record.endpoint for record in _endpoints(path)]
        if found:
            return found[-1]
    return None


def _endpoints(path: Path) -> Iterator[EndpointRecord]:
    if path.exists():
        yield from (record for _, record in read_records(path) if isinstance(record, EndpointRecord))


def expected(
    profile: Profile,
    ground: Ground,
    showings: Sequence[Showing],
    known: Mapping[str, AnswerRecord],
    price: Price | None,
) -> tuple[int, float | None]:
    """How many calls are still to make, and about what they cost in USD: nothing if no server is paid, None without
    a price."""
    questions = [query for name, query in _questions(ground, showings).items() if name not in known]
    if profile.model.backend != "openai":
        return len(questions), 0.0
    lengths = [len(item.text) + _CHARACTERS_OF_PAIR for item in ground.items]
    of_list = [sum(lengths[item] for item, _ in showing.shown) for showing in showings]
    characters = sum(of_list[query.context_id] + lengths[query.item] for query in questions)
    if profile.model.price_in is not None:
        price = Price(profile.model.price_in, profile.model.price_out or 0.0)
    if price is None:
        return len(questions), None
    return len(questions), cost_of(Usage(round(characters / _CHARACTERS_A_TOKEN), len(questions), 0), price)
