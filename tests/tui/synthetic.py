"""Run directories written by code: real records of a search that never was, over any texts, at any pace.

    python -m tests.tui.synthetic DIRECTORY ITEMS DECISIONS RATE

makes a run of so many items and decisions, says "ready", and then goes on at RATE records a second (half of them
answers, half decisions), with reasoning and a heartbeat, until its input ends.
"""

import json
import os
import select
import socket
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any

from icm_tui.domain.decisions import Option
from icm_tui.domain.items import Item
from icm_tui.profile.defaults import resolve
from icm_tui.profile.schema import Profile, Run, TaskSection
from icm_tui.profile.toml import dumps
from icm_tui.run_dir.layout import create, write_atomically, write_items
from icm_tui.run_dir.lock import RunLock
from icm_tui.run_dir.records import (
    FORMAT,
    AnswerRecord,
    AnyRecord,
    ContextRecord,
    DecisionRecord,
    DoneRecord,
    ErrorRecord,
    ExplanationRecord,
    StartRecord,
    StopRecord,
    add_line,
)
from icm_tui.run_dir.status import Status, write_status

SUBJECTS = ("The council", "A good neighbour", "The new tax", "Public transport", "An early start", "The old bridge")
VERBS = ("should pay for", "has little to do with", "is the reason for", "will outlast", "takes away from", "protects")
OBJECTS = ("the school at the river.", "a longer summer.", "cheaper bread.", "the people of the valley.", "itself.")
WORDS = tuple(" ".join((*SUBJECTS, *VERBS, *OBJECTS)).split())


class SyntheticRun:
    """A run of pairs under rule `opposite` whose decisions are drawn by lot. Not durable: made to be watched."""

    def __init__(self, path: Path, texts: Sequence[str], *, seed: int = 0, profile: Profile | None = None) -> None:
        """Make the directory and the records that come before the first decision."""
        self.run = create(path)
        self.random = Random(seed)
        self.items = [
            Item(f"item-{number}", text, group=number // 2, key=number % 2) for number, text in enumerate(texts)
        ]
        self.labels: list[int | None] = [None] * len(texts)
        given = profile or Profile(task=TaskSection(dataset="file", path="texts.jsonl", text="text"))
        resolved = resolve(given, rule="opposite", items=len(texts), grouped=True)
        write_items(self.run, self.items)
        write_atomically(self.run.profile, dumps(resolved).encode())
        self.n = self.seq = self.calls = 0
        self._thoughts = 0
        self._journal = self.run.journal.open("ab")
        self._reasoning = self.run.reasoning.open("ab")
        self._order = list(range(0, len(texts) - 1, 2))
        self.random.shuffle(self._order)
        self.write(
            StartRecord(
                format=FORMAT, engine="0", window=1, labels=resolved.prompt.labels, items_digest="", profile_digest="",
                host=socket.gethostname(), pid=os.getpid(),
            ),
            ContextRecord(id=0, phase="sweeps", chain=0, demonstrations="all"),
        )  # fmt: skip

    def write(self, *records: AnyRecord) -> None:
        """Number records and add them to the journal."""
        for record in records:
            record.seq = self.seq
            record.t = time.time()
            self.seq += 1
        lines = bytearray()
        for record in records:
            add_line(record, lines)
        self._journal.write(lines)

    def decide(self, count: int = 1) -> None:
        """Add `count` answers and as many decisions, each of one pair."""
        for _ in range(count):
            first = self._order[self.n % len(self._order)]
            pair = [first, first + 1]
            value, draw = self.random.gauss(0, 2), self.random.random()
            item = pair[draw < 0.5]
            mean = self.random.uniform(0.01, 3)
            after = [0, 1] if draw < 0.5 else [1, 0]
            changes = [
                (member, self.labels[member], label)
                for member, label in zip(pair, after, strict=True)
                if self.labels[member] != label
            ]
            options = [Option(list(after), round(abs(value), 6)), Option(after[::-1], round(-abs(value), 6))]
            score = {"coherence_bits": round(min(0.9, self.n / 1e5) + self.random.gauss(0, 0.02), 6)}
            self.write(
                AnswerRecord(
                    logprobs=[-round(mean, 6), -round(1 / mean, 6)], mass=1.0, endpoint="embedded",
                    question=f"sweeps/0/{self.n}/{item}/0", context_id=0, item=item,
                ),
                DecisionRecord(
                    n=self.n, phase="sweeps", chain=0, items=pair, options=options, chosen=0,
                    log_normaliser=round(value, 6), temperature=0.05, draw=draw, accepted=True, score=score,
                    changes=changes,
                ),
            )  # fmt: skip
            for member, label in zip(pair, after, strict=True):
                self.labels[member] = label
            self.n += 1
            self.calls += 1

    def reason(self, item: int, *pieces: str, speaker: str = "embedded model") -> None:
        """Add a whole streamed reasoning about an item, piece by piece, and the record of its end."""
        for _ in self.reasoning(item, *pieces, speaker=speaker):
            pass

    def reasoning(self, item: int, *pieces: str, speaker: str = "embedded model") -> Iterator[None]:
        """The same, a piece each time it is asked for one."""
        self._thoughts += 1
        piece = {"call": self._thoughts, "item": item, "n": self.n, "t": time.time(), "speaker": speaker}
        for text in pieces:
            self._reasoning.write(json.dumps(piece | {"text": text}).encode() + b"\n")
            yield
        self._reasoning.write(json.dumps(piece | {"text": "", "end": True}).encode() + b"\n")
        self.write(ExplanationRecord(item=item, n=self.n, call=self._thoughts, label=0, tokens=len(pieces), cost=0.0))

    def heartbeat(self, state: str = "running", why: str = "", **more: Any) -> None:
        """Replace status.json, and let readers have all that was written."""
        self.flush()
        labelled = sum(label is not None for label in self.labels)
        fields: dict[str, Any] = {
            "phase": "sweeps", "decision": self.n, "decisions": self.n + 5000, "labelled": labelled,
            "items": len(self.items), "calls": self.calls, "in_flight": 4, "coherence_bits": 0.5, "rate": 100.0,
            "seconds_left": 50.0, "host": socket.gethostname(), "pid": os.getpid(), "t": time.time(),
        }  # fmt: skip
        write_status(self.run, Status(state=state, why=why, **(fields | more)))

    def error(self, what: str) -> None:
        """Something went wrong."""
        self.write(ErrorRecord(what=what))

    def finish(self) -> None:
        """The run is done."""
        self.write(DoneRecord(decisions=self.n, calls=self.calls), StopRecord(state="done"))
        self.heartbeat("done", decisions=self.n)

    def fail(self, what: str) -> None:
        """The run failed and says so wherever it can."""
        self.write(ErrorRecord(what=what), StopRecord(state="failed", why=what))
        self.run.log.write_text(what, encoding="utf-8", errors="surrogatepass")
        self.heartbeat("failed", what)

    def flush(self) -> None:
        """Let readers have all that was written."""
        self._journal.flush()
        self._reasoning.flush()

    def close(self) -> None:
        """Let go of the files."""
        self._journal.close()
        self._reasoning.close()


def texts(count: int, seed: int = 0) -> list[str]:
    """So many harmless texts, no two alike."""
    random = Random(seed)
    return [
        f"No. {number}: {random.choice(SUBJECTS)} {random.choice(VERBS)} {random.choice(OBJECTS)}"
        for number in range(count)
    ]


def profile_named(name: str, seed: int = 42) -> Profile:
    """A profile of a file's texts whose run is called `name`."""
    return Profile(run=Run(name=name, seed=seed), task=TaskSection(dataset="file", path="texts.jsonl", text="text"))


def feed(made: SyntheticRun, rate: float) -> None:
    """Go on with a run at `rate` records a second, in portions 20 times a second, until stdin ends. Each portion brings
    a piece of reasoning, a thought following on another."""
    begun, decided, beats = time.monotonic(), 0, 0
    with RunLock(made.run):
        made.heartbeat()
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        explanation: Iterator[None] = iter(())
        while not select.select([sys.stdin], [], [], 0.05)[0]:
            seconds = time.monotonic() - begun
            due = int(seconds * rate / 2)
            made.decide(due - decided)
            decided = due
            if next(explanation, True):
                words = [f"{word} " for word in made.random.choices(WORDS, k=40)]
                explanation = made.reasoning(made.random.randrange(len(made.items)), *words)
            made.flush()
            if seconds > beats:
                made.heartbeat()
                beats += 1
        made.finish()
    made.close()


def main() -> None:
    path, items, decisions, rate = sys.argv[1:]
    made = SyntheticRun(Path(path), texts(int(items)))
    made.decide(int(decisions))
    feed(made, float(rate))


if __name__ == "__main__":
    main()
