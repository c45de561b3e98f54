"""Settings of the fork and of the paper's code become profiles, with a note on each."""

import json
from typing import Any

import pytest
from msgspec.structs import replace

from icm_tui.errors import UserError
from icm_tui.profile.defaults import resolve
from icm_tui.profile.importing import import_fork, import_paper
from icm_tui.profile.schema import Consistency, Model, Profile, Prompt, Run, Search, TaskSection
from icm_tui.profile.toml import dumps, loads

FORK_EXAMPLE = {
    "alpha": 30.0,
    "initial_t": 10.0,
    "final_t": 0.01,
    "beta": 2.0,
    "num_seed": 42,
    "semantic_anchor": "virtue",
    "max_iters": 2500,
    "log_interval": 100,
    "n_shots": 6,
    "batch_size": 5,
    "dataset": "daily_dilemmas",
    "model_id": "qwen/qwen3-235b-a22b-2507",
    "provider_whitelist": ["Chutes", "Nebius"],
    "out_dir": "outputs/icm",
}


def test_import_fork_example() -> None:
    profile, notes = import_fork(json.dumps(FORK_EXAMPLE))
    assert profile == Profile(
        run=Run(out="outputs/icm"),
        task=TaskSection(dataset="daily_dilemmas"),
        model=Model(
            backend="openai",
            base_url="https://openrouter.ai/api/v1",
            model="qwen/qwen3-235b-a22b-2507",
            key_env="OPENROUTER_API_KEY",
            providers=["Chutes", "Nebius"],
        ),
        prompt=Prompt(anchor="virtue"),
        search=Search(
            method="fork",
            alpha=30.0,
            initial_t=10.0,
            final_t=0.01,
            beta=2.0,
            seeds=42,
            max_iters=2500,
            shots=6,
            batch_size=5,
        ),
    )
    assert notes == [
        "alpha = 30.0 → search.alpha",
        "initial_t = 10.0 → search.initial_t",
        "final_t = 0.01 → search.final_t",
        "beta = 2.0 → search.beta",
        "num_seed = 42 → search.seeds",
        'semantic_anchor = "virtue" → prompt.anchor',
        "max_iters = 2500 → search.max_iters",
        "log_interval = 100 has no counterpart: every decision is in the run's journal",
        "n_shots = 6 → search.shots",
        "batch_size = 5 → search.batch_size",
        'dataset = "daily_dilemmas" → task.dataset',
        'model_id = "qwen/qwen3-235b-a22b-2507" → model.model',
        'provider_whitelist = ["Chutes", "Nebius"] → model.providers',
        'out_dir = "outputs/icm" → run.out',
        "the fork's own ways → search.method = fork, model.backend = openai at OpenRouter, "
        "its key in the variable OPENROUTER_API_KEY",
    ]
    assert loads(dumps(profile, sparse=True)) == profile
    # The example gives the fork's defaults, so nothing but the schedule is left to fill in.
    resolved = resolve(profile, rule="opposite", items=1387, grouped=True)
    assert resolved.search == replace(profile.search, schedule="log")


def test_import_fork_notes_what_has_no_counterpart() -> None:
    config = {"dataset": "truthful_qa", "model_id": "m", "provider_whitelist": None, "n_shot": 3, "verbose": True}
    profile, notes = import_fork(json.dumps(config))
    assert profile.task.dataset == "truthfulqa"
    assert profile.model.providers == []
    assert profile.search.shots is None
    assert notes[:-1] == [
        'dataset = "truthful_qa" → task.dataset = truthfulqa',
        'model_id = "m" → model.model',
        "provider_whitelist = null → not set",
        "n_shot is not known and left out; did you mean n_shots?",
        "verbose is not known and left out",
    ]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('{\n"alpha": 3,\n}', "icm_config.json:3: not valid JSON at column 1: "),
        ("[]", "icm_config.json: expected one JSON object with the keys of the fork's config."),
        (
            "{}",
            "icm_config.json: dataset and model_id must be given, because this program does not guess them.",
        ),
        (
            '{"dataset": "x", "model_id": null}',
            "icm_config.json: model_id must be given, because this program does not guess them.",
        ),
        (
            '{"dataset": "x", "model_id": "m", "alpha": "3", "n_shots": -1}',
            'icm_config.json: search.alpha: expected a number of at least 0, not "3"\n'
            'icm_config.json: search.shots: expected a whole number of at least 0 or "all", not -1',
        ),
        (
            '{"dataset": "x", "model_id": "m", "alpha": NaN}',
            "icm_config.json: search.alpha: expected a number of at least 0, not nan",
        ),
        (
            '{"dataset": "x", "model_id": "m", "out_dir": "\\ud800"}',
            "icm_config.json: run.out: the text holds bytes that are not UTF-8",
        ),
        ("[" * 100_000, "icm_config.json: tables or lists are nested too deeply."),
        (f'{{"alpha": {"9" * 5000}}}', "icm_config.json: a number in it has too many digits."),
    ],
)
def test_import_fork_refuses_mistakes(text: str, sentence: str) -> None:
    with pytest.raises(UserError) as caught:
        import_fork(text)
    assert str(caught.value).startswith(sentence)


def test_import_paper_example() -> None:
    profile, notes = import_paper(["python", "ICM.py", "--testbed", "truthfulQA", "--alpha", "50"])
    assert profile == Profile(
        task=TaskSection(dataset="truthfulqa"),
        model=Model(
            backend="openai",
            base_url="http://localhost:8000/v1",
            model="meta-llama/Llama-3.1-70B",
            endpoint="completions",
        ),
        search=Search(method="paper", alpha=50.0, beta=2.0),
        consistency=Consistency(rule="paper"),
    )
    assert notes == [
        "--testbed truthfulQA → task.dataset = truthfulqa",
        "--alpha 50 → search.alpha",
        "--model not given, so the code's own meta-llama/Llama-3.1-70B → model.model",
        "the code's own ways → search.method = paper, consistency.rule = paper, search.beta = 2.0, "
        "model.endpoint = completions",
        "LLAMA_API_BASE of its SECRETS file is not read → model.base_url = http://localhost:8000/v1; "
        "put your server's there",
    ]
    assert loads(dumps(profile, sparse=True)) == profile


def test_import_paper_takes_every_flag() -> None:
    flags: dict[str, Any] = {
        "--seed": 7,
        "--alpha": 30,
        "--testbed": "gsm8k",
        "--model": "70B",
        "--batch_size": 128,
        "--num_seed": 4,
        "--K": 1500,
        "--consistency_fix_K": 5,
        "--decay": 0.95,
        "--initial_T": 3,
        "--final_T": 0.1,
        "--scheduler": "exp",
    }
    profile, notes = import_paper([f"{flag}={value}" for flag, value in flags.items()])
    assert profile.run.seed == 7
    assert profile.task.dataset == "gsm8k"
    assert profile.model.model == "70B"
    assert profile.search == Search(
        method="paper",
        alpha=30.0,
        batch_size=128,
        seeds=4,
        max_iters=1500,
        decay=0.95,
        initial_t=3.0,
        final_t=0.1,
        schedule="exp",
        beta=2.0,
    )
    assert profile.consistency == Consistency(rule="paper", fix_iters=5)
    assert not any("cannot load" in note for note in notes)
    assert all(any(note.startswith(f"{flag} ") and "→" in note for note in notes) for flag in flags)


def test_import_paper_fills_in_the_codes_defaults() -> None:
    profile, notes = import_paper(["--seed", "1"])
    assert (profile.task.dataset, profile.search.alpha) == ("gsm8k", 30.0)
    assert "--alpha not given, so the code's own 30 → search.alpha" in notes


_NO_FLAGS = "flags: expected the flags of the paper's code, such as --testbed truthfulQA --alpha 50."


@pytest.mark.parametrize(
    ("argv", "sentence"),
    [
        ([], _NO_FLAGS),
        (["python", "ICM.py"], _NO_FLAGS),
        (["--alpa", "3"], "flags: --alpa is not a flag of the paper's code; did you mean --alpha?"),
        (
            ["--alpha", "3", "zebra"],
            "flags: zebra is not a flag of the paper's code; it knows --seed, --alpha, --testbed, --model, "
            "--batch_size, --num_seed, --K, --consistency_fix_K, --decay, --initial_T, --final_T, --scheduler",
        ),
        (["--alpha"], "flags: --alpha needs a value after it."),
        (["--alpha", "--K", "3"], "flags: --alpha needs a value after it."),
        (["--alpha", "x"], 'flags: search.alpha: expected a number of at least 0, not "x"'),
        (["--decay", "2"], "flags: search.decay: expected a number above 0 and at most 1, not 2"),
        (["--scheduler", "linear"], 'flags: search.schedule: expected "exp", "geometric" or "log", not "linear"'),
        (
            ["--scheduler", "geometric"],
            'flags: search.schedule: method "paper" cools by schedule "log" or "exp", not "geometric"',
        ),
    ],
)
def test_import_paper_refuses_mistakes(argv: list[str], sentence: str) -> None:
    with pytest.raises(UserError) as caught:
        import_paper(argv)
    assert str(caught.value) == sentence
