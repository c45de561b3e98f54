"""`icm-tui ask`: ask about an item of a run again, and print why it gets its label as the model says it."""

import argparse
import math
import sys
import time
from collections.abc import Callable

from icm_tui.commands.console import print_json
from icm_tui.commands.control import Watch
from icm_tui.commands.json import Answer
from icm_tui.errors import RunFailed
from icm_tui.files import runs_dir
from icm_tui.profile.toml import load
from icm_tui.run_dir.layout import RunDir, find_run
from icm_tui.run_dir.reading import end_of_whole_lines, read_records
from icm_tui.run_dir.reasoning import ReasoningFollower, ReasoningPiece
from icm_tui.run_dir.records import ExplanationRecord, ReaskRecord
from icm_tui.text import multi_line, one_line

_LOOK_EVERY = 0.05

Observe = Callable[[ReasoningPiece], None]
Answered = tuple[ReaskRecord, ExplanationRecord | None]


def ask(args: argparse.Namespace) -> int:
    """Asks about `args.item` of `args.run`: its runner does, or this process if it has none."""
    run = find_run(args.run, runs_dir())
    names = load(run.profile).prompt.labels
    printer = _Printer(quiet=args.json)
    watch = Watch(run)
    if watch.has_runner:
        reask, explanation = ask_runner(run, watch, args.item, printer.add)
    else:
        from icm_tui.runner.session import ask_here

        reask, explanation = ask_here(run.path, args.item, observe=printer.add)
    printer.end()
    if reask.logprobs is None or explanation is None:
        raise RunFailed(f"ask: item {reask.item} got no answer: {one_line(reask.failed or 'the run ended')}.")
    label = None if explanation.label is None else names[explanation.label]
    if args.json:
        print_json(Answer(reask.item, label, reask.logprobs, printer.text, printer.speaker))
    else:
        print(f"item {reask.item}: {label}, with probability {math.exp(max(reask.logprobs)):.2f}")
    if explanation.failed is not None:
        raise RunFailed(f"ask: the explanation was cut short: {one_line(explanation.failed)}.")
    return 0


def ask_runner(
    run: RunDir, watch: Watch, item: int, observe: Observe, sleep: Callable[[float], None] = time.sleep
) -> Answered:
    """Have the runner of `run` ask about an item, and pass every piece of the explanation to `observe`.

    Raises RunFailed if the runner refuses, or if it ends before the explanation does.
    """
    offset = end_of_whole_lines(run.journal)
    follower = ReasoningFollower(run.reasoning)
    command = watch.send("ask", {"item": item})
    reask: ReaskRecord | None = None
    explanation: ExplanationRecord | None = None
    waiting: list[ReasoningPiece] = []
    try:
        while True:
            has_runner = watch.has_runner  # before anything is read, so that all it wrote before it ended is there
            for place, record in read_records(run.journal, start_offset=offset):
                offset = place  # the next look begins with this line
                if isinstance(record, ReaskRecord) and record.command == command.id:
                    reask = record
                elif isinstance(record, ExplanationRecord) and reask is not None and record.call == reask.call:
                    explanation = record
            waiting += (came := follower.poll())
            if reask is not None:
                for piece in waiting:
                    if piece.call == reask.call:
                        observe(piece)
                waiting = []
                if reask.logprobs is None or (explanation is not None and not came):
                    return reask, explanation
            if not has_runner and not came:
                raise RunFailed(f"ask: {one_line(run.name)} ended before it said why item {item} has its label.")
            sleep(_LOOK_EVERY)
    finally:
        follower.close()


class _Printer:
    """Prints an explanation as it arrives, unless `quiet`. `text` is the explanation without the model's reasoning."""

    def __init__(self, *, quiet: bool) -> None:
        self.text = ""
        self.speaker = ""
        self._quiet = quiet
        self._reasons = False
        self._begun = False

    def add(self, piece: ReasoningPiece) -> None:
        """Takes the next piece."""
        if not self.speaker and piece.text:
            self.speaker = piece.speaker
            print(f"{one_line(piece.speaker)}:", file=sys.stderr)
        if not piece.reasoning:
            self.text += piece.text
        if self._quiet or not piece.text:
            return
        if self._begun and self._reasons != piece.reasoning:
            print()
        self._begun, self._reasons = True, piece.reasoning
        print(multi_line(piece.text), end="", flush=True)

    def end(self) -> None:
        """Ends the line."""
        if self._begun:
            print()
