"""Finds out with a few cheap calls what an endpoint can do, and how a run is to ask it."""

import asyncio
import statistics
from collections.abc import Awaitable, Callable, Sequence

import msgspec

from icm_tui.domain.reply import Endpoint, Finding, Kind, ReasoningSwitch, Reply
from icm_tui.models.server.cost import cost_of, price_of
from icm_tui.models.server.http import Client
from icm_tui.models.server.probe import readings as diagnosis
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
# Beyond so many labels, asking under every shift of the shown ones is no cheap call any more.
_SHIFTED_LABELS = 4
_PREFILL_TOKENS = 8
_SPEED_TOKENS = 48
_REASONING_TOKENS = 1024
_BUSY = {408, 425, 429, 502, 503, 504, 529}
_WAITS = (1.0, 4.0)
_LONGEST_WAIT = 30.0
# What a fault of these says holds for the other endpoint of the same server too.
_SAME_EVERYWHERE = {"reachable", "key", "money", "limits"}
_ANSWERED = {"logprobs", "labels"}
# Servers that fill batches differently differ by tenths of a nat (llama.cpp, measured); averaging copes with those.
_DRIFT, _NOISE = 0.01, 0.3
_LITTLE_MASS = 0.5
_SWITCHES: dict[ReasoningSwitch, str] = {
    "reasoning": "reasoning.enabled = false",
    "template": "enable_thinking = false",
}


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
    """Probe the endpoint behind `client`; what keeps a run from being made is a finding, nothing is raised for it.

    `labels` are those of the run's prompt, `pin` the one endpoint that a router was pinned to, `base_url` the identity
    that goes into the Endpoint (see there), `now` gives unix seconds. It ends at the first finding that makes the rest
    moot. A busy server is asked again after `wait` (seconds), twice at most.
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
    """A finding that makes all further calls moot; `fault` is what the server said, if it said no."""

    def __init__(self, finding: Finding, fault: Fault | None = None) -> None:
        super().__init__(finding.says)
        self.finding = finding
        self.fault = fault


class _Probing:
    """One probe under way: asks, counts what that took, and collects what was found."""

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
        self._thinks = False
        self._lists: list[Completion] = []

    def cost(self) -> float | None:
        """USD of all calls that were answered; None if one's cost is not known. A file of one's own costs none."""
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
            said = f"{kind} is asked"
            passed_over = f"; completions would not do: {failed[0][1].finding.says}" if failed else "."
            self.findings.insert(begun, Finding("endpoint", "ok", said + passed_over))
            self.findings[begun:begun] = await self._doors()
            return endpoint
        found, last = next((one for one in reversed(failed) if one[1].finding.name in _ANSWERED), failed[-1])
        if last.fault is not None:
            if last.finding.name in _SAME_EVERYWHERE:
                raise last
            raise _Moot(diagnosis.blame(last.fault, self._model, await self._offered()), last.fault)
        self.findings += [*await self._doors(), *found]
        raise last

    def _kinds(self) -> list[Kind]:
        if self._model.endpoint != "auto":
            return [self._model.endpoint]
        # A router documents no completions endpoint, and rewrites what it is sent there.
        return ["chat"] if self._pin is not None else ["completions", "chat"]

    async def _doors(self) -> list[Finding]:
        """What an answer has proved: somebody is there, the key is taken, the model exists."""
        model = self._model
        served = "the model file's server" if self._base_url.startswith("gguf:") else self._base_url
        found = [Finding("reachable", "ok", f"{served} answers.")]
        if model.backend == "openai":
            says = f"The key in {model.key_env} is accepted." if model.key_env else "No key is needed."
            found.append(Finding("key", "ok", says))
        if self._pin is not None:
            found += await self._standing()
        unlisted = None
        if self._pin is None and model.backend == "openai":
            unlisted = diagnosis.unlisted(model.model or "", await self._offered())
        name = f"{model.model or 'the model file'}"
        at = f" at {self._pin.provider}" if self._pin is not None else ""
        return [*found, unlisted or Finding("model", "ok", f"{name}{at} answers.")]

    async def _standing(self) -> list[Finding]:
        self.calls += 1
        standing = await key_standing(self._client)
        if standing is None:
            return []
        if standing.remaining is not None and standing.remaining <= 0:
            return [Finding("money", "note", standing.says, "Raise the key's limit, or add credit.")]
        return [Finding("money", "ok", standing.says)]

    async def _offered(self) -> list[str]:
        self.calls += 1
        fetched = await self._client.get("/models")
        return [] if isinstance(fetched, Fault) else diagnosis.model_names(fetched.body)

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
        self._thinks = diagnosis.thinks(completion)
        if self._thinks:
            endpoint, completion = await self._hush(endpoint, completion)
        if not self._thinks or completion.tokens:
            self._check_logprobs(endpoint, completion)
        if kind == "chat":
            endpoint = await self._check_prefill(endpoint)
        endpoint = await self._check_labels(endpoint)
        if endpoint.max_tokens == diagnosis.SERVER_LEAST_TOKENS:
            says = f"The server wants max_tokens of at least {endpoint.max_tokens}; the label is read from the first."
            self.findings.append(Finding("tokens", "note", says, "Nothing to change; an answer costs a little more."))
        return endpoint

    async def _first(self, endpoint: Endpoint) -> tuple[Endpoint, Completion]:
        """The first answer, after asking for fewer alternatives or more tokens if the server demands it."""
        refused: Fault | None = None
        while True:
            outcome, raw, _ = await self._ask(self._label(endpoint, 0))
            if isinstance(outcome, Completion):
                return endpoint, outcome
            if endpoint.max_tokens == 1 and diagnosis.wants_more_tokens(outcome):
                endpoint = msgspec.structs.replace(endpoint, max_tokens=diagnosis.SERVER_LEAST_TOKENS)
                continue
            refused = refused or outcome
            fewer = diagnosis.fewer_alternatives(endpoint.top_logprobs, outcome, raw)
            if fewer is None:
                raise _Moot(diagnosis.blame(refused, self._model), refused)
            endpoint = msgspec.structs.replace(endpoint, top_logprobs=fewer)

    async def _hush(self, endpoint: Endpoint, completion: Completion) -> tuple[Endpoint, Completion]:
        """The endpoint with the switch that keeps the model from thinking, and its answer then; as given if none
        does. Whether it still thinks is kept."""
        for switch in self._switches():
            quiet = msgspec.structs.replace(endpoint, reasoning_switch=switch)
            outcome, _, _ = await self._ask(self._label(quiet, 0))
            if isinstance(outcome, Completion) and not diagnosis.thinks(outcome):
                self._thinks = False
                self.findings.append(_hushed(switch))
                return quiet, outcome
        return endpoint, completion

    def _switches(self) -> list[ReasoningSwitch]:
        return ["reasoning", "template"] if self._pin is not None else ["template", "reasoning"]

    def _check_provider(self, completion: Completion) -> None:
        pin, said = self._pin, completion.provider
        if pin is not None and said and not same_provider(pin.provider, pin.name, said):
            says = f"The router was told to ask {pin.name} alone, and asked {said}."
            remedy = "Name another provider in model.providers; log-probabilities of two do not compare."
            raise _Moot(Finding("provider", "bad", says, remedy))

    def _check_logprobs(self, endpoint: Endpoint, completion: Completion) -> None:
        count, query = diagnosis.alternatives(completion), self._model.top_logprobs
        if count < 2:
            said = "no log-probabilities" if not completion.tokens else "no alternatives to a token"
            finding = Finding(
                "logprobs",
                "bad",
                f"The server answers, but gives {said}.",
                diagnosis.no_logprobs_remedy(self._model),
            )
            raise _Moot(finding)
        if endpoint.top_logprobs < query:
            says = f"{count} alternatives a place: it refuses {query}, but takes {endpoint.top_logprobs}."
            remedy = f"Set model.top_logprobs = {endpoint.top_logprobs} to be refused no more."
            self.findings.append(Finding("logprobs", "note", says, remedy))
        elif count < query:
            says = f"{count} alternatives a place, though {query} were asked for."
            remedy = "Nothing to change as long as the labels are among them."
            self.findings.append(Finding("logprobs", "note", says, remedy))
        else:
            self.findings.append(Finding("logprobs", "ok", f"{count} alternatives a place."))

    async def _check_prefill(self, endpoint: Endpoint) -> Endpoint:
        for way in ("continued", "fields"):
            trial = msgspec.structs.replace(endpoint, prefill=way, max_tokens=max(_PREFILL_TOKENS, endpoint.max_tokens))
            request = self._label(trial, 0)
            messages = [
                {"role": "user", "content": diagnosis.WORD},
                {"role": "assistant", "content": diagnosis.BEGUN},
            ]
            outcome, _, _ = await self._ask(_with(request, messages=messages))
            if isinstance(outcome, Fault):
                finding = diagnosis.blame(outcome, self._model)
                if finding.name in _SAME_EVERYWHERE:
                    raise _Moot(finding, outcome)
                continue
            taken = diagnosis.prefilled(outcome)
            if taken.continued:
                by = " with continue_final_message" if way == "fields" else ""
                repeats = ", and repeated in the reply" if taken.repeated else ""
                self.findings.append(Finding("prefill", "ok", f"A begun answer is continued{by}{repeats}."))
                return msgspec.structs.replace(endpoint, prefill=way)
        says = "A begun answer is not continued; the prompt itself ends where the label goes."
        remedy = 'Nothing to change if the labels are found; else try model.endpoint = "completions".'
        self.findings.append(Finding("prefill", "note", says, remedy))
        return endpoint

    async def _check_labels(self, endpoint: Endpoint) -> Endpoint:
        """The endpoint whose answers show the labels: as it is, kept from thinking, or after a thought."""
        readings = await self._readings(endpoint)
        if self._enough(readings):
            if self._thinks:
                says = "It thinks before it answers, but not after a begun answer."
                self.findings.append(Finding("thinking", "ok", says))
            return self._labels_found(endpoint, readings)
        if endpoint.kind == "chat":
            untried = [] if self._thinks or endpoint.reasoning_switch else self._switches()
            for switch in untried:
                quiet = msgspec.structs.replace(endpoint, reasoning_switch=switch)
                found = await self._readings(quiet, trial=True)
                if self._enough(found):
                    self.findings.append(_hushed(switch))
                    return self._labels_found(quiet, found)
            through = msgspec.structs.replace(endpoint, prefill="none", max_tokens=_REASONING_TOKENS)
            found = await self._readings(through, trial=True)
            if self._enough(found) and all(completion.reasoning for completion in self._lists):
                says = "It thinks before every answer, and cannot be kept from it: the label is read after the thought."
                remedy = "That is dear and slow; take a model that does not think, or that can be kept from it."
                self.findings.append(Finding("thinking", "note", says, remedy))
                return self._labels_found(through, found)
        raise _Moot(self._labels_missing(readings))

    async def _readings(self, endpoint: Endpoint, *, trial: bool = False) -> list[Reply]:
        """What the answers say about the labels, one under each shift of the shown labels; no further ones if the
        first shows none. Of a `trial`, a refusal says no more than that."""
        self._lists, self.waits = [], []
        readings: list[Reply] = []
        count = len(self._labels)
        for shift in range(count if count <= _SHIFTED_LABELS else 2):
            outcome, _, seconds = await self._ask(self._label(endpoint, shift))
            if isinstance(outcome, Fault):
                finding = diagnosis.blame(outcome, self._model)
                if finding.name in _SAME_EVERYWHERE or not trial:
                    raise _Moot(finding, outcome)
                return readings
            reading = self._read(endpoint, outcome)
            if reading is None:
                return readings
            self.waits.append(seconds)
            self._lists.append(outcome)
            readings.append(reading)
        return readings

    def _enough(self, readings: Sequence[Reply]) -> bool:
        """Both labels of two; of many, which a short list may not hold together, half."""
        return self._seen(readings) >= max(2, len(self._labels) // 2)

    def _seen(self, readings: Sequence[Reply]) -> int:
        return sum(any(not reading.censored[label] for reading in readings) for label in range(len(self._labels)))

    def _labels_found(self, endpoint: Endpoint, readings: Sequence[Reply]) -> Endpoint:
        seen, count = self._seen(readings), len(self._labels)
        mass = statistics.fmean(reading.mass or 0.0 for reading in readings)
        named = " and ".join(self._labels) if count == 2 else f"{seen} of {count} labels"
        says = f"{named} among the alternatives, with {mass:.0%} of the probability."
        if seen < count or any(any(reading.censored) for reading in readings):
            remedy = "Ask for more alternatives (model.top_logprobs), or take fewer labels."
            self.findings.append(Finding("labels", "note", f"{says} Some were missing at times.", remedy))
        elif mass < _LITTLE_MASS:
            remedy = 'Single letters as labels, model.endpoint = "completions" or a larger model may give more.'
            self.findings.append(Finding("labels", "note", says, remedy))
        else:
            self.findings.append(Finding("labels", "ok", says))
        self.label_bias = diagnosis.label_bias(readings)
        if self.label_bias is not None:
            most = max(range(count), key=self.label_bias.__getitem__)
            gap = max(self.label_bias) - min(self.label_bias)
            says = f"{self._labels[most]} is favoured by {gap:.2f} nats whatever is shown; a run takes that off."
            self.findings.append(Finding("label bias", "ok", says))
        return endpoint

    def _labels_missing(self, readings: Sequence[Reply]) -> Finding:
        seen = (any(not reading.censored[at] for reading in readings) for at in range(len(self._labels)))
        found = [label for label, there in zip(self._labels, seen, strict=True) if there]
        named = f"only {', '.join(found)}" if found else "none"
        return Finding(
            "labels",
            "bad",
            f"Of {', '.join(self._labels)}, {named} is among the alternatives where the label belongs.",
            'Take single letters as prompt.labels, more model.top_logprobs, or model.endpoint = "completions".',
        )

    # What a run may expect

    async def measure(self, endpoint: Endpoint) -> Endpoint:
        """Cache, repetition, echo and speed; `warms` is set in the endpoint that comes back."""
        if endpoint.max_tokens >= _REASONING_TOKENS:  # each further call would cost a whole thought
            self._speed_of_reasoning()
            self._tell_latency()
            return endpoint
        endpoint = await self._check_cache(endpoint)
        if endpoint.kind == "completions":
            await self._check_echo(endpoint)
        await self._check_speed(endpoint)
        self._tell_latency()
        return endpoint

    async def _check_cache(self, endpoint: Endpoint) -> Endpoint:
        """Two questions below one long list, and the second of them again."""
        first, _, cold = await self._ask(self._label(endpoint, 0, shots=_LONG_SHOTS))
        request = self._label(endpoint, 0, question=_OTHER, shots=_LONG_SHOTS)
        second, _, warm = await self._ask(request)
        if isinstance(first, Fault) or isinstance(second, Fault):
            fault = first if isinstance(first, Fault) else second
            assert isinstance(fault, Fault)
            remedy = "Fewer shots or shorter items, or a server with a longer context."
            says = f"A list of {_LONG_SHOTS} examples was not answered: {diagnosis.quoted(fault.message)}"
            self.findings.append(Finding("cache", "note", says, remedy))
            return endpoint
        again, _, third = await self._ask(request)
        self.waits += [warm, third]
        self._tell_repeat(endpoint, second, again)
        cached, read = second.usage.tokens_cached, second.usage.tokens_in
        if cached:
            of = f" of {read}" if read is not None else ""
            self.findings.append(Finding("cache", "ok", f"A list read before is not read again: {cached}{of} tokens."))
            return msgspec.structs.replace(endpoint, warms=True)
        if cached == 0:
            says, remedy = "The server counts no tokens as read before.", "Turn on its prefix cache, if it has one."
        else:
            says = "The server does not count what it read before."
            if warm < cold / 2:
                says += f" The second question below a list took {warm:.2f} s, the first {cold:.2f} s."
            remedy = (
                "Let it report cached tokens (vLLM: --enable-prompt-tokens-details; SGLang: --enable-cache-report)."
            )
        self.findings.append(Finding("cache", "note", says, remedy))
        return endpoint

    def _tell_repeat(self, endpoint: Endpoint, one: Completion, other: Completion | Fault) -> None:
        first = self._read(endpoint, one)
        second = self._read(endpoint, other) if isinstance(other, Completion) else None
        gap = diagnosis.difference(first, second) if first and second else None
        if gap is None:
            says = "Whether the same request gives the same answer could not be seen."
            self.findings.append(Finding("repeat", "note", says, "Run `icm-tui doctor` again."))
        elif gap <= _DRIFT:
            self.findings.append(
                Finding("repeat", "ok", f"The same request gives the same answer within {gap:.1g} nats.")
            )
        else:
            says = f"The answer to the same request differs by up to {gap:.2g} nats."
            much = "Average more answers (search.average), or ask another provider or server."
            remedy = much if gap > _NOISE else "Nothing to change: a run averages answers."
            self.findings.append(Finding("repeat", "note", says, remedy))

    async def _check_echo(self, endpoint: Endpoint) -> None:
        request = self._label(endpoint, 0)
        places = self._lists[0].tokens or []
        top = places[0].top if places else []
        token, logprob = next(((name, value) for name, value in top if name.strip()), ("", 0.0))
        if not token:
            return
        prompt = str(request.body["prompt"])
        outcome, _, _ = await self._ask(_with(request, prompt=prompt + token, echo=True))
        if isinstance(outcome, Completion):
            self.findings.append(diagnosis.echo(prompt, token, logprob, outcome))
        else:
            says = f"Echo is refused: {diagnosis.quoted(outcome.message)}"
            self.findings.append(Finding("echo", "note", says, "Nothing to change: no run relies on it."))

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
        written = [completion.usage.tokens_out for completion in self._lists]
        seconds = sum(self.waits[-len(written) :])
        if seconds > 0 and all(written):
            self.tokens_a_second = sum(count or 0 for count in written) / seconds

    def _tell_latency(self) -> None:
        if not self.waits:
            return
        speed = self.tokens_a_second
        written = f"; {speed:.0f} tokens a second in a longer answer" if speed is not None else ""
        self.findings.append(Finding("latency", "ok", f"{statistics.median(self.waits):.2f} s a label{written}."))

    # Asking

    def _label(self, endpoint: Endpoint, shift: int, question: str = _FIRST, shots: int = _SHOTS) -> Request:
        """The request of a run, about a question below a list whose shown labels are shifted cyclically."""
        # Neighbours differ and both halves of the texts meet every label, so that the list itself says nothing.
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


def _hushed(switch: ReasoningSwitch) -> Finding:
    return Finding("thinking", "ok", f"It would think before it answers; {_SWITCHES[switch]} keeps it from that.")


def _no_such_path(moot: _Moot) -> bool:
    """Servers that are no model's at all answer so; the other endpoint may still be there."""
    return moot.fault is not None and moot.fault.status in (404, 405)


def _with(request: Request, **fields: object) -> Request:
    return Request(request.path, {**request.body, **fields})
