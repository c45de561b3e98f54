"""Finds out with a few cheap calls what an endpoint can do, and how a run should ask it."""

import asyncio
import statistics
from collections.abc import Awaitable, Callable, Sequence

import msgspec

from icm_tui.domain.reply import Endpoint, Finding, Kind, Prefill, ReasoningSwitch, Reply
from icm_tui.models.server.catalogue import read_page
from icm_tui.models.server.cost import cost_of, price_of
from icm_tui.models.server.http import Client
from icm_tui.models.server.probe import findings, readings
from icm_tui.models.server.probe.result import ProbeResult
from icm_tui.models.server.reply.labels import read_labels
from icm_tui.models.server.reply.types import Completion, Fault
from icm_tui.models.server.requests import Request, begins_of, label_request
from icm_tui.models.server.router import Pin, key_standing, same_provider
from icm_tui.profile.schema import Model, Prompt

Wait = Callable[[float], Awaitable[None]]
Answer = tuple[Completion | Fault, bytes, float]

_TEXTS = (
    "a walk along the river",
    "seven blue chairs",
    "the train leaves at noon",
    "a jar of plum jam",
    "rain on a tin roof",
    "two maps of one island",
    "the clock in the hall",
    "a letter without a stamp",
    "bread from the corner shop",
    "an old song about the sea",
    "the second floor, on the left",
    "a coat with four buttons",
    "some chalk and a long table",
    "the cat on the window sill",
    "a ticket for the early boat",
    "three stones from the beach",
)
_SHOTS = 8
# OpenAI's cache begins at 1024 tokens; a demonstration takes 12 to 15.
_LONG_SHOTS = 96
_FIRST, _OTHER = "a lamp beside the door", "the garden behind the mill"
# With more labels, asking under every shift of the shown ones is no longer cheap.
_SHIFTED_LABELS = 4
_PREFILL_TOKENS = 8
_SPEED_TOKENS = 48
_REASONING_TOKENS = 1024
_BUSY = {408, 425, 429, 502, 503, 504, 529}
_WAITS = (1.0, 4.0)
_LONGEST_WAIT = 30.0
# Findings that hold for the other endpoint of the same server, too.
_SAME_EVERYWHERE = {"reachable", "key", "money", "limits"}
_ANSWERED = {"logprobs", "labels"}


async def probe(
    client: Client,
    model: Model,
    labels: Sequence[str],
    pin: Pin | None,
    *,
    base_url: str,
    now: Callable[[], float],
    wait: Wait = asyncio.sleep,
) -> ProbeResult:
    """Probe the endpoint behind `client`. If no run can ask it, a finding says why; nothing is raised.

    `labels` are those of the run's prompt, `pin` is the one endpoint that a router was pinned to, `base_url` the
    identity that goes into the Endpoint (see there). `now` returns unix seconds. The probe ends at the first finding
    that makes further calls pointless. A busy server is asked again after `wait` (seconds), twice at most.
    """
    probing = _Probing(client, model, labels, pin, base_url, wait)
    try:
        endpoint: Endpoint | None = await probing.settle()
    except _Moot as moot:
        probing.findings.append(moot.finding)
        endpoint = None
    if endpoint is not None:
        endpoint = await probing.measure(endpoint)
    latency = statistics.median(probing.waits) if probing.waits else None
    return ProbeResult(
        endpoint,
        probing.findings,
        probing.calls,
        probing.cost(),
        now(),
        probing.label_bias,
        latency,
        probing.tokens_a_second,
    )


class _Moot(Exception):
    """A finding that makes further calls pointless; `fault` is what the server said, if it refused."""

    def __init__(self, finding: Finding, fault: Fault | None = None) -> None:
        super().__init__(finding.says)
        self.finding = finding
        self.fault = fault


class _Probing:
    """One probe under way: asks, adds up calls and costs, and collects findings."""

    def __init__(
        self, client: Client, model: Model, labels: Sequence[str], pin: Pin | None, base_url: str, wait: Wait
    ) -> None:
        self.findings: list[Finding] = []
        self.calls = 0
        self.waits: list[float] = []
        self.label_bias: list[float] | None = None
        self.tokens_a_second: float | None = None
        self._client = client
        self._model = model
        self._labels = list(labels)
        self._prompt = Prompt(labels=list(labels))
        self._pin = pin
        self._base_url = base_url
        self._wait = wait
        self._price = price_of(model, pin.price if pin is not None else None)
        self._costs: list[float | None] = []
        self._reasons = False
        self._answers: list[Completion] = []

    def cost(self) -> float | None:
        """The cost (USD) of all answered calls; None if that of any is unknown. A model file costs nothing."""
        if self._model.backend == "gguf":
            return 0.0
        known = [cost for cost in self._costs if cost is not None]
        return sum(known) if len(known) == len(self._costs) else None

    # How to ask

    async def settle(self) -> Endpoint:
        """The endpoint to ask. Raises _Moot."""
        failed: list[tuple[list[Finding], _Moot]] = []
        for kind in self._kinds():
            begun = len(self.findings)
            try:
                endpoint = await self._settle(kind)
            except _Moot as moot:
                failed.append((self.findings[begun:], moot))
                del self.findings[begun:]
                if moot.finding.name in _SAME_EVERYWHERE and not _no_such_path(moot):
                    break
                continue
            self.findings.insert(begun, findings.endpoint_chosen(kind, failed[0][1].finding if failed else None))
            self.findings[begun:begun] = await self._proved()
            return endpoint
        found, last = next((one for one in reversed(failed) if one[1].finding.name in _ANSWERED), failed[-1])
        if last.fault is not None:
            if last.finding.name in _SAME_EVERYWHERE:
                raise last
            raise _Moot(findings.blame(last.fault, self._model, await self._offered()), last.fault)
        self.findings += [*await self._proved(), *found]
        raise last

    def _kinds(self) -> list[Kind]:
        if self._model.endpoint != "auto":
            return [self._model.endpoint]
        # A router documents no completions endpoint, and rewrites what it is sent there.
        return ["chat"] if self._pin is not None else ["completions", "chat"]

    async def _proved(self) -> list[Finding]:
        """What an answer proves: the server is there, the key is accepted, the model exists."""
        model, pin = self._model, self._pin
        found = [findings.reachable(self._base_url)]
        if model.backend == "openai":
            found.append(findings.key_accepted(model.key_env))
        if pin is not None:
            self.calls += 1
            if (standing := await key_standing(self._client)) is not None:
                found.append(findings.money(standing.says, standing.remaining))
        offered = await self._offered() if pin is None and model.backend == "openai" else []
        return [*found, findings.model_answers(model, pin.provider if pin is not None else "", offered)]

    async def _offered(self) -> list[str]:
        self.calls += 1
        fetched = await self._client.get("/models")
        page = None if isinstance(fetched, Fault) else read_page(fetched.body)
        return [offer.id for offer in page[0]] if page is not None else []

    async def _settle(self, kind: Kind) -> Endpoint:
        endpoint = Endpoint(
            base_url=self._base_url,
            model=self._model.model or "",
            kind=kind,
            provider=self._pin.provider if self._pin is not None else "",
            top_logprobs=self._model.top_logprobs,
            price=self._pin.price if self._pin is not None else None,
        )
        endpoint, completion = await self._first(endpoint)
        self._check_provider(completion)
        self._reasons = readings.reasons(completion)
        if self._reasons:
            endpoint, completion = await self._hush(endpoint, completion)
        if not self._reasons or completion.tokens:
            self._check_logprobs(endpoint, completion)
        if kind == "chat":
            endpoint = await self._check_prefill(endpoint)
        endpoint = await self._check_labels(endpoint)
        if endpoint.max_tokens == readings.SERVER_LEAST_TOKENS:
            self.findings.append(findings.least_tokens(endpoint.max_tokens))
        return endpoint

    async def _first(self, endpoint: Endpoint) -> tuple[Endpoint, Completion]:
        """The first answer. If the server demands it, fewer alternatives or more tokens are asked for."""
        refused: Fault | None = None
        while True:
            outcome, raw, _ = await self._ask(self._label(endpoint, 0))
            if isinstance(outcome, Completion):
                return endpoint, outcome
            if endpoint.max_tokens == 1 and readings.wants_more_tokens(outcome):
                endpoint = msgspec.structs.replace(endpoint, max_tokens=readings.SERVER_LEAST_TOKENS)
                continue
            refused = refused or outcome
            fewer = readings.fewer_alternatives(endpoint.top_logprobs, outcome, raw)
            if fewer is None:
                raise _Moot(findings.blame(refused, self._model), refused)
            endpoint = msgspec.structs.replace(endpoint, top_logprobs=fewer)

    async def _hush(self, endpoint: Endpoint, completion: Completion) -> tuple[Endpoint, Completion]:
        """The endpoint with the switch that turns the model's reasoning off, and its answer then; both as given if no
        switch does. `_reasons` is updated."""
        for switch in self._switches():
            quiet = msgspec.structs.replace(endpoint, reasoning_switch=switch)
            outcome, _, _ = await self._ask(self._label(quiet, 0))
            if isinstance(outcome, Completion) and not readings.reasons(outcome):
                self._reasons = False
                self.findings.append(findings.reasoning_off(switch))
                return quiet, outcome
        return endpoint, completion

    def _switches(self) -> list[ReasoningSwitch]:
        return ["reasoning", "template"] if self._pin is not None else ["template", "reasoning"]

    def _check_provider(self, completion: Completion) -> None:
        pin, said = self._pin, completion.provider
        if pin is not None and said and not same_provider(pin.provider, pin.name, said):
            raise _Moot(findings.another_provider(pin.name, said))

    def _check_logprobs(self, endpoint: Endpoint, completion: Completion) -> None:
        given = readings.alternatives(completion)
        if given < 2:
            raise _Moot(findings.no_alternatives(self._model, tokens=bool(completion.tokens)))
        self.findings.append(findings.alternatives_given(given, self._model.top_logprobs, endpoint.top_logprobs))

    async def _check_prefill(self, endpoint: Endpoint) -> Endpoint:
        ways: tuple[Prefill, ...] = ("continued", "fields")
        for way in ways:
            trial = msgspec.structs.replace(endpoint, prefill=way, max_tokens=max(_PREFILL_TOKENS, endpoint.max_tokens))
            messages = [
                {"role": "user", "content": readings.WORD},
                {"role": "assistant", "content": readings.PREFILL},
            ]
            outcome, _, _ = await self._ask(_with(self._label(trial, 0), messages=messages))
            if isinstance(outcome, Fault):
                finding = findings.blame(outcome, self._model)
                if finding.name in _SAME_EVERYWHERE:
                    raise _Moot(finding, outcome)
                continue
            taken = readings.prefilled(outcome)
            if taken.continued:
                self.findings.append(findings.prefill_continued(way, repeated=taken.repeated))
                return msgspec.structs.replace(endpoint, prefill=way)
        self.findings.append(findings.prefill_continued("none", repeated=False))
        return endpoint

    async def _check_labels(self, endpoint: Endpoint) -> Endpoint:
        """The endpoint whose answers show the labels: as it is, with reasoning turned off, or after reasoning."""
        replies = await self._label_replies(endpoint)
        if self._enough(replies):
            if self._reasons:
                self.findings.append(findings.reasoning_off(""))
            return self._labels_found(endpoint, replies)
        if endpoint.kind == "chat":
            untried = [] if self._reasons or endpoint.reasoning_switch else self._switches()
            for switch in untried:
                quiet = msgspec.structs.replace(endpoint, reasoning_switch=switch)
                found = await self._label_replies(quiet, trial=True)
                if self._enough(found):
                    self.findings.append(findings.reasoning_off(switch))
                    return self._labels_found(quiet, found)
            through = msgspec.structs.replace(endpoint, prefill="none", max_tokens=_REASONING_TOKENS)
            found = await self._label_replies(through, trial=True)
            if self._enough(found) and all(completion.reasoning for completion in self._answers):
                self.findings.append(findings.reasons_always())
                return self._labels_found(through, found)
        named = [self._labels[at] for at in readings.seen(replies, len(self._labels))]
        raise _Moot(findings.labels_missing(self._labels, named))

    async def _label_replies(self, endpoint: Endpoint, *, trial: bool = False) -> list[Reply]:
        """One reply under each shift of the shown labels, up to the first that shows no label. A refusal ends a
        `trial`, too."""
        self._answers, self.waits = [], []
        replies: list[Reply] = []
        count = len(self._labels)
        for shift in range(count if count <= _SHIFTED_LABELS else 2):
            outcome, _, seconds = await self._ask(self._label(endpoint, shift))
            if isinstance(outcome, Fault):
                finding = findings.blame(outcome, self._model)
                if finding.name in _SAME_EVERYWHERE or not trial:
                    raise _Moot(finding, outcome)
                return replies
            reply = self._read(endpoint, outcome)
            if reply is None:
                return replies
            self.waits.append(seconds)
            self._answers.append(outcome)
            replies.append(reply)
        return replies

    def _enough(self, replies: Sequence[Reply]) -> bool:
        """Whether the answers show enough labels: both of two, or half of many, which may not all fit into a list."""
        count = len(self._labels)
        return len(readings.seen(replies, count)) >= max(2, count // 2)

    def _labels_found(self, endpoint: Endpoint, replies: Sequence[Reply]) -> Endpoint:
        seen = len(readings.seen(replies, len(self._labels)))
        mass = statistics.fmean(reply.mass or 0.0 for reply in replies)
        always = seen == len(self._labels) and not any(any(reply.censored) for reply in replies)
        self.findings.append(findings.labels_found(self._labels, seen, mass, always=always))
        self.label_bias = readings.label_bias(replies)
        if self.label_bias is not None:
            self.findings.append(findings.bias_measured(self._labels, self.label_bias))
        return endpoint

    # What a run may expect

    async def measure(self, endpoint: Endpoint) -> Endpoint:
        """Measure cache, repetition, echo and speed. Returns the endpoint with `warms` set."""
        if endpoint.max_tokens >= _REASONING_TOKENS:  # each further call would pay for reasoning
            self._speed_of_reasoning()
        else:
            endpoint = await self._check_cache(endpoint)
            if endpoint.kind == "completions":
                await self._check_echo(endpoint)
            await self._check_speed(endpoint)
        if self.waits:
            self.findings.append(findings.latency(statistics.median(self.waits), self.tokens_a_second))
        return endpoint

    async def _check_cache(self, endpoint: Endpoint) -> Endpoint:
        """Ask two questions with one long context, and the second of them again."""
        first, _, cold = await self._ask(self._label(endpoint, 0, shots=_LONG_SHOTS))
        request = self._label(endpoint, 0, question=_OTHER, shots=_LONG_SHOTS)
        second, _, warm = await self._ask(request)
        for outcome in (first, second):
            if isinstance(outcome, Fault):
                self.findings.append(findings.context_refused(_LONG_SHOTS, outcome))
                return endpoint
        assert isinstance(second, Completion)
        again, _, third = await self._ask(request)
        self.waits += [warm, third]
        one, other = self._read(endpoint, second), None
        if isinstance(again, Completion):
            other = self._read(endpoint, again)
        self.findings.append(findings.repeated(readings.difference(one, other) if one and other else None))
        usage = second.usage
        self.findings.append(findings.cache_used(usage.tokens_cached, usage.tokens_in, cold, warm))
        return msgspec.structs.replace(endpoint, warms=True) if usage.tokens_cached else endpoint

    async def _check_echo(self, endpoint: Endpoint) -> None:
        request = self._label(endpoint, 0)
        places = self._answers[0].tokens or []
        top = places[0].top if places else []
        token, logprob = next(((name, value) for name, value in top if name.strip()), ("", 0.0))
        if not token:
            return
        prompt = str(request.body["prompt"])
        outcome, _, _ = await self._ask(_with(request, prompt=prompt + token, echo=True))
        if isinstance(outcome, Completion):
            self.findings.append(findings.echoed(readings.echo(prompt, token, logprob, outcome)))
        else:
            self.findings.append(findings.echo_refused(outcome))

    async def _check_speed(self, endpoint: Endpoint) -> None:
        plain = msgspec.structs.replace(endpoint, prefill="none", max_tokens=_SPEED_TOKENS)
        request = self._label(plain, 0)
        said = "Count from one to forty, in words."
        if endpoint.kind == "chat":
            request = _with(request, messages=[{"role": "user", "content": said}])
        else:
            request = _with(request, prompt=f"{said}\n\nOne, two, three,")
        for field in ("logprobs", "top_logprobs"):
            request.body.pop(field, None)
        outcome, _, seconds = await self._ask(request)
        if isinstance(outcome, Completion) and outcome.usage.tokens_out and seconds > 0:
            self.tokens_a_second = outcome.usage.tokens_out / seconds

    def _speed_of_reasoning(self) -> None:
        written = [completion.usage.tokens_out for completion in self._answers]
        seconds = sum(self.waits[-len(written) :])
        if seconds > 0 and all(written):
            self.tokens_a_second = sum(count or 0 for count in written) / seconds

    # Asking

    def _label(self, endpoint: Endpoint, shift: int, question: str = _FIRST, shots: int = _SHOTS) -> Request:
        """A run's request for the label of `question`, with a context whose labels are shifted cyclically."""
        # Neighbours differ and both halves of the texts meet every label, so that the context itself is no hint.
        count = len(self._labels)
        shown = [
            (_TEXTS[at % len(_TEXTS)], self._labels[(at + at // count // 2 + shift) % count])
            for at in range(max(shots, count))
        ]
        return label_request(endpoint, self._prompt, shown, question, self._model.extra)

    def _read(self, endpoint: Endpoint, completion: Completion) -> Reply | None:
        return read_labels(completion, self._labels, begins_of(endpoint, self._prompt))

    async def _ask(self, request: Request) -> Answer:
        for pause in (*_WAITS, None):
            self.calls += 1
            outcome, raw, seconds = await self._client.once(request)
            if isinstance(outcome, Completion):
                self._costs.append(cost_of(outcome.usage, self._price))
                break
            busy = outcome.kind == "retry" and (outcome.status in _BUSY or bool(self._costs))
            if pause is None or not busy:
                break
            await self._wait(min(max(outcome.retry_after or 0.0, pause), _LONGEST_WAIT))
        return outcome, raw, seconds


def _no_such_path(moot: _Moot) -> bool:
    """Whether the path is unknown. A server that serves no model answers so, too, but so may one without this path."""
    return moot.fault is not None and moot.fault.status in (404, 405)


def _with(request: Request, **fields: object) -> Request:
    return Request(request.path, {**request.body, **fields})
