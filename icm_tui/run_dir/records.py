"""The records of a run's journal and the lines that hold them: one JSON object per line, whose `kind` names the record.

Every record has `seq`, which rises by one from 0, and `t`, the unix time in seconds at which it was written. The last
field of a line is `crc`, the CRC-32 of the bytes before it.
"""

import os
import socket
from typing import Any, NamedTuple, cast
from zlib import crc32

import msgspec

from icm_tui import __version__
from icm_tui.domain.decisions import Context, Decision
from icm_tui.domain.reply import Endpoint, Reply

# A chain, an item, its label before and after; None is unlabelled.
Relabelled = tuple[int, int, int | None, int | None]

FORMAT = 1


class Record(msgspec.Struct, tag_field="kind", kw_only=True):
    """What all records share."""

    seq: int = -1
    t: float = 0.0


class Parent(msgspec.Struct, frozen=True):
    """The run and the decision that a forked run started from."""

    run: str
    decision: int


class StartRecord(Record, tag="start", kw_only=True):
    """A runner started or resumed the run. The first one of a journal fixes the format, the window and the digests."""

    format: int
    engine: str
    window: int
    labels: list[str]
    items_digest: str
    profile_digest: str
    host: str
    pid: int
    parent: Parent | None = None


class EndpointRecord(Record, tag="endpoint", kw_only=True):
    """The model and server that answers come from after this record; the embedded model has none. Another one follows
    only if a person changed the providers or the server turned out to need another way of asking."""

    endpoint: Endpoint


class ContextRecord(Context, tag_field="kind", tag="context", kw_only=True):
    """A context, written before any question about it goes out."""

    seq: int = -1
    t: float = 0.0


class AnswerRecord(Reply, tag_field="kind", tag="answer", kw_only=True, omit_defaults=True):
    """The model's answer to one question. Decision `n` waited for it; no decision waits for a comparison's."""

    seq: int = -1
    t: float = 0.0

    question: str
    context_id: int
    item: int
    n: int | None = None


class DecisionRecord(Decision, tag_field="kind", tag="decision", kw_only=True):
    """A decision of the search."""

    seq: int = -1
    t: float = 0.0


class CommandRecord(Record, tag="command", kw_only=True):
    """A command from the inbox, the decision `n` before which it took effect, and its outcome: "done", "no change" or
    "refused" (`why` says for what reason). `changes` are the labels that it set, as (chain, item, label before,
    label after), null meaning unlabelled."""

    id: str
    what: str
    args: dict[str, Any] = {}
    n: int
    outcome: str
    why: str = ""
    changes: list[Relabelled] = []


class ReaskRecord(Reply, tag_field="kind", tag="reask", kw_only=True, omit_defaults=True):
    """The model's answer when a person re-asked about an item, with the context `context_id` that the item was last
    asked with ("all" as labelled then). It has no part in the search; `n` is the decision that was to come next. `call`
    is the number of the explanation that follows in reasoning.jsonl, and `command` the id of the command that asked,
    empty if there was no runner to send one to."""

    seq: int = -1
    t: float = 0.0

    item: int
    context_id: int
    n: int
    call: int
    command: str = ""


class ExplanationRecord(Record, tag="explanation", kw_only=True):
    """The end of an explanation of the `label` that an item had after decision `n` (before it if a person asked). Its
    text is call number `call` of reasoning.jsonl. `cost` is in USD; `failed` says why it was cut short."""

    item: int
    n: int
    call: int
    label: int | None = None
    tokens: int | None = None
    cost: float | None = None
    failed: str | None = None


class StopRecord(Record, tag="stop", kw_only=True):
    """The run paused by itself or its process is about to end, and why."""

    state: str
    why: str = ""


class ErrorRecord(Record, tag="error", kw_only=True):
    """An error that a person should know about."""

    what: str


class DoneRecord(Record, tag="done", kw_only=True):
    """The search is finished."""

    decisions: int
    calls: int


AnyRecord = (
    StartRecord
    | EndpointRecord
    | ContextRecord
    | AnswerRecord
    | DecisionRecord
    | CommandRecord
    | ReaskRecord
    | ExplanationRecord
    | StopRecord
    | ErrorRecord
    | DoneRecord
)


class Digests(NamedTuple):
    """The SHA-256 of items.jsonl and of profile.toml, which show whether they are those that a run began with."""

    items: str
    profile: str


def start_record(window: int, labels: list[str], digests: Digests) -> StartRecord:
    """Make the record that a runner writes first."""
    return StartRecord(
        format=FORMAT,
        engine=__version__,
        window=window,
        labels=labels,
        items_digest=digests.items,
        profile_digest=digests.profile,
        host=socket.gethostname(),
        pid=os.getpid(),
    )


class BadLineError(ValueError):
    """A whole line that is not JSON or not what was written: the end of a write that a crash cut short, or damage."""


# The end of a line, after the bytes that its checksum covers.
_END = b',"crc":%d}\n'
_LONGEST_END = len(_END % 0xFFFFFFFF)

_encoder = msgspec.json.Encoder()
_decoder = cast("msgspec.json.Decoder[AnyRecord]", msgspec.json.Decoder(AnyRecord))


def add_line(record: AnyRecord, buffer: bytearray) -> None:
    """Append a record's line to `buffer`. Raises ValueError for a number that is not finite, and TypeError for a value
    that JSON cannot hold; then `buffer` is left as it was."""
    start = len(buffer)
    try:
        _encoder.encode_into(record, buffer, start)
        if buffer.find(b"null", start) >= 0:
            _refuse_not_finite(buffer[start:])
    except BaseException:
        del buffer[start:]
        raise
    buffer[-1:] = _END % crc32(memoryview(buffer)[start:-1])


def read_line(line: bytes) -> AnyRecord:
    """Return the record of a whole line, newline included. Unknown fields are ignored.

    Raises BadLineError if the line is not what was written, and msgspec.ValidationError if it is not a record.
    """
    end = line.rfind(b",", -_LONGEST_END)
    if line[end:] != _END % crc32(line[:end]):
        raise BadLineError("its checksum is missing or does not match its bytes")
    try:
        return _decoder.decode(line)
    except msgspec.ValidationError:
        raise
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadLineError(str(error)) from None


def _refuse_not_finite(json: bytearray) -> None:
    """Raise ValueError if a number was not finite: it is encoded as null, and such a line could never be read again."""
    try:
        _decoder.decode(json)
    except msgspec.ValidationError as error:
        raise ValueError(f"a record holds a number that is not finite: {error}") from None
