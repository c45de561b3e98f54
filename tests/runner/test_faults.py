"""Disks that refuse, directories that are not as they were, and signals: one clear sentence each, and nothing lost."""

import errno
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import msgspec
import pytest

from icm_tui.errors import RunFailed, UserError
from icm_tui.run_dir import inbox
from icm_tui.run_dir.labels import final_labels
from icm_tui.run_dir.layout import RunDir
from icm_tui.run_dir.records import FORMAT, ErrorRecord, StopRecord
from icm_tui.run_dir.status import Status, read_status
from icm_tui.runner.session import run_here
from tests.runner.journals import resealed, sealed
from tests.runner.made import (
    BRISK,
    TELLING,
    Script,
    Silent,
    counted,
    driven,
    lines,
    make,
    records,
    run_briskly,
    trajectory,
    until,
    wrapped,
)
from tests.runner.processes import lock_holder

SETS = ("search.shots=8",)
FULL = "no space left on device. To mend it, free some space on that disk."
READ_ONLY = "read-only file system. To mend it, make that disk writable, or choose a directory on another one."


@pytest.fixture(autouse=True)
def attentive() -> Iterator[None]:
    """Signals have their usual effect, here and in children, even if the tests run in the background or under nohup."""
    numbers = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL, signal.SIGHUP: signal.SIG_DFL}
    before = {number: signal.signal(number, handler) for number, handler in numbers.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


class Disk:
    """Refuses the journal's writes or syncs, `number` being why, from its `begin`th on, and `refusals` times."""

    def __init__(self, run: RunDir, number: int, refusals: int, begin: int = 40) -> None:
        self._run = run
        self._number = number
        self._left = refusals
        self._begin = begin
        self._before = {"write": os.write, "fsync": os.fsync}
        self.refused = 0

    def write(self, descriptor: int, data: memoryview) -> int:
        self._judge(descriptor)
        return self._before["write"](descriptor, data)

    def fsync(self, descriptor: int) -> None:
        self._judge(descriptor)
        self._before["fsync"](descriptor)

    def _judge(self, descriptor: int) -> None:
        if not self._run.journal.exists() or not os.path.samestat(os.fstat(descriptor), self._run.journal.stat()):
            return
        self._begin -= 1
        if self._begin < 0 and self._left > 0:
            self._left -= 1
            self.refused += 1
            raise OSError(self._number, os.strerror(self._number))

    def heal(self) -> None:
        self._left = 0


@pytest.mark.parametrize("paid", [False, True], ids=["free", "paid"])
@pytest.mark.parametrize(
    ("number", "call", "reason"),
    [(errno.ENOSPC, "write", FULL), (errno.EROFS, "write", READ_ONLY), (errno.EROFS, "fsync", READ_ONLY)],
    ids=["full", "read-only", "read-only-sync"],
)
def test_disk_that_refuses_for_a_while_pauses_the_run(
    number: int, call: str, reason: str, paid: bool, run: RunDir, undisturbed: RunDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    # By this clock a sync is always due.
    tuning = msgspec.structs.replace(BRISK, durability="paid" if paid else "free", clock=count(1e9, 2).__next__)
    disk = Disk(run, number, refusals=7)
    monkeypatch.setattr(os, call, getattr(disk, call))
    asked: list[str] = []
    told: list[tuple[Status, int, Status | None]] = []

    def observe(status: Status) -> None:
        told.append((status, len(asked), read_status(run)))

    outcome = run_here(run.path, observe=observe, model_client_of=counted(asked), tuning=tuning)
    assert disk.refused == 7
    assert outcome.state == "done"
    paused = [place for place, (status, _, _) in enumerate(told) if status.state == "paused"]
    expected = f"The journal {run.journal} cannot be written: {reason} What is not written is kept in memory meanwhile."
    assert {told[place][0].why for place in paused} == {expected}
    # Each status is also written, and nothing more was asked by the time the disk took the journal again.
    place = paused[-1] + 1
    written = told[place][2]
    assert written is not None
    assert (written.state, written.why) == ("paused", expected)
    assert told[place][0].state == "running"
    assert told[place][1] == told[paused[0]][1] < len(asked)
    found = [record.what for record in records(run) if isinstance(record, ErrorRecord)]
    assert found == ["the journal could not be written for a while; nothing was lost"]
    assert trajectory(run) == trajectory(undisturbed)
    assert final_labels(run.path) == final_labels(undisturbed.path)
    assert sorted(asked) == sorted(answer["question"] for answer in lines(run, "answer"))


@pytest.mark.parametrize("begin", [1, 2, 3, 5, 40])
def test_pause_holds_that_came_while_the_disk_refused(
    begin: int, run: RunDir, undisturbed: RunDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = Disk(run, errno.ENOSPC, refusals=7, begin=begin)
    monkeypatch.setattr(os, "write", disk.write)
    asked: list[str] = []

    def script() -> Script:
        yield from until("paused")
        inbox.send(run, "pause", {})
        status, count = (yield), len(asked)
        while status.why != "paused by command" or status.in_flight:
            status = yield
        for _ in range(3):
            inbox.send(run, "knock", {})
            status = yield
            assert (status.state, len(asked)) == ("paused", count)
        inbox.send(run, "resume", {})

    assert run_briskly(run.path, observe=driven(script()), model_client_of=counted(asked)).state == "done"
    assert disk.refused == 7
    assert trajectory(run) == trajectory(undisturbed)
    assert len(asked) == len(lines(run, "answer"))


def test_signal_ends_a_run_whose_disk_stays_full(
    run: RunDir, undisturbed: RunDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = Disk(run, errno.ENOSPC, refusals=10**6)
    monkeypatch.setattr(os, "write", disk.write)
    states = []

    def observe(status: Status) -> None:
        states.append(status.state)
        if status.state in ("paused", "stopping"):
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(RunFailed) as caught:
        run_briskly(run.path, observe=observe)
    assert str(caught.value) == (
        f"The journal {run.journal} cannot be written: {FULL} "
        "What it did not take is lost; a resumed run asks for it again."
    )
    status = read_status(run)
    assert status is not None
    assert (status.state, status.why) == ("failed", str(caught.value))
    disk.heal()
    assert run_briskly(run.path).state == "done"
    assert trajectory(run) == trajectory(undisturbed)


def test_status_that_cannot_be_written_stops_nothing(run: RunDir, undisturbed: RunDir) -> None:
    run.status.mkdir()
    assert run_briskly(run.path).state == "done"
    assert trajectory(run) == trajectory(undisturbed)


# Directories that are not as they were


def sentence(run: RunDir, kind: type[UserError] = UserError) -> str:
    """The sentence that a person reads when a run cannot start; nothing may be asked."""
    asked: list[str] = []
    with pytest.raises(UserError) as caught:
        run_briskly(run.path, model_client_of=counted(asked))
    assert type(caught.value).exit_status == kind.exit_status
    assert asked == []
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_run_refuses_to_start_on_a_full_disk(run: RunDir, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = Disk(run, errno.ENOSPC, refusals=10**6, begin=0)
    monkeypatch.setattr(os, "write", disk.write)
    assert sentence(run, RunFailed) == f"The journal {run.journal} cannot be written: {FULL}"
    disk.heal()
    assert run_briskly(run.path).state == "done"


def test_run_refuses_to_start_in_a_read_only_directory(run: RunDir, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = os.open

    def refuse(path: str | Path, flags: int, *more: int, **options: int) -> int:
        if Path(path).parent == run.path and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))
        return opened(path, flags, *more, **options)

    monkeypatch.setattr(os, "open", refuse)
    assert sentence(run, RunFailed) == f"The run's lock {run.lock} cannot be written: {READ_ONLY}"


def test_run_refuses_to_start_twice(run: RunDir) -> None:
    with lock_holder(run) as holder:
        assert sentence(run) == (
            f"The run run is already being run by process {holder.pid} on {os.uname().nodename}; "
            "watch it with `icm-tui attach run`, or stop it first with `icm-tui stop run`."
        )


Damage = Callable[[RunDir], None]


def _of_a_newer_format(run: RunDir) -> None:
    run.journal.write_bytes(resealed(run.journal.read_bytes().replace(b'"format":1', b'"format":2', 1)))


def _with_a_line_damaged(run: RunDir) -> None:
    found = run.journal.read_bytes().splitlines(keepends=True)
    found[9] = found[9][: len(found[9]) // 2] + b"\n"
    run.journal.write_bytes(b"".join(found))


def _with_a_line_missing(run: RunDir) -> None:
    found = run.journal.read_bytes().splitlines(keepends=True)
    run.journal.write_bytes(b"".join(found[:9] + found[10:]))


def _without_its_beginning(run: RunDir) -> None:
    run.journal.write_bytes(sealed(msgspec.json.encode(ErrorRecord(seq=0, t=1.0, what="the beginning is gone"))))


def _with_an_answer_of_another_run(run: RunDir) -> None:
    data = run.journal.read_bytes()
    run.journal.write_bytes(resealed(data.replace(b'"question":"tournament/0', b'"question":"tournament/7', 1)))


def _with_another_item(run: RunDir) -> None:
    run.items.write_bytes(run.items.read_bytes().replace(b'"text":"', b'"text":"Really, ', 1))


def _with_an_item_damaged(run: RunDir) -> None:
    run.items.write_bytes(run.items.read_bytes().replace(b'"text"', b"text", 1))


def _with_another_profile(run: RunDir) -> None:
    run.profile.write_text(run.profile.read_text().replace("shots = 8", "shots = 4"))


def _with_a_profile_cut_short(run: RunDir) -> None:
    run.profile.write_text('[task]\ndataset = "leanings"\n')


def _without_its_items(run: RunDir) -> None:
    run.items.unlink()


def _without_its_profile(run: RunDir) -> None:
    run.profile.unlink()


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (
            _of_a_newer_format,
            f"The journal {{0.journal}} was written by a newer version of icm-tui: its format is {FORMAT + 1}, and "
            f"this version reads up to {FORMAT}. Update icm-tui to use this run.",
        ),
        (_with_a_line_damaged, "The journal {0.journal} is damaged at line 10: "),
        (_with_a_line_missing, "The journal {0.journal} is damaged at line 10: its seq is 10 instead of 9"),
        (
            _without_its_beginning,
            "The journal {0.journal} does not begin with the start of a run. Put it back as it was written.",
        ),
        (_with_an_answer_of_another_run, "The journal {0.journal} does not fit its run: record "),
        (
            _with_another_item,
            "{0.items} is not what the run began with. Put it back as it was, or start a new run.",
        ),
        (_with_an_item_damaged, "{0.items}, line 1 is not an item ("),
        (
            _with_another_profile,
            "{0.profile} is not what the run began with. Put it back as it was, or start a new run.",
        ),
        (
            _with_a_profile_cut_short,
            "{0.profile} is not what the run began with. Put it back as it was, or start a new run.",
        ),
        (
            _without_its_items,
            "{0.items} cannot be read: no such file or directory. Without its items a run cannot be used.",
        ),
        (_without_its_profile, "{0.profile} cannot be read: no such file or directory."),
    ],
    ids=lambda value: value.__name__.strip("_") if callable(value) else "",
)
def test_run_refuses_files_that_changed_and_leaves_them(damage: Damage, expected: str, run: RunDir) -> None:
    def stop(status: Status) -> None:
        if status.decision > 20 and status.state == "running":
            signal.raise_signal(signal.SIGTERM)

    assert run_here(run.path, observe=stop, tuning=TELLING).state == "stopped"
    damage(run)
    journal = run.journal.read_bytes()
    assert sentence(run).startswith(expected.format(run))
    assert run.journal.read_bytes() == journal


# Signals


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_ends_a_run_once_its_answers_are_kept(number: int, run: RunDir, undisturbed: RunDir) -> None:
    asked: list[str] = []
    states: list[tuple[str, int]] = []

    def observe(status: Status) -> None:
        if status.calls == 30 and status.state == "running" and states[-1][0] == "running":
            states.append(("signalled", status.in_flight))
            signal.raise_signal(number)
        states.append((status.state, status.in_flight))

    outcome = run_here(run.path, observe=observe, model_client_of=counted(asked), tuning=TELLING)
    assert (outcome.state, outcome.interrupted) == ("stopped", True)
    assert [state for state, _ in states].count("signalled") == 1
    assert max(in_flight for state, in_flight in states if state == "stopping") > 0
    assert states[-1] == ("stopped", 0)
    assert len(asked) == len(lines(run, "answer")) == outcome.summary.calls
    last = records(run)[-1]
    assert isinstance(last, StopRecord)
    assert (last.state, last.why) == ("stopped", "interrupted")
    again = run_briskly(run.path)
    assert (again.state, again.interrupted) == ("done", False)
    assert trajectory(run) == trajectory(undisturbed)


def test_signal_that_is_the_second_waits_for_no_answers(run: RunDir, undisturbed: RunDir) -> None:
    signals: list[tuple[str, int]] = []

    def observe(status: Status) -> None:
        if (len(signals), status.state, status.calls) in ((0, "running", 100), (1, "stopping", 100)):
            signal.raise_signal(signal.SIGINT)
            signals.append((status.state, status.in_flight))

    silent = wrapped(lambda inner: Silent(inner, 100))
    outcome = run_here(run.path, observe=observe, model_client_of=silent, tuning=TELLING)
    assert (outcome.state, outcome.interrupted) == ("stopped", True)
    assert signals == [("running", 8), ("stopping", 8)]
    last = records(run)[-1]
    assert isinstance(last, StopRecord)
    assert (last.state, last.why) == ("stopped", "interrupted")
    assert run_briskly(run.path).state == "done"
    assert trajectory(run) == trajectory(undisturbed)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_signal_that_was_ignored_before_stays_ignored(number: int, run: RunDir) -> None:
    signal.signal(number, signal.SIG_IGN)
    assert run_briskly(run.path, observe=lambda status: signal.raise_signal(number)).state == "done"


_RUN_TO_END = """
import sys
from pathlib import Path
from icm_tui.commands.headless import run_to_end
from icm_tui.run_dir.layout import RunDir
sys.exit(run_to_end(RunDir(Path(sys.argv[1])), [], as_json=False))
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signal_on_the_command_line_says_how_to_go_on(number: int, tmp_path: Path, undisturbed: RunDir) -> None:
    path = make(tmp_path / "run", *SETS).path
    # It waits there for the signal, however long that takes to come.
    inbox.send(RunDir(path), "to", {"n": 50})
    line = [sys.executable, "-c", _RUN_TO_END, str(path)]
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        assert child.stderr is not None
        assert any(told.startswith("paused · ") for told in child.stderr)
        child.send_signal(number)
        out, err = child.communicate(timeout=60)
    assert child.returncode == 130
    decisions = len(lines(RunDir(path), "decision"))
    assert err.splitlines()[-1] == (
        f"Interrupted at decision {decisions}; nothing is lost. `icm-tui resume {path}` continues."
    )
    assert out.startswith(f"run: stopped, {read_status(RunDir(path)).labelled} of 40 items labelled")  # type: ignore[union-attr]
    last = records(RunDir(path))[-1]
    assert isinstance(last, StopRecord)
    assert (last.state, last.why) == ("stopped", "interrupted")
    assert run_briskly(path).state == "done"
    assert trajectory(RunDir(path)) == trajectory(undisturbed)


def test_run_whose_directory_is_removed_says_so(run: RunDir) -> None:
    def take_away(status: Status) -> None:
        shutil.rmtree(run.path, ignore_errors=True)

    with pytest.raises(RunFailed) as caught:
        run_briskly(run.path, observe=take_away)
    assert str(caught.value) == f"The run directory {run.path} is gone; nothing that the run does could be kept."
