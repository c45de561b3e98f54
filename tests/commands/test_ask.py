"""Asking about an item from a shell: without a runner, with one that is played step by step, and with a real one."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from icm_tui.cli import main
from icm_tui.commands.ask import ask_runner
from icm_tui.commands.control import Watch
from icm_tui.errors import RunFailed
from icm_tui.run_dir import inbox
from icm_tui.run_dir.journal import Journal
from icm_tui.run_dir.layout import RunDir
from icm_tui.run_dir.reading import read_records
from icm_tui.run_dir.reasoning import ReasoningLog, ReasoningPiece
from icm_tui.run_dir.records import AnyRecord, CommandRecord, ExplanationRecord, ReaskRecord
from icm_tui.run_dir.status import Status, write_status

SPEAKER = "embedded model (word patterns, no language model)"


@pytest.fixture
def run(listed: Path) -> RunDir:
    return RunDir(listed)


def records(run: RunDir) -> list[AnyRecord]:
    return [record for _, record in read_records(run.journal)]


def test_ask_answers_for_finished_run(run: RunDir, capsys: pytest.CaptureFixture[str]) -> None:
    status = run.status.read_bytes()
    assert main(["ask", "demo", "5"]) == 0
    told = capsys.readouterr()
    reasoning, answer = told.out.splitlines()
    assert reasoning.startswith("For ")
    assert reasoning.endswith(" labelled items.")
    reask, explanation = records(run)[-2:]
    assert isinstance(reask, ReaskRecord)
    assert isinstance(explanation, ExplanationRecord)
    assert answer.startswith(f"item 5: {'AB'[explanation.label or 0]}, with probability ")
    assert told.err == f"{SPEAKER}:\n"
    assert run.status.read_bytes() == status


def test_ask_json_is_one_object(run: RunDir, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ask", "demo", "5", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert list(answer) == ["item", "label", "logprobs", "text", "speaker"]
    assert (answer["item"], answer["speaker"]) == (5, SPEAKER)
    assert answer["label"] == "AB"[answer["logprobs"].index(max(answer["logprobs"]))]
    assert answer["text"].endswith(" labelled items.")


@pytest.mark.parametrize(
    ("item", "why"),
    [
        ("40", "ask: refused (there is no item 40; they are numbered from 0 to 39)."),
        ("-1", "ask: refused (there is no item -1; they are numbered from 0 to 39)."),
    ],
)
def test_ask_refuses_unknown_item(item: str, why: str, run: RunDir, capsys: pytest.CaptureFixture[str]) -> None:
    before = run.journal.read_bytes()
    assert main(["ask", "demo", item]) == 1
    assert capsys.readouterr() == ("", f"{why}\n")
    assert run.journal.read_bytes() == before


# With a runner that is played


def live(run: RunDir, state: str = "running") -> None:
    """A status as a runner on another host writes it, which no lock here contradicts."""
    write_status(run, Status(state=state, host="elsewhere", pid=1, t=time.time()))


def piece(text: str, call: int, *, reasoning: bool = False, end: bool = False) -> ReasoningPiece:
    return ReasoningPiece(call=call, item=5, n=7, t=0.0, speaker="a model", text=text, reasoning=reasoning, end=end)


class _Runner:
    """Plays the runner a step whenever the one who waits sleeps: obeys, answers, thinks and explains."""

    def __init__(self, run: RunDir, steps: Callable[["_Runner", inbox.Command], Iterator[None]]) -> None:
        self.run = run
        self._steps = steps
        self._under_way: Iterator[None] | None = None

    def sleep(self, seconds: float) -> None:
        if self._under_way is None:
            (command,) = inbox.take(self.run)
            self._under_way = self._steps(self, command)
        next(self._under_way, None)

    def journal(self, *added: AnyRecord) -> None:
        journal = Journal.open(self.run.journal, durability="free")
        for record in added:
            journal.append(record)
        journal.close()

    def say(self, *pieces: ReasoningPiece) -> None:
        log = ReasoningLog(self.run.reasoning)
        for added in pieces:
            log.add(added)
        log.close()

    def obey(self, command: inbox.Command) -> None:
        self.journal(CommandRecord(id=command.id, what="ask", args=command.args, n=7, outcome="done"))
        inbox.done(self.run, command)


def asked(run: RunDir, steps: Callable[[_Runner, inbox.Command], Iterator[None]]) -> tuple[object, list[str]]:
    runner, said = _Runner(run, steps), list[str]()
    watch = Watch(run, sleep=runner.sleep)
    answer = ask_runner(run, watch, 5, lambda piece: said.append(piece.text), sleep=runner.sleep)
    return answer, said


def reask(command: str, call: int, **more: object) -> ReaskRecord:
    return ReaskRecord(logprobs=[-0.1, -2.4], item=5, context_id=0, n=7, call=call, command=command, **more)  # type: ignore[arg-type]


def test_ask_runner_follows_its_own_call_only(run: RunDir) -> None:
    live(run)
    _Runner(run, lambda runner, command: iter(())).say(piece("long ago", 100, end=True))

    def steps(runner: _Runner, command: inbox.Command) -> Iterator[None]:
        assert (command.what, command.args) == ("ask", {"item": 5})
        runner.obey(command)
        yield
        runner.say(piece("one ", 102), piece("another's", 101))
        yield
        runner.journal(reask("another", 101), reask(command.id, 102))
        yield
        runner.say(piece("two", 102, reasoning=True))
        yield
        runner.journal(ExplanationRecord(item=5, n=7, call=101, label=1))
        yield
        runner.say(piece("", 102, end=True))
        runner.journal(ExplanationRecord(item=5, n=7, call=102, label=0))
        live(run, "done")
        yield

    (found, explanation), said = asked(run, steps)
    assert said == ["one ", "two", ""]
    assert (found.call, explanation.call, explanation.label) == (102, 102, 0)


def test_ask_runner_ends_if_model_refuses_item(run: RunDir) -> None:
    live(run)

    def steps(runner: _Runner, command: inbox.Command) -> Iterator[None]:
        runner.obey(command)
        yield
        runner.journal(
            ReaskRecord(logprobs=None, failed="too long", item=5, context_id=0, n=7, call=100, command=command.id)
        )
        yield

    (found, explanation), said = asked(run, steps)
    assert (found.failed, explanation, said) == ("too long", None, [])


@pytest.mark.parametrize("state", ["stopped", "done", "failed"])
def test_ask_runner_that_ends_too_early(state: str, run: RunDir) -> None:
    live(run)

    def steps(runner: _Runner, command: inbox.Command) -> Iterator[None]:
        runner.obey(command)
        yield
        runner.journal(reask(command.id, 100))
        runner.say(piece("one ", 100))
        live(run, state)
        yield

    with pytest.raises(RunFailed, match=r"^ask: demo-1 ended before it said why item 5 has its label\.$"):
        asked(run, steps)


def test_ask_runner_gives_reason_of_refusal(run: RunDir) -> None:
    live(run)

    def steps(runner: _Runner, command: inbox.Command) -> Iterator[None]:
        runner.journal(CommandRecord(id=command.id, what="ask", n=7, outcome="refused", why="the run is ending"))
        inbox.done(run, command)
        yield

    with pytest.raises(RunFailed, match=r"^ask: refused \(the run is ending\)\.$"):
        asked(run, steps)


# What is printed


def answers(
    monkeypatch: pytest.MonkeyPatch, pieces: list[ReasoningPiece], reask: ReaskRecord, **explanation: str
) -> None:
    """Let the runner's answer be this."""

    def ask_runner(
        run: RunDir, watch: Watch, item: int, observe: Callable[[ReasoningPiece], None]
    ) -> tuple[ReaskRecord, ExplanationRecord | None]:
        for said in pieces:
            observe(said)
        told = None if reask.logprobs is None else ExplanationRecord(item=5, n=7, call=0, label=0, **explanation)  # type: ignore[arg-type]
        return reask, told

    monkeypatch.setattr("icm_tui.commands.ask.ask_runner", ask_runner)


def test_ask_separates_reasoning_and_cleans_text(
    run: RunDir, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    live(run)
    said = [
        piece("hm\x1b[2J", 0, reasoning=True),
        piece(" so", 0, reasoning=True),
        piece("It \x1b]0;x\x07is", 0),
        piece(" A.", 0),
        piece("", 0, end=True),
    ]
    answers(monkeypatch, said, reask("", 0))
    assert main(["ask", "demo", "5"]) == 0
    assert capsys.readouterr() == ("hm so\nIt is A.\nitem 5: A, with probability 0.90\n", "a model:\n")
    assert main(["ask", "demo", "5", "--json"]) == 0
    told = capsys.readouterr()
    assert json.loads(told.out)["text"] == "It \x1b]0;x\x07is A."
    assert "\x1b" not in told.out


def test_ask_fails_if_cut_short_or_unanswered(
    run: RunDir, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    live(run)
    answers(monkeypatch, [piece("It is", 0)], reask("", 0), failed="the line\ndropped")
    assert main(["ask", "demo", "5"]) == 1
    told = capsys.readouterr()
    assert told.out.startswith("It is\nitem 5: A")
    assert told.err.endswith("ask: the explanation was cut short: the line dropped.\n")
    answers(monkeypatch, [], ReaskRecord(logprobs=None, failed="too long", item=5, context_id=0, n=7, call=0))
    assert main(["ask", "demo", "5"]) == 1
    assert capsys.readouterr() == ("", "ask: item 5 got no answer: too long.\n")


@pytest.mark.slow
def test_ask_real_run_working_and_paused(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    # More decisions than fit between two commands.
    assert main(["run", "demo", "--detach", "--set", "search.sweeps=400", "--set", "reasoning.every=0"]) == 0
    run = RunDir(Path(capsys.readouterr().out.strip()))
    try:
        while not any(isinstance(record, ExplanationRecord) for record in records(run)):
            main(["ask", "demo", "5"])  # refused until item 5 was asked about
        assert main(["pause", "demo"]) == 0
        capsys.readouterr()
        assert main(["ask", "demo", "5", "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["item"] == 5
    finally:
        assert main(["stop", "demo"]) == 0
    assert main(["ask", "demo", "5"]) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("item 5: ")
    assert [record.call for record in records(run) if isinstance(record, ReaskRecord)] == [0, 1, 2]
