"""Small runs made for tests, model clients that answer as a test wants, and what a journal says in the end."""

import json
from collections.abc import AsyncIterator, Callable, Generator, Iterable, Sequence
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import msgspec

from icm_tui.domain.decisions import LabelChange
from icm_tui.domain.items import Item
from icm_tui.domain.reply import Endpoint, Reply
from icm_tui.evaluate.gold_file import write_gold
from icm_tui.models.client import ModelClient, Piece, Query, Unavailable
from icm_tui.profile.schema import Model, Profile, Reasoning, TaskSection
from icm_tui.profile.toml import apply_sets
from icm_tui.run_dir.layout import RunDir
from icm_tui.run_dir.reading import read_records
from icm_tui.run_dir.records import AnyRecord
from icm_tui.run_dir.status import Status
from icm_tui.runner.assembly import make_model_client
from icm_tui.runner.prepare import make_run, prepare
from icm_tui.runner.runner import Tuning
from icm_tui.runner.session import MakeModelClient, run_here
from icm_tui.search.problem import Problem

ITEMS = 40
# The runner looks into its inbox every turn and waits for nothing, so one answer comes a turn.
BRISK = Tuning(inbox_every=0.0, retry_every=0.0)
# It also writes its status every turn.
TELLING = Tuning(inbox_every=0.0, retry_every=0.0, status_every=0.0)

run_briskly = partial(run_here, tuning=BRISK)

Answered = tuple[Query, Reply | Unavailable]


def make(path: Path, *sets: str, dataset: str = "leanings") -> RunDir:
    """A run of 40 items of a shipped set, or of as many as `sets` say, ready to start in `path`."""
    profile = apply_sets(Profile(task=TaskSection(dataset=dataset, limit=ITEMS)), sets)
    return make_run(prepare(profile), name="small", out=str(path), write_gold=write_gold)


# What a journal says


def records(run: RunDir) -> list[AnyRecord]:
    return [record for _, record in read_records(run.journal)]


def lines(run: RunDir, *kinds: str) -> list[dict[str, Any]]:
    """The records of some kinds as the file has them, without the fields that depend on when they were written."""
    found = [json.loads(line) for line in run.journal.read_bytes().splitlines()]
    return [
        {key: line[key] for key in line if key not in ("seq", "t", "crc")} for line in found if line["kind"] in kinds
    ]


def trajectory(run: RunDir) -> tuple[list[dict[str, Any]], dict[str, dict[str, Any]]]:
    """What must not depend on anything but the seed, the window, the answers and the commands: decisions and contexts,
    in their order, and the answers by question."""
    answers = lines(run, "answer")
    by_question = {answer["question"]: answer for answer in answers}
    assert len(by_question) == len(answers), "a question is answered twice"
    return lines(run, "decision", "context"), by_question


# Model clients


class Wrapped:
    """Hands everything on to another client."""

    def __init__(self, inner: ModelClient) -> None:
        self.inner = inner

    async def open(self, held: Endpoint | None) -> Endpoint | None:
        return await self.inner.open(held)

    async def close(self) -> None:
        await self.inner.close()

    def apply_settings(self, model: Model, reasoning: Reasoning) -> None:
        self.inner.apply_settings(model, reasoning)

    @property
    def concurrency_limit(self) -> int:
        return self.inner.concurrency_limit

    @property
    def warms(self) -> bool:
        return self.inner.warms

    @property
    def shutdown_grace(self) -> float:
        return self.inner.shutdown_grace

    def expected_cost(self, asked: Query) -> float | None:
        return self.inner.expected_cost(asked)

    def expected_explanation_cost(self, asked: Query) -> float | None:
        return self.inner.expected_explanation_cost(asked)

    def ask(self, asked: Query) -> None:
        self.inner.ask(asked)

    async def replies(self, seconds: float) -> list[Answered]:
        return await self.inner.replies(seconds)

    def relabel(self, chain: int, changes: Iterable[LabelChange]) -> None:
        self.inner.relabel(chain, changes)

    @property
    def speaker(self) -> str:
        return self.inner.speaker

    def explain(self, asked: Query, label: int | None) -> AsyncIterator[Piece]:
        return self.inner.explain(asked, label)


class Counting(Wrapped):
    """Keeps the questions asked."""

    def __init__(self, inner: ModelClient, asked: list[str]) -> None:
        super().__init__(inner)
        self.asked = asked

    def ask(self, asked: Query) -> None:
        self.asked.append(asked.question)
        super().ask(asked)


class Shuffled(Wrapped):
    """Gives replies in random order, some sooner and some later."""

    def __init__(self, inner: ModelClient, random: Random) -> None:
        super().__init__(inner)
        self._random = random
        self._held: list[Answered] = []

    async def replies(self, seconds: float) -> list[Answered]:
        self._held += await self.inner.replies(0.0 if self._held else seconds)
        self._random.shuffle(self._held)
        count = self._random.randint(0, len(self._held))
        given, self._held = self._held[:count], self._held[count:]
        return given


class Refusing(Wrapped):
    """Refuses the items `always`, and the first question about each of the items `once`."""

    def __init__(self, inner: ModelClient, always: Sequence[int], once: Sequence[int]) -> None:
        super().__init__(inner)
        self._always = set(always)
        self._once = set(once)

    async def replies(self, seconds: float) -> list[Answered]:
        return [(asked, self._judged(asked, reply)) for asked, reply in await self.inner.replies(seconds)]

    def _judged(self, asked: Query, reply: Reply) -> Reply:
        if asked.item not in self._always | self._once:
            return reply
        self._once.discard(asked.item)
        return Reply(None, failed="the server refused the item: too long")


class Priced(Wrapped):
    """Asks `cost` USD and 100 tokens for a reply, half of them cached."""

    def __init__(self, inner: ModelClient, cost: float) -> None:
        super().__init__(inner)
        self._cost = cost

    async def replies(self, seconds: float) -> list[Answered]:
        price = {"cost": self._cost, "tokens_in": 100, "tokens_out": 1, "tokens_cached": 50}
        return [(asked, msgspec.structs.replace(reply, **price)) for asked, reply in await self.inner.replies(seconds)]


class Silent(Wrapped):
    """Answers `count` questions and no more."""

    def __init__(self, inner: ModelClient, count: int) -> None:
        super().__init__(inner)
        self._left = count

    async def replies(self, seconds: float) -> list[Answered]:
        given = (await self.inner.replies(seconds))[: self._left]
        self._left -= len(given)
        return given


def counted(asked: list[str]) -> MakeModelClient:
    """The embedded model, with the questions asked kept in `asked`."""
    return wrapped(lambda inner: Counting(inner, asked))


def wrapped(wrap: Callable[[ModelClient], ModelClient]) -> MakeModelClient:
    """The embedded model inside of what `wrap` makes."""

    def model_client_of(profile: Profile, problem: Problem, items: list[Item]) -> ModelClient:
        return wrap(make_model_client(profile, problem, items))

    return model_client_of


# Driving a run from its statuses

Script = Generator[None, Status, None]


def driven(script: Script) -> Callable[[Status], None]:
    """An observer that plays a script: it yields whenever it wants the next status."""
    next(script)

    def observe(status: Status) -> None:
        if script.gi_frame is not None:
            next_or_end(script, status)

    return observe


def next_or_end(script: Script, status: Status) -> None:
    try:
        script.send(status)
    except StopIteration:
        return


def until(state: str) -> Generator[None, Status, Status]:
    """Let statuses pass until one of that state comes, and give it."""
    while True:
        status = yield
        if status.state == state:
            return status
