"""What a person reads about mistakes in a profile: all of them at once, each with its line."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from icm_tui.errors import UserError
from icm_tui.profile.problems import ProfileError
from icm_tui.profile.schema import Profile
from icm_tui.profile.settings import KEYS
from icm_tui.profile.toml import from_document, loads
from tests.profile.strategies import rules_to_take

_INSTEAD = "keep it in an environment variable and name that one in model.key_env"
_LABELS = "prompt.labels: expected a list of 2 to 26 texts of 1 to 16 characters without spaces or control characters"
_METHODS = '"fork", "icm", "paper", "random_labels" or "zero_shot"'
_NAME = "run.name: expected letters, digits, dot, dash and underscore, with no dot in front"
_SECTIONS = "the sections are run, task, model, prompt, search, consistency and reasoning"
_SHOTS = 'search.shots: expected a whole number of at least 0 or "all"'

# Each follows a [task] section of two lines, so that its first line is line 3.
AFTER_A_TASK = [
    # Keys and sections that do not exist.
    ("[search]\nshot = 8", ["4: search.shot: unknown key; did you mean shots?"]),
    ("[search]\nShots = 8", ["4: search.Shots: unknown key; did you mean shots?"]),
    ("[search]\nseed = 8", ["4: search.seed: unknown key; did you mean run.seed or seeds?"]),
    ("[run]\nshots = 8", ["4: run.shots: unknown key; did you mean search.shots?"]),
    ("[search]\nn_shots = 8", ["4: search.n_shots: unknown key; did you mean shots?"]),
    (
        "[search]\nconsistency_fix_K = 8",
        ["4: search.consistency_fix_K: unknown key; did you mean consistency.fix_iters?"],
    ),
    ('[model]\napi_key = "sk-0"', ["4: model.api_key: unknown key; did you mean key_env?"]),
    (
        "[consistency]\nzebra = 1",
        ["4: consistency.zebra: unknown key; the keys of [consistency] are rule and fix_iters"],
    ),
    ("[serch]\nshots = 8", ["3: serch: unknown section; did you mean [search]?"]),
    ("[zebra]\nshots = 8", [f"3: zebra: unknown section; {_SECTIONS}"]),
    ("[[search]]\nshots = 8", ["3: search: expected a section [search] of keys, not this list"]),
    # Wrong types.
    ('[search]\nshots = "many"', [f'4: {_SHOTS}, not "many"']),
    ("[search]\nshots = 1.5", [f"4: {_SHOTS}, not 1.5"]),
    ("[search]\nshots = true", [f"4: {_SHOTS}, not true"]),
    ("[search]\nseeds = 1979-05-27", ["4: search.seeds: expected a whole number of at least 1, not a date or time"]),
    ("[search]\nsweeps = {a = 1}", ["4: search.sweeps: expected a whole number of at least 1, not a table"]),
    ("[run]\nblind = 1", ["4: run.blind: expected true or false, not 1"]),
    ("[prompt]\nanchor = 7", ["4: prompt.anchor: expected text in quotes, not 7"]),
    ('[prompt]\ntemplate = ""', ['4: prompt.template: expected text in quotes, not empty, not ""']),
    ('[model]\nproviders = "Nebius"', ['4: model.providers: expected a list of texts in quotes, not "Nebius"']),
    ("[model]\nproviders = [[1]]", ["4: model.providers: expected a list of texts in quotes, not this list"]),
    ("[model]\nextra = 3", ["4: model.extra: expected a table, not 3"]),
    ("[model.extra]\nday = 1979-05-27", ["4: model.extra.day: expected no date or time; put it in quotes"]),
    # Out of bounds.
    ("[search]\nshots = -1", [f"4: {_SHOTS}, not -1"]),
    (
        '[search]\nmethod = "fork"\nshots = "all"',
        [
            '5: search.shots: method "fork" shows the first shots labelled items, so shots must be a number; '
            "take 6, as it does"
        ],
    ),
    (
        '[search]\nmethod = "paper"\nshots = 8',
        ['5: search.shots: method "paper" shows every labelled item; leave shots out, or set it to "all"'],
    ),
    ("[search]\nconfident = 0", ["4: search.confident: expected a number above 0 and at most 1, not 0"]),
    ("[search]\nconfident = 1.5", ["4: search.confident: expected a number above 0 and at most 1, not 1.5"]),
    ("[search]\nfinal_t = 0.0", ["4: search.final_t: expected a number above 0, not 0.0"]),
    ("[model]\nconcurrency = 0", ["4: model.concurrency: expected a whole number from 1 to 1024, not 0"]),
    ("[run]\nbudget_usd = -1", ["4: run.budget_usd: expected a number of at least 0, not -1"]),
    ("[run]\nbudget_usd = inf", ["4: run.budget_usd: expected a finite number, not inf"]),
    ("[run]\nbudget_usd = nan", ["4: run.budget_usd: expected a number of at least 0, not nan"]),
    (
        f"[run]\nseed = {2**63}",
        [f"4: run.seed: expected a whole number from 0 to {2**63 - 1}, not {2**63}"],
    ),
    (f"[run]\nmax_calls = {2**63}", ["4: run.max_calls: expected a whole number of at most 64 bits"]),
    ('[run]\nname = "../elsewhere"', [f'4: {_NAME}, not "../elsewhere"']),
    ('[prompt]\nlabels = ["A"]', [f'4: {_LABELS}, not ["A"]']),
    ('[prompt]\nlabels = ["A", "\\u001b"]', [f'4: {_LABELS}, not ["A", "\\u001b"]']),
    ('[prompt]\nlabels = ["A", "not A"]', [f'4: {_LABELS}, not ["A", "not A"]']),
    ('[prompt]\nlabels = ["A", "B", "A"]', ['4: prompt.labels: labels must differ, but "A" occurs 2 times']),
    # Bad choices.
    (
        '[search]\nmethod = "imc"',
        [f'4: search.method: expected {_METHODS}, not "imc"; did you mean "icm"?'],
    ),
    ('[model]\nbackend = "vllm"', ['4: model.backend: expected "embedded", "gguf" or "openai", not "vllm"']),
    # Settings that do not go together.
    (
        '[consistency]\nrule = "paper"',
        [
            '4: consistency.rule: rule "paper" is a penalty that method "icm" does not know; '
            f'take {rules_to_take(2)}, or method "paper"'
        ],
    ),
    (
        '[consistency]\nrule = "one_true"\n[prompt]\nlabels = ["A", "B", "C"]',
        [
            '4: consistency.rule: rule "one_true" is for 2 labels, but prompt.labels has 3; '
            f"take {rules_to_take(3)}, or 2 labels"
        ],
    ),
    (
        '[search]\nmethod = "fork"\n[prompt]\nlabels = ["A", "B", "C"]',
        ['4: search.method: method "fork" is for 2 labels, but prompt.labels has 3; take method "icm", or 2 labels'],
    ),
    (
        '[search]\nschedule = "log"',
        ['4: search.schedule: method "icm" cools by schedule "geometric", not "log"'],
    ),
    (
        '[search]\nmethod = "paper"\nschedule = "geometric"',
        ['5: search.schedule: method "paper" cools by schedule "log" or "exp", not "geometric"'],
    ),
    (
        "[search]\ninitial_t = 0.1\nfinal_t = 1",
        ["5: search.final_t: the search must cool, but final_t = 1 is above initial_t = 0.1"],
    ),
    (
        '[model]\nbackend = "openai"',
        [
            '3: model.base_url: backend "openai" needs the address of the server, '
            'such as base_url = "https://openrouter.ai/api/v1", or a preset\'s name, such as base_url = "openrouter"',
            '3: model.model: backend "openai" needs the name of the model',
        ],
    ),
    ('[model]\nbackend = "gguf"', ['3: model.path: backend "gguf" needs the model file, such as path = "model.gguf"']),
    # Credentials, none of which may be repeated.
    (
        '[model]\nbase_url = "https://me:hush@host/v1"',
        [f"4: model.base_url: the address carries a user name or password before the @; {_INSTEAD}"],
    ),
    (
        '[model]\nbase_url = "https://host/v1?api_key=hush"',
        [f"4: model.base_url: the address carries the credential api_key=; {_INSTEAD}"],
    ),
    (
        '[model]\nbase_url = "localhost:8000/v1"',
        [
            "4: model.base_url: expected an address that begins with http:// or https:// and names a host, "
            "or one of the presets openrouter, openai, together, vllm, sglang, llama-server, ollama or lmstudio"
        ],
    ),
    (
        '[model]\nbase_url = "opnrouter"',
        [
            "4: model.base_url: expected an address that begins with http:// or https:// and names a host, "
            "or one of the presets openrouter, openai, together, vllm, sglang, llama-server, ollama or lmstudio; "
            "did you mean openrouter?"
        ],
    ),
    (
        '[model.extra.headers]\nAuthorization = "Bearer hush"',
        [f"4: model.extra.headers.Authorization: this carries a credential; {_INSTEAD}"],
    ),
    (
        '[model]\nextra = {options = [{note = "sk-hushhushhushhush"}]}',
        [f"4: model.extra.options.note: this carries a credential; {_INSTEAD}"],
    ),
    (
        '[model]\nkey_env = "sk-hush"',
        [
            "4: model.key_env: expected the name of an environment variable (letters, digits, underscores) "
            "that holds the key, not the key"
        ],
    ),
    (
        '[model]\nkey_env = "hf_hushhushhushhushhush"',
        ["4: model.key_env: this looks like the key itself; give the name of an environment variable"],
    ),
    # Several at once, in the order of the lines; what only follows from another mistake is not told.
    (
        '[search]\nmethod = "forc"\nshedule = "log"\n[run]\nbudget = 3\n[model]\nbackend = "openai"\nbase_ulr = "https://h/v1"',
        [
            f'4: search.method: expected {_METHODS}, not "forc"; did you mean "fork"?',
            "5: search.shedule: unknown key; did you mean schedule?",
            "7: run.budget: unknown key; did you mean budget_usd?",
            '8: model.model: backend "openai" needs the name of the model',
            "10: model.base_ulr: unknown key; did you mean base_url?",
        ],
    ),
]

WHOLE = [
    ("", [': task.dataset: needed; name the dataset, such as dataset = "truthfulqa", or "file"']),
    ("[task]\ngold = []", ['1: task.dataset: needed; name the dataset, such as dataset = "truthfulqa", or "file"']),
    ('[task]\ndatset = "file"', ["2: task.datset: unknown key; did you mean dataset?"]),
    ('[tsk]\ndataset = "file"', ["1: tsk: unknown section; did you mean [task]?"]),
    (
        'seed = 1\n[task]\ndataset = "topics"',
        ["1: seed: unknown key outside any section; did you mean run.seed?"],
    ),
    ('dataset = "topics"', ["1: dataset: unknown key outside any section; did you mean task.dataset?"]),
    ('zebra = 1\n[task]\ndataset = "topics"', [f"1: zebra: unknown key outside any section; {_SECTIONS}"]),
    ('task = "topics"', ['1: task: expected a section [task] of keys, not "topics"']),
    (
        '[task]\ndataset = "file"',
        [
            '1: task.path: dataset "file" needs the file to read, such as path = "items.jsonl"',
            '1: task.text: dataset "file" needs the column that holds the text, such as text = "text"',
        ],
    ),
    (
        '[task]\ndataset = "file"\npath = "x.csv"\ntext = "text"\nkey = "answer"',
        ["5: task.key: a key tells the answers inside a group apart; name the group column as well"],
    ),
    (
        '[task]\ndataset = "file"\npath = "x.csv"\ntext = "{right}"\ngroup = "q"\nkey = "right"\ngold = [\n"right"]',
        [
            '4: task.text: column "right" is also named in gold, and the model must not see gold labels',
            '6: task.key: column "right" is also named in gold, and the search must not see gold labels',
        ],
    ),
    (
        '[task]\ndataset = "dilemmas"\ngroup = "truth"\ngold = ["care", "truth", "care"]',
        [
            '3: task.group: column "truth" is also named in gold, and the search must not see gold labels',
            '4: task.gold: column "care" is named twice',
        ],
    ),
    # Not TOML at all.
    ("[task]\ndataset = truthfulqa", ["2: not valid TOML at column 11: invalid value; put text in quotes"]),
    ("[task\n", ["1: not valid TOML at column 6: expected ']' at the end of a table declaration"]),
    ('[task]\ndataset = "a"\ndataset = "b"\n', ["3: not valid TOML at column 14: cannot overwrite a value"]),
    ('[task]\ndataset = """a\n', ["2: not valid TOML: unterminated string"]),
    (f"[run]\nseed = {'9' * 5000}", [": a number in it has too many digits."]),
    (f"[model]\nextra = {{a = {'[' * 5000}{']' * 5000}}}", [": tables or lists are nested too deeply."]),
    # A quoted key cannot break a line or reach the terminal's controls.
    ('[task]\n"data\\n\\u001b[2Jset" = "x"', ["2: task.data set: unknown key; did you mean dataset?"]),
]


def _sentences(text: str) -> list[str]:
    with pytest.raises(UserError) as caught:
        loads(text, "profile.toml")
    assert caught.value.exit_status == 2
    return str(caught.value).split("\n")


@pytest.mark.parametrize(("text", "sentences"), AFTER_A_TASK)
def test_profile_mistake_is_shown_with_its_line(text: str, sentences: list[str]) -> None:
    told = _sentences(f'[task]\ndataset = "topics"\n{text}\n')
    assert told == [f"profile.toml:{sentence}" for sentence in sentences]
    assert "hush" not in "".join(told)


@pytest.mark.parametrize(("text", "sentences"), WHOLE)
def test_profile_mistake_in_task_or_syntax_is_shown(text: str, sentences: list[str]) -> None:
    told = _sentences(text)
    assert told == [f"profile.toml{sentence if sentence[0] == ':' else f':{sentence}'}" for sentence in sentences]


def test_mistakes_table_is_long_enough() -> None:
    assert len(AFTER_A_TASK) + len(WHOLE) >= 40


def test_profile_error_gives_a_form_the_same_faults() -> None:
    with pytest.raises(ProfileError) as caught:
        loads('[task]\ndataset = "topics"\n[search]\nshots = -1', "profile.toml", ["run.seed=x"])
    (first, second) = caught.value.faults
    assert (first.line, first.key, first.where) == (4, "search.shots", "profile.toml:4")
    assert (second.line, second.where) == (None, "--set run.seed")


def _outcome(call: Callable[[], Profile]) -> Profile | str:
    try:
        return call()
    except UserError as error:
        return str(error)


_scalars: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=5),
    st.dates(),
    st.sampled_from(["all", "icm"]),
)
_values = st.recursive(
    _scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
)
_keys = st.sampled_from([key for keys in KEYS.values() for key in keys]) | st.text(max_size=6)
_documents = st.dictionaries(
    st.sampled_from([*KEYS]) | st.text(max_size=6), st.dictionaries(_keys, _values, max_size=4) | _values, max_size=4
)


@given(_documents)
def test_profile_document_never_causes_a_traceback(document: dict[str, Any]) -> None:
    outcome = _outcome(lambda: from_document(document, "profile.toml"))
    assert isinstance(outcome, Profile) or outcome.startswith("profile.toml: ")


_lines = st.lists(
    st.one_of(
        st.sampled_from(
            ["[task]", "[search]", "[[run]]", 'dataset = "x"', "shots = 3", 'a."b" = {c = [1, 2]}', '"""', "]"]
        ),
        st.text(max_size=20),
    ),
    max_size=8,
).map("\n".join)


@given(_lines)
def test_profile_text_never_causes_a_traceback(text: str) -> None:
    outcome = _outcome(lambda: loads(text, "profile.toml"))
    assert isinstance(outcome, Profile) or outcome.startswith("profile.toml")
