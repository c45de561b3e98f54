"""What is said before a run starts, against what the run then does."""

from collections.abc import Iterable
from pathlib import Path

import pytest

from icm_tui.domain.decisions import LabelChange
from icm_tui.domain.items import Item
from icm_tui.domain.reply import Price
from icm_tui.models.client import Query
from icm_tui.profile.schema import Profile, TaskSection
from icm_tui.profile.toml import apply_sets, load
from icm_tui.prompts import find_template, render_completion
from icm_tui.run_dir.layout import read_items
from icm_tui.runner.assembly import make_model_client
from icm_tui.runner.preflight import first_prompts, forecast
from icm_tui.runner.prepare import Prepared, prepare
from icm_tui.runner.session import run_here
from icm_tui.search.problem import Problem
from tests.runner.made import ITEMS, Wrapped, lines, make


def calls(path: Path, dataset: str, *sets: str) -> tuple[int, int]:
    """The calls that were forecast and those that were made."""
    run = make(path, *sets, dataset=dataset)
    expected = forecast(load(run.profile), read_items(run)[0])
    assert expected.calls_per_label == round(expected.calls / run_here(run.path).summary.items, 2)
    return expected.calls, len(lines(run, "answer"))


@pytest.mark.parametrize("dataset", ["leanings", "topics"])
@pytest.mark.parametrize(
    "sets",
    [
        ("search.shots=8",),
        ("search.shots=8", "search.effort=thorough"),
        ("search.shots=0", "search.chains=2", "search.sweeps=3"),
        ("search.shots=8", "search.subset=11"),
        ("task.limit=12",),
        ("search.subset=7", "task.limit=16"),
    ],
    ids="-".join,
)
def test_forecast_equals_the_calls_made(dataset: str, sets: tuple[str, ...], tmp_path: Path) -> None:
    expected, made = calls(tmp_path / "run", dataset, *sets)
    assert expected == made


@pytest.mark.parametrize("dataset", ["leanings", "topics"])
@pytest.mark.parametrize("limit", [20, 97])
def test_forecast_of_lean_is_within_a_twentieth(dataset: str, limit: int, tmp_path: Path) -> None:
    expected, made = calls(tmp_path / "run", dataset, "search.shots=4", "search.effort=lean", f"task.limit={limit}")
    assert made <= expected <= 1.05 * made


@pytest.mark.parametrize("method", ["paper", "fork"])
def test_forecast_of_replications_is_an_upper_bound(method: str, tmp_path: Path) -> None:
    sets = (f"search.method={method}", "search.max_iters=15", "task.limit=16")
    expected, made = calls(tmp_path / "run", "leanings", *sets)
    assert 0 < made <= expected


def resolved(*sets: str) -> Prepared:
    return prepare(apply_sets(Profile(task=TaskSection(dataset="leanings", limit=ITEMS)), sets))


def test_forecast_of_the_embedded_model_is_free() -> None:
    prepared = resolved("search.shots=8")
    expected = forecast(prepared.profile, prepared.task.items)
    assert (expected.paid, expected.cost_usd, expected.tokens_in, expected.minutes) == (False, 0.0, 0, None)


def test_forecast_grows_with_price_and_shots() -> None:
    server = ("model.backend=openai", "model.base_url=https://host/v1", "model.model=m", "model.concurrency=4")
    few, many, unpriced = (
        forecast(prepared.profile, prepared.task.items)
        for prepared in (
            resolved(*server, "search.shots=4", "model.price_in=2", "model.price_out=1000"),
            resolved(*server, "search.shots=9", "model.price_in=2"),
            resolved(*server, "search.shots=9"),
        )
    )
    assert few.paid
    assert few.calls == many.calls
    assert many.tokens_in == pytest.approx(2 * few.tokens_in, rel=1e-3)
    assert many.cost_usd == pytest.approx(many.tokens_in * 2e-6, rel=1e-3)
    assert few.cost_usd == pytest.approx(few.tokens_in * 2e-6 + few.calls * 1e-3, rel=1e-3)
    assert few.minutes == few.calls / 4 / 60
    assert (unpriced.cost_usd, unpriced.tokens_in) == (None, many.tokens_in)


@pytest.mark.parametrize(
    "sets",
    [
        ["search.shots=8"],
        ["search.shots=3", "consistency.rule=none", "prompt.anchor=economy"],
        ["task.limit=20"],
        ["search.method=paper", "task.limit=20"],
        ["search.method=fork", "prompt.template=bare"],
    ],
    ids=["shots", "calibrated", "all", "paper", "fork"],
)
def test_first_prompts_are_those_of_the_first_questions(sets: list[str], tmp_path: Path) -> None:
    run = make(tmp_path / "run", *sets, "search.seeds=6")
    profile, items = load(run.profile), read_items(run)[0]
    shown = first_prompts(profile, items)
    prompts: list[str] = []
    run_here(run.path, model_client_of=lambda *given: _Rendering(*given, prompts))
    assert len(set(shown)) == 3
    assert shown == prompts[:3]


class _Rendering(Wrapped):
    """Keeps the prompt of every question, rendered from what the model knows when it is asked."""

    def __init__(self, profile: Profile, problem: Problem, items: list[Item], prompts: list[str]) -> None:
        super().__init__(make_model_client(profile, problem, items))
        self._given = profile, problem, items
        self._labels: dict[int, dict[int, int]] = {}
        self._prompts = prompts

    def ask(self, asked: Query) -> None:
        profile, problem, items = self._given
        shown = asked.demonstrations
        if shown == "all":
            group = problem.groups[problem.group_of[asked.item]]
            shown = [pair for pair in sorted(self._labels[asked.chain].items()) if pair[0] not in group]
        self._prompts.append(
            render_completion(
                find_template(profile.prompt.template),
                [(items[item].text, "AB"[label]) for item, label in shown],
                items[asked.item].text,
                labels=["A", "B"],
                anchor=profile.prompt.anchor,
            )
        )
        super().ask(asked)

    def relabel(self, chain: int, changes: Iterable[LabelChange]) -> None:
        changes = list(changes)
        self._labels.setdefault(chain, {}).update({item: after for item, _, after in changes if after is not None})
        super().relabel(chain, changes)


def test_forecast_counts_tokens_from_the_prefix_cache(tmp_path: Path) -> None:
    sets = ("search.shots=8", "search.share=16")
    server = ("model.backend=openai", "model.base_url=https://host/v1", "model.model=m", "model.concurrency=4")
    prepared = resolved(*sets, *server)
    dear, less = (
        forecast(prepared.profile, prepared.task.items, price=price, latency_s=3.0)
        for price in (Price(2.0, 0.0), Price(2.0, 0.0, 0.5))
    )
    run = make(tmp_path / "run", *sets)
    run_here(run.path)
    asked = [answer["context_id"] for answer in lines(run, "answer")]
    shown = {context["id"]: len(context["demonstrations"]) for context in lines(run, "context")}
    again = sum(shown[context] for context in asked) - sum(shown.values())
    read = sum(shown[context] + 1 for context in asked)
    # The first contexts are short, since little is labelled yet.
    assert dear.tokens_cached / dear.tokens_in == pytest.approx(again / read, rel=0.1)
    assert dear.cost_usd == pytest.approx(dear.tokens_in * 2e-6, rel=1e-3)
    assert less.cost_usd == pytest.approx((dear.tokens_in - dear.tokens_cached * 0.75) * 2e-6, rel=1e-3)
    assert dear.minutes == dear.calls * 3.0 / 4 / 60
    everything = resolved("search.shots=all", *server)
    assert forecast(everything.profile, everything.task.items).tokens_cached == 0
