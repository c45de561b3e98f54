"""Steering a run: with a runner that is played step by step, then with a real one."""

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from icm_tui.cli import main
from icm_tui.commands.console import to_type
from icm_tui.commands.control import PATIENCE, Watch
from icm_tui.errors import RunFailed
from icm_tui.evaluate.gold_file import write_gold
from icm_tui.profile.schema import Profile, TaskSection
from icm_tui.profile.toml import apply_sets
from icm_tui.run_dir import inbox
from icm_tui.run_dir.journal import Journal
from icm_tui.run_dir.layout import RunDir
from icm_tui.run_dir.reading import read_records
from icm_tui.run_dir.records import CommandRecord
from icm_tui.run_dir.status import Status, read_status, write_status
from icm_tui.runner import launch
from icm_tui.runner.prepare import make_run, prepare

Obey = Callable[[inbox.Command], tuple[str, str] | None]


def _set_state(run: RunDir, state: str) -> None:
    """A status as a runner on another host writes it, which no lock here contradicts."""
    write_status(run, Status(state=state, host="elsewhere", pid=1, t=time.time()))


class _Runner:
    """Plays a runner: looks into the inbox whenever the one who waits sleeps, and moves the clock on."""

    def __init__(self, run: RunDir, obey: Obey) -> None:
        self.run = run
        self.now = 0.0
        self.obeyed: list[inbox.Command] = []
        self._obey = obey

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += 1.0  # more than was asked for: patience is a minute
        for command in inbox.take(self.run):
            outcome = self._obey(command)
            if outcome is None:
                continue
            self.obeyed.append(command)
            journal = Journal.open(self.run.journal, durability="free")
            journal.append(CommandRecord(id=command.id, what=command.what, n=7, outcome=outcome[0], why=outcome[1]))
            journal.close()
            inbox.done(self.run, command)


def _watched(run: RunDir, obey: Obey) -> tuple[_Runner, Watch]:
    runner = _Runner(run, obey)
    return runner, Watch(run, clock=runner.clock, sleep=runner.sleep)


@pytest.fixture
def live(listed: Path) -> RunDir:
    run = RunDir(listed)
    _set_state(run, "running")
    return run


def test_send_reports_what_was_done(live: RunDir, capsys: pytest.CaptureFixture[str]) -> None:
    runner, watch = _watched(live, lambda command: ("done", ""))
    watch.send("to", {"n": 9})
    assert [(command.what, command.args) for command in runner.obeyed] == [("to", {"n": 9})]
    assert capsys.readouterr() == ("", "to: asked demo-1\nto: done, at decision 7\n")


def test_send_reports_no_change_with_reason(live: RunDir, capsys: pytest.CaptureFixture[str]) -> None:
    _, watch = _watched(live, lambda command: ("no change", "the run is paused already"))
    watch.send("pause", {})
    assert capsys.readouterr().err.endswith("pause: no change (the run is paused already), at decision 7\n")


def test_send_reports_refusal_with_reason(live: RunDir) -> None:
    _, watch = _watched(live, lambda command: ("refused", "the run is ending"))
    with pytest.raises(RunFailed, match=r"^skip: refused \(the run is ending\)\.$"):
        watch.send("skip", {})


def test_send_ignores_commands_of_others(live: RunDir, capsys: pytest.CaptureFixture[str]) -> None:
    inbox.send(live, "pause", {})
    runner, watch = _watched(live, lambda command: ("refused", "no") if command.what == "pause" else ("done", ""))
    watch.send("step", {})
    assert [command.what for command in runner.obeyed] == ["pause", "step"]
    assert capsys.readouterr().err.endswith("step: done, at decision 7\n")


@pytest.mark.parametrize("torn", [b"", b'{"seq": 3, "kin'], ids=["whole", "torn"])
def test_send_reads_only_end_of_journal(torn: bytes, live: RunDir, capsys: pytest.CaptureFixture[str]) -> None:
    journal = live.journal.read_bytes()
    assert len(journal) > 1 << 17
    live.journal.write_bytes(b"#" + journal[1:] + torn)  # whoever read the first line would say that it is damaged
    _, watch = _watched(live, lambda command: ("done", ""))
    watch.send("step", {})
    assert capsys.readouterr().err.endswith("step: done, at decision 7\n")


def test_send_skips_long_line_whole(live: RunDir, capsys: pytest.CaptureFixture[str]) -> None:
    with live.journal.open("ab") as file:
        file.write(b"x" * 200_000)
    _, watch = _watched(live, lambda command: ("done", ""))
    watch.send("step", {})
    assert capsys.readouterr().err.endswith("step: done, at decision 7\n")


def test_send_waits_for_missing_journal(live: RunDir, capsys: pytest.CaptureFixture[str]) -> None:
    live.journal.unlink()
    _, watch = _watched(live, lambda command: ("done", ""))
    watch.send("pause", {})
    assert capsys.readouterr().err.endswith("pause: done, at decision 7\n")


def test_send_to_runner_that_ends_too_early(live: RunDir) -> None:
    def obey(command: inbox.Command) -> None:
        _set_state(live, "stopped")

    _, watch = _watched(live, obey)
    with pytest.raises(RunFailed) as told:
        watch.send("pause", {})
    assert str(told.value) == ("pause: demo-1 has no process (stopped). `icm-tui resume demo-1` starts one.")
    assert inbox.take(live) == []  # the next runner shall not find it


def test_send_to_runner_that_obeys_and_ends(live: RunDir, capsys: pytest.CaptureFixture[str]) -> None:
    def obey(command: inbox.Command) -> tuple[str, str]:
        _set_state(live, "stopped")
        return "done", ""

    _, watch = _watched(live, obey)
    watch.send("stop", {})
    watch.until_ended()
    assert capsys.readouterr().err.endswith("stop: done, at decision 7\ndemo-1 is stopped\n")


def test_send_to_runner_that_does_not_answer(live: RunDir) -> None:
    runner, watch = _watched(live, lambda command: _set_state(live, "running"))
    with pytest.raises(RunFailed) as told:
        watch.send("pause", {})
    assert str(told.value).startswith("pause: demo-1 has not answered within 60 s. The command stays in its inbox")
    assert PATIENCE <= runner.now <= PATIENCE + 1
    assert [command.what for command in inbox.take(live)] == ["pause"]


def test_until_ended_gives_up_on_slow_runner(live: RunDir) -> None:
    write_status(live, Status(state="stopping", in_flight=3, host="elsewhere", pid=1, t=time.time()))
    runner = _Runner(live, lambda command: None)

    def sleep(seconds: float) -> None:
        runner.sleep(seconds)
        write_status(live, Status(state="stopping", in_flight=3, host="elsewhere", pid=1, t=time.time()))

    with pytest.raises(RunFailed, match=r"^demo-1 is still stopping after 60 s\. It is waiting for 3 answers\."):
        Watch(live, clock=runner.clock, sleep=sleep).until_ended()


@pytest.mark.parametrize(
    ("state", "sentence"),
    [
        ("done", "demo-1 is done."),
        ("stopped", "demo-1 has no process (stopped). `icm-tui resume demo-1` starts one."),
        ("failed", "demo-1 has no process (failed). `icm-tui resume demo-1` starts one."),
    ],
)
@pytest.mark.parametrize(
    "line",
    [
        "pause demo",
        "step demo",
        "skip demo",
        "to demo 5",
        "stop demo",
        "pin demo 3 A",
        "pin demo 3 --off",
        "throttle demo 20",
        "throttle demo off",
    ],
)
def test_send_without_runner_is_refused_at_once(
    line: str, state: str, sentence: str, live: RunDir, capsys: pytest.CaptureFixture[str]
) -> None:
    _set_state(live, state)
    assert main(line.split()) == 1
    assert capsys.readouterr() == ("", sentence + "\n")
    assert inbox.take(live) == []


@pytest.mark.parametrize(
    ("line", "what", "args"),
    [
        ("pin demo 3 A", "pin", {"item": 3, "label": "A", "note": ""}),
        ("pin demo 3 B --note because", "pin", {"item": 3, "label": "B", "note": "because"}),
        ("pin demo 3 --off", "pin", {"item": 3, "label": None, "note": ""}),
        ("throttle demo 2.5", "throttle", {"seconds": 2.5}),
        ("throttle demo off", "throttle", {}),
    ],
)
def test_control_sends_command_with_arguments(
    line: str, what: str, args: dict[str, object], live: RunDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[str, object]] = []
    monkeypatch.setattr(Watch, "send", lambda watch, what, args: told.append((what, args)))
    assert main(line.split()) == 0
    assert told == [(what, args)]


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("pin demo 3", "`icm-tui pin` takes either a LABEL or --off, as in `icm-tui pin demo 17 A`."),
        ("pin demo 3 A --off", "`icm-tui pin` takes either a LABEL or --off, as in `icm-tui pin demo 17 A`."),
        ("pin demo 3 C", "'C' is no label of demo-1; its labels are A, B."),
        ("throttle demo soon", "A throttle is a number of seconds above 0, such as 20, not 'soon'."),
        ("throttle demo 0", "A throttle is a number of seconds above 0, such as 20, not '0'."),
        ("throttle demo inf", "A throttle is a number of seconds above 0, such as 20, not 'inf'."),
    ],
)
def test_control_refuses_bad_arguments_at_once(
    line: str, sentence: str, live: RunDir, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(line.split()) == 2
    assert capsys.readouterr() == ("", sentence + "\n")
    assert inbox.take(live) == []


def test_send_to_quiet_run_says_so(live: RunDir, capsys: pytest.CaptureFixture[str]) -> None:
    write_status(live, Status(state="running", host="elsewhere", pid=1, t=time.time() - 3600))
    assert main(["pause", "demo"]) == 1
    assert capsys.readouterr().err.startswith("demo-1 has been silent for a while")


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[tuple[object, ...]]:
    """How a run was started again, instead of starting it."""
    calls: list[tuple[object, ...]] = []

    def run_to_end(run: RunDir, sets: list[str], *, as_json: bool) -> int:
        calls.append(("here", run.name, sets, as_json))
        return 0

    monkeypatch.setattr(launch, "detach", lambda path, sets: calls.append(("detached", path.name, sets)))
    monkeypatch.setattr("icm_tui.commands.headless.run_to_end", run_to_end)
    return calls


@pytest.mark.parametrize("state", ["stopped", "failed", "done"])
def test_resume_starts_new_runner(
    state: str, live: RunDir, started: list[tuple[object, ...]], capsys: pytest.CaptureFixture[str]
) -> None:
    _set_state(live, state)
    assert main(["resume", "demo", "--headless", "--json", "--set", "run.max_calls=9"]) == 0
    assert started == [("here", "demo-1", ["run.max_calls=9"], True)]
    assert main(["resume", "demo", "--detach"]) == 0
    assert started[1:] == [("detached", "demo-1", [])]
    assert capsys.readouterr().out == f"{live.path}\n"


def test_resume_starts_run_killed_before_first_status(home: Path) -> None:
    profile = apply_sets(Profile(task=TaskSection(dataset="leanings", limit=8)), ["search.shots=2"])
    run = make_run(prepare(profile), name="young", out=str(home / "runs" / "young"), write_gold=write_gold)
    assert main(["resume", "young", "--headless"]) == 0
    status = read_status(run)
    assert status is not None
    assert status.state == "done"


def test_resume_lifts_pause_of_live_run(
    live: RunDir, started: list[tuple[object, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[str, object]] = []
    monkeypatch.setattr(Watch, "send", lambda watch, what, args: told.append((what, args)))
    _set_state(live, "paused")
    assert main(["resume", "demo"]) == 0
    assert main(["resume", "demo", "--set", "run.budget_usd=2"]) == 0
    assert told == [("resume", {}), ("resume", {"set": ["run.budget_usd=2"]})]
    assert started == []


def test_resume_waits_for_stopping_run(
    live: RunDir, started: list[tuple[object, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Watch, "until_ended", lambda watch: _set_state(live, "stopped"))
    _set_state(live, "stopping")
    assert main(["resume", "demo", "--headless"]) == 0
    assert started == [("here", "demo-1", [], False)]


def test_resume_refuses_settings_that_change_labels(
    live: RunDir, started: list[tuple[object, ...]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["resume", "demo", "--set", "search.shots=3"]) == 2
    assert capsys.readouterr().err.startswith("search.shots cannot be changed while a run is under way")
    assert started == []


def test_to_type_quotes_for_shell(home: Path, tmp_path: Path) -> None:
    assert to_type(RunDir(home / "runs" / "demo-1")) == "demo-1"
    assert to_type(RunDir(tmp_path / "my run")) == f"'{tmp_path / 'my run'}'"


@pytest.mark.slow
def test_control_steers_real_run(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Detached, paused, taken on by hand, and stopped."""
    # More decisions than fit between two commands.
    assert main(["run", "demo", "--detach", "--set", "search.sweeps=400"]) == 0
    run = RunDir(Path(capsys.readouterr().out.strip()))
    try:
        for what in ("pause", "pause", "step"):
            assert main([what, "demo"]) == 0
        assert main(["pin", "demo", "3", "A"]) == 0
        assert main(["pin", "demo", "170000", "A"]) == 1
        assert main(["export", "demo", "--format", "jsonl", "-o", "-"]) == 0
        rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert [(number, row["label"]) for number, row in enumerate(rows) if row["pinned"]] == [(3, "A")]
    finally:
        assert main(["stop", "demo"]) == 0
    assert capsys.readouterr().err.endswith(f"{run.name} is stopped\n")
    assert main(["pause", "demo"]) == 1
    commands = [record for _, record in read_records(run.journal) if isinstance(record, CommandRecord)]
    assert [(command.what, command.outcome) for command in commands] == [
        ("pause", "done"),
        ("pause", "no change"),
        ("step", "done"),
        ("pin", "done"),
        ("pin", "refused"),
        ("stop", "done"),
    ]
    paused, stopped = commands[0].n, commands[-1].n
    assert paused <= stopped <= paused + 1
