"""Asks a run's model about contexts that no search drew, to compare what they are worth, and leaves the run as it is.

Answers go to a file of their own beside the journal, in the journal's form, and are on disk before they are used. A
question is named by the digest of what it shows and asks, so a comparison that is started again asks what is missing.
"""

import asyncio
import hashlib
import signal
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np

from icm_tui.domain.items import Item
from icm_tui.domain.reply import Endpoint, Price
from icm_tui.domain.rules import RULES
from icm_tui.domain.scores import centred
from icm_tui.models.client import ModelClient, Query, Unavailable
from icm_tui.models.server.cost import cost_of, price_of
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
from icm_tui.runner.preflight import CHARACTERS_A_TOKEN
from icm_tui.runner.questions import answer_record
from icm_tui.runner.session import MakeModelClient
from icm_tui.search.one_pass import best_labels, draw_labels
from icm_tui.search.problem import Problem

INTERRUPTED = "interrupted"
_WAIT = 0.2
# About what a label and the words around it add to a prompt.
_CHARACTERS_OF_PAIR = 24


class Showing(NamedTuple):
    """A context of (item, label) and the items that are asked about after it."""

    shown: tuple[tuple[int, int], ...]
    items: tuple[int, ...]


class Ground(NamedTuple):
    """The items that a comparison is about and their groups: first the run's own, `searched` in number, and then those
    of its test split."""

    items: list[Item]
    searched: int
    problem: Problem


class Answers(NamedTuple):
    """Answers by question, and why some are missing; `why` is empty if none is."""

    known: dict[str, AnswerRecord]
    why: str


def ground_of(run: RunDir, profile: Profile) -> Ground:
    """The items of a run and of its test split. Raises UserError if a file cannot be read."""
    items, _ = read_items(run)
    first = 1 + max((item.group for item in items if item.group is not None), default=-1)
    held_out = [
        item if item.group is None else msgspec.structs.replace(item, group=item.group + first)
        for item in read_held_out(run)
    ]
    both = [*items, *held_out]
    return Ground(both, len(items), problem_of(profile, both))


def question_of(items: Sequence[Item], shown: Sequence[tuple[int, int]], item: int) -> str:
    """The name of a question: the digest of the uids and labels shown, and of the uid asked about."""
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
    """Ask the questions of `showings` that have no answer yet, and keep the answers. `observe` is called with how many
    questions are answered, and of how many.

    The profile's limits on money and calls hold for all comparisons of the run together. SIGINT and SIGTERM end it once
    the replies in flight have come; a second signal does not wait. Raises UserError if the run has a runner, or its
    model cannot be asked.
    """
    run = RunDir(path)
    with RunLock(run):
        ground = ground_of(run, profile)
        if not missing(ground, showings, known := read_answers(run)):
            return Answers(known, "")
        journal = Journal.open(run.comparisons, durability=durability_of(profile))
        try:
            model_client = model_client_of(profile, ground.problem, ground.items)
            comparing = _Comparing(profile, _questions(ground, showings), journal, known, observe, model_client)
            asyncio.run(comparing.ask(_endpoint(run)))
            return Answers(known, comparing.why)
        finally:
            journal.close()


class _Comparing:
    """Asks `questions` and adds the answers to the journal and to `known`; `why` is the reason if some are missing."""

    def __init__(
        self,
        profile: Profile,
        questions: Mapping[str, Query],
        journal: Journal,
        known: dict[str, AnswerRecord],
        observe: Callable[[int, int], None],
        model_client: ModelClient,
    ) -> None:
        self.why = ""
        self._journal, self._known, self._observe, self._model_client = journal, known, observe, model_client
        self._total = len(questions)
        self._waiting = deque(query for name, query in questions.items() if name not in known)
        self._in_flight: set[str] = set()
        self._tally = Tally()
        for record in known.values():
            self._tally.add(record)
        # The time between two comparisons is not spent on them, so none is counted.
        self._limits = Limits(msgspec.structs.replace(profile.run, max_seconds=None), self._tally)
        self._signals = 0

    async def ask(self, held: Endpoint | None) -> None:
        """Ask until all is answered, a limit or a signal ends it, or the model is unavailable. `held` is the endpoint
        that earlier answers came from."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._interrupt)
        try:
            endpoint = await self._model_client.open(held)
            if endpoint is not None and endpoint != held:
                self._journal.append(EndpointRecord(endpoint=endpoint))
                self._journal.flush_now()
            while (self._waiting and not self.why) or (self._in_flight and self._signals < 2):
                self._send()
                await self._receive()
        finally:
            await self._model_client.close()
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)

    def _send(self) -> None:
        while self._waiting and not self.why and len(self._in_flight) < max(1, self._model_client.concurrency_limit):
            expected = self._model_client.expected_cost(self._waiting[0])
            if full := self._limits.why_no_call(expected, time.time()):
                if not self._in_flight:
                    self.why = full
                return
            query = self._waiting.popleft()
            self._in_flight.add(query.question)
            self._limits.begin(query.question, "call", expected)
            self._model_client.ask(query)

    async def _receive(self) -> None:
        for query, reply in await self._model_client.replies(_WAIT) if self._in_flight else ():
            self._in_flight.discard(query.question)
            self._limits.end(query.question)
            if isinstance(reply, Unavailable):
                self.why = self.why or reply.why
                continue
            record = answer_record(query, reply)
            self._journal.append(record)
            self._tally.add(record)
            self._known[query.question] = record
        self._journal.flush_now()
        self._observe(self._total - len(self._waiting) - len(self._in_flight), self._total)

    def _interrupt(self) -> None:
        self._signals += 1
        self.why = INTERRUPTED


def decide(ground: Ground, showings: Sequence[Showing], known: Mapping[str, AnswerRecord], seed: int) -> dict[int, int]:
    """The labels that follow from the answers, by item, decided as method `zero_shot` decides them; `seed` draws among
    equally good ones. Items that were refused are left out."""
    problem = ground.problem
    labels: dict[int, int] = {}
    for showing in showings:
        query = set(showing.items)
        for unit in {tuple(_unit(problem, item)): None for item in showing.items}:
            members = [item for item in unit if item in query]
            answers = [known[question_of(ground.items, showing.shown, item)].logprobs for item in members]
            scores = [None if answer is None else centred(answer) for answer in answers]
            choice = best_labels(problem, members, scores, float(np.random.default_rng([seed, members[0]]).random()))
            chosen = zip(members, choice.options[choice.chosen].labels, strict=True)
            labels |= {item: label for item, label in chosen if label is not None}
    return labels


def random_labels(problem: Problem, items: Sequence[int], seed: Sequence[int]) -> tuple[tuple[int, int], ...]:
    """`items` with labels drawn at random by `seed`, as method `random_labels` draws them."""
    return tuple(draw_labels(problem, items, np.random.default_rng(seed)))


def _questions(ground: Ground, showings: Sequence[Showing]) -> dict[str, Query]:
    """Every question once, by its name; those of one context follow each other."""
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
        records = read_records(path) if path.exists() else ()
        if found := [record.endpoint for _, record in records if isinstance(record, EndpointRecord)]:
            return found[-1]
    return None


def expected(
    profile: Profile,
    ground: Ground,
    showings: Sequence[Showing],
    known: Mapping[str, AnswerRecord],
    price: Price | None,
) -> tuple[int, float | None]:
    """How many calls are still to make, and about what they cost in USD: 0 if no server is paid, None without a price.
    `price` is the one that a catalogue offers."""
    questions = [query for name, query in _questions(ground, showings).items() if name not in known]
    if profile.model.backend != "openai":
        return len(questions), 0.0
    lengths = [len(item.text) + _CHARACTERS_OF_PAIR for item in ground.items]
    of_list = [sum(lengths[item] for item, _ in showing.shown) for showing in showings]
    characters = sum(of_list[query.context_id] + lengths[query.item] for query in questions)
    usage = Usage(round(characters / CHARACTERS_A_TOKEN), len(questions), 0)
    return len(questions), cost_of(usage, price_of(profile.model, price))
