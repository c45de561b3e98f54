"""Reads a streamed reply from the bytes of its server-sent events, in whatever pieces they arrive."""

from icm_tui.models.server.reply.errors import read_fault
from icm_tui.models.server.reply.types import (
    Completion,
    Fault,
    Record,
    TokenLogprobs,
    Usage,
    array,
    decode,
    name,
    record,
    text,
)
from icm_tui.models.server.reply.whole import (
    Delta,
    ReasoningSplitter,
    content_field,
    read_logprobs,
    reasoning_field,
    usage_of,
)

_LINE_LIMIT = 4 * 1024 * 1024
_BROKEN = "The stream contained an event that cannot be read."


class EventReader:
    """Cuts bytes into the data of server-sent events, without comments and events of other names."""

    def __init__(self) -> None:
        self.too_long = False
        self._line = bytearray()
        self._after_return = False
        self._first = True
        self._event = ""
        self._data: list[str] = []

    def feed(self, data: bytes) -> list[str]:
        """The data of the events that `data` completes. A line ends with CR, LF or both."""
        if self._after_return and data.startswith(b"\n"):
            data = data[1:]
            self._after_return = False
        if not data or self.too_long:
            return []
        self._after_return = data.endswith(b"\r")
        parts = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        events: list[str] = []
        for at, part in enumerate(parts):
            self._line += part
            if len(self._line) > _LINE_LIMIT:
                self.too_long = True
                break
            if at < len(parts) - 1:
                events += self._end_line()
        return events

    def close(self) -> list[str]:
        """The data of a last event that no blank line ended."""
        return [*self._end_line(), *self._end_event()]

    def _end_line(self) -> list[str]:
        line = self._line.decode("utf-8", "replace")
        self._line.clear()
        if self._first:
            self._first = False
            line = line.removeprefix("\ufeff")
        if not line:
            return self._end_event()
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "data":
            self._data.append(value)
        elif field == "event":
            self._event = value
        return []

    def _end_event(self) -> list[str]:
        data, event = self._data, self._event
        self._data, self._event = [], ""
        return ["\n".join(data)] if data and event in ("", "message", "error") else []


class StreamReader:
    """Reads one stream. `heard` counts all bytes, `spoken` only the chunks that brought a token, because a server may
    keep a connection open with comments."""

    def __init__(self) -> None:
        self.heard = 0
        self.spoken = 0
        self._events = EventReader()
        self._splitter = ReasoningSplitter()
        self._texts: list[str] = []
        self._reasonings: list[str] = []
        self._tokens: list[TokenLogprobs] = []
        self._finish = ""
        self._usage = Usage()
        self._model = ""
        self._provider = ""
        self._chunks = 0
        self._done = False
        self._fault: Fault | None = None

    @property
    def ended(self) -> bool:
        """Whether the server said that nothing more comes, or broke off with an error."""
        return self._done or self._fault is not None

    def feed(self, data: bytes) -> list[Delta]:
        """What the bytes add to reasoning and answer. Bytes after the end or an error add nothing."""
        self.heard += len(data)
        return self._read(self._events.feed(data))

    def close(self) -> tuple[list[Delta], Completion | Fault]:
        """What was held back, and the outcome of the stream. Call it once, however the connection ended.

        Only a stream with a finish reason is an answer, because `[DONE]` also ends streams that were cut.
        """
        deltas = self._read(self._events.close())
        deltas += self._keep(self._splitter.feed("", last=True))
        return deltas, self._outcome()

    def _outcome(self) -> Completion | Fault:
        if self._fault is None and self._events.too_long:
            self._fault = Fault("retry", _BROKEN)
        if self._fault is not None:
            return self._fault
        if not self._chunks:
            return Fault("retry", "The stream ended without a single chunk.")
        if not self._finish:
            return Fault("retry", "The stream was cut: it ended before the server said that it had finished.")
        text = "".join(self._texts)
        if self._finish == "content_filter" and not text and not self._tokens:
            return Fault("item", "The server's content filter held the answer back.")
        return Completion(
            text,
            "".join(self._reasonings),
            self._tokens or None,
            self._finish,
            self._usage,
            self._model,
            self._provider,
        )

    def _read(self, events: list[str]) -> list[Delta]:
        deltas: list[Delta] = []
        for data in events:
            if self._done or self._fault is not None:
                break
            if data.strip() == "[DONE]":
                self._done = True
                break
            if data.strip():
                deltas += self._chunk(data)
        return deltas

    def _chunk(self, data: str) -> list[Delta]:
        try:
            value = decode(data)
        except ValueError:
            value = None
        if not isinstance(value, dict):
            self._fault = Fault("retry", _BROKEN)
            return []
        fields: Record = value
        if fields.get("error") or fields.get("object") == "error":
            self._fault = read_fault(200, fields)
            return []
        self._chunks += 1
        self._model = self._model or name(fields.get("model"))
        self._provider = self._provider or name(fields.get("provider"))
        usage = usage_of(fields)
        self._usage = usage if usage != Usage() else self._usage
        choices = [record(choice) for choice in array(fields.get("choices"))]
        return self._choice(next((choice for choice in choices if choice.get("index", 0) in (0, None)), {}))

    def _choice(self, choice: Record) -> list[Delta]:
        finish = text(choice.get("finish_reason"))
        if choice.get("error") or finish == "error":
            default = "The server broke the stream off with an error it does not name."
            self._fault = read_fault(200, choice, default=default)
            return []
        self._finish = finish or self._finish
        delta = record(choice.get("delta"))
        reasoning = reasoning_field(delta)
        written = content_field(delta.get("content")) or text(choice.get("text"))
        tokens = read_logprobs(choice.get("logprobs"), written) or []
        self._tokens += tokens
        self.spoken += bool(reasoning or written or tokens)
        if reasoning:
            self._splitter.reasoning_separated()
        return [*self._keep(Delta(reasoning=reasoning)), *self._keep(self._splitter.feed(written))]

    def _keep(self, delta: Delta) -> list[Delta]:
        if delta.turned:
            self._reasonings += self._texts
            self._texts = []
        if delta.reasoning:
            self._reasonings.append(delta.reasoning)
        if delta.text:
            self._texts.append(delta.text)
        return [delta] if delta else []
