"""A view of a few items, and records made by hand to feed it with."""

from msgspec.structs import replace

from icm_tui.domain.decisions import Option
from icm_tui.domain.items import Item
from icm_tui.profile.defaults import resolve
from icm_tui.profile.schema import Profile, TaskSection
from icm_tui.run_dir.reasoning import ReasoningPiece
from icm_tui.run_dir.records import AnswerRecord, AnyRecord, ContextRecord, DecisionRecord, StartRecord
from icm_tui.tui.run.view import RunView


def small_view(chains: int = 1, items: int = 4, labels: str = "AB") -> RunView:
    profile = Profile(task=TaskSection(dataset="file", path="x.jsonl", text="t"))
    profile = resolve(profile, rule="none", items=items, grouped=False)
    given = [Item(f"u{number}", f"text {number}", group=number // 2) for number in range(items)]
    profile = replace(
        profile, search=replace(profile.search, chains=chains), prompt=replace(profile.prompt, labels=list(labels))
    )
    return RunView(profile, given)


def decision(
    n: int,
    *,
    chain: int = 0,
    phase: str = "tournament",
    items: list[int] | None = None,
    changes: list[tuple[int, int | None, int | None]] | None = None,
    score: dict[str, float] | None = None,
) -> DecisionRecord:
    return DecisionRecord(
        n=n,
        phase=phase,
        chain=chain,
        items=items or [],
        options=[Option([None] * len(items or []), 0.0)],
        chosen=0,
        log_normaliser=0.0,
        temperature=0.1,
        draw=0.5,
        accepted=True,
        score=score or {},
        changes=changes or [],
    )


def answer(item: int, context_id: int, logprobs: list[float] | None, failed: str | None = None) -> AnswerRecord:
    question = f"{context_id}/{item}"
    return AnswerRecord(question=question, context_id=context_id, item=item, logprobs=logprobs, failed=failed)


def context(number: int, chain: int = 0, phase: str = "sweeps") -> ContextRecord:
    return ContextRecord(id=number, phase=phase, chain=chain, demonstrations="all")


def piece(call: int, text: str, *, item: int = 1, t: float = 10.0, end: bool = False) -> ReasoningPiece:
    return ReasoningPiece(call=call, item=item, n=3, t=t, speaker="who", text=text, end=end)


def started(t: float) -> StartRecord:
    return StartRecord(
        t=t, format=1, engine="1", window=1, labels=["A", "B"], items_digest="", profile_digest="", host="h", pid=1
    )


def numbered(*records: AnyRecord) -> list[tuple[int, AnyRecord]]:
    return [(place * 100, record) for place, record in enumerate(records)]
