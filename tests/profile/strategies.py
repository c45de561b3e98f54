"""Profiles at random: every setting within its own bounds, and none against another."""

from typing import Any

from hypothesis import strategies as st

from icm_tui.profile.schema import Consistency, Model, Profile, Prompt, Reasoning, Run, Search, TaskSection
from icm_tui.text import listed
from tests.domain.allowed import rules_for

_text = st.text(max_size=8)
_words = st.text(min_size=1, max_size=8)
_count = st.integers(1, 2**63 - 1)
_natural = st.integers(0, 2**63 - 1)
_amount = st.floats(0, allow_infinity=False)
_above_zero = st.floats(0, exclude_min=True, allow_infinity=False)
_part = st.floats(0, 1, exclude_min=True)
_label = st.text("ABCDabcd012+-_é", min_size=1, max_size=16)
_name = st.from_regex(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,8}", fullmatch=True)
_plain = st.sampled_from(["temperature", "max_tokens", "seed", "a b", "", "é"])
_json = st.recursive(
    st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text("xyz \n\"'\\"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_plain, inner, max_size=3),
    max_leaves=6,
)


def _maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


_runs = st.builds(
    Run,
    name=st.just("") | _name,
    seed=_natural,
    budget_usd=_maybe(_amount),
    max_calls=_maybe(_count),
    max_seconds=_maybe(_above_zero),
    out=_maybe(_words),
    blind=st.booleans(),
)
_models = st.builds(
    Model,
    backend=st.sampled_from(["embedded", "openai", "gguf"]),
    base_url=st.sampled_from(["http://localhost:8000/v1", "https://[::1]/v1?version=2"]),
    model=_words,
    path=_words,
    endpoint=st.sampled_from(["auto", "chat", "completions"]),
    key_env=_maybe(st.sampled_from(["KEY", "OPENROUTER_API_KEY", "_k1"])),
    providers=st.lists(_words, max_size=3),
    concurrency=st.integers(1, 1024),
    timeout_s=_above_zero,
    top_logprobs=_count,
    price_in=_maybe(_amount),
    price_out=_maybe(_amount),
    extra=st.dictionaries(_plain, _json, max_size=3),
)
_reasonings = st.builds(Reasoning, every=_natural, max_tokens=_count, prefill=_text)


@st.composite
def _tasks(draw: st.DrawFn) -> TaskSection:
    gold = draw(st.lists(_words.map(lambda word: f"gold {word}"), max_size=3, unique=True))
    group = draw(_maybe(_words))
    return TaskSection(
        dataset=draw(st.sampled_from(["file", "truthfulqa", "topics", "gsm8k"])),
        path=draw(_words),
        revision=draw(_maybe(_words)),
        split=draw(_maybe(_words)),
        limit=draw(_maybe(_count)),
        text=draw(_words),
        uid=draw(_maybe(_words)),
        group=group,
        key=None if group is None else draw(_maybe(_words)),
        gold=gold,
        shuffle_seed=draw(_natural),
    )


def rules_to_take(n_labels: int) -> str:
    """How a sentence about a bad rule lists the others."""
    return listed([f'"{name}"' for name in rules_for(n_labels)])


@st.composite
def profiles(draw: st.DrawFn) -> Profile:
    """Any profile that has no errors."""
    method = draw(st.sampled_from(["icm", "paper", "fork"]))
    schedules = {"icm": ["geometric"], "paper": ["log", "exp"], "fork": ["log"]}[method]
    classes = draw(st.integers(2, 5)) if method == "icm" else 2
    rules = rules_for(classes, penalties=method != "icm")
    shots = {"icm": _natural | st.just("all"), "paper": st.just("all"), "fork": _natural}[method]
    # Whatever the other temperature's default is, these two cool.
    initial_t = draw(_maybe(st.floats(10, 1e6)))
    final_t = draw(_maybe(st.floats(1e-6, 0.01)))
    search = Search(
        method=method,
        effort=draw(st.sampled_from(["lean", "standard", "thorough"])),
        shots=draw(_maybe(shots)),
        share=draw(_maybe(_count)),
        confident=draw(_maybe(_part)),
        average=draw(_maybe(_count)),
        sweeps=draw(_maybe(_count)),
        seeds=draw(_maybe(_count)),
        subset=draw(_maybe(_count)),
        chains=draw(_maybe(_count)),
        initial_t=initial_t,
        final_t=final_t,
        schedule=draw(_maybe(st.sampled_from(schedules))),
        alpha=draw(_maybe(_amount)),
        beta=draw(_maybe(_amount)),
        decay=draw(_maybe(_part)),
        max_iters=draw(_maybe(_count)),
        batch_size=draw(_maybe(_count)),
    )
    prompt = Prompt(
        template=draw(_words),
        labels=draw(st.lists(_label, min_size=classes, max_size=classes, unique=True)),
        anchor=draw(_text),
        persona=draw(_text),
        words_allowed=draw(st.lists(_words, max_size=3)),
    )
    return Profile(
        run=draw(_runs),
        task=draw(_tasks()),
        model=draw(_models),
        prompt=prompt,
        search=search,
        consistency=Consistency(rule=draw(_maybe(st.sampled_from(rules))), fix_iters=draw(_maybe(_natural))),
        reasoning=draw(_reasonings),
    )
