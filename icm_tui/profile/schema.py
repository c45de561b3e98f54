"""The settings of a run, one struct per section.

Every field's type carries its bounds and a one-line description, so that a form can be generated from it. None means
that the default depends on other settings or on the data; `defaults.resolve` fills it in. `checks.combinations` finds
settings that are wrong only in combination. In a Meta's `extra`, "expected" describes a pattern in words and "hide"
keeps a rejected value out of messages.
"""

from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
from msgspec import Meta

from icm_tui.domain.rules import RULES
from icm_tui.tasks.section import SEED_MAX, NonEmpty, Positive, TaskSection

Backend = Literal["embedded", "openai", "gguf"]
Endpoint = Literal["auto", "chat", "completions"]
Method = Literal["icm", "paper", "fork", "zero_shot", "random_labels"]
Effort = Literal["lean", "standard", "thorough"]
Schedule = Literal["geometric", "exp", "log"]
if TYPE_CHECKING:
    Rule = str
else:
    Rule = Literal[tuple(RULES)]

Natural = Annotated[int, Meta(ge=0)]
Amount = Annotated[float, Meta(ge=0)]
AboveZero = Annotated[float, Meta(gt=0)]
Shots = Annotated[int, Meta(ge=0)] | Literal["all"]
Label = Annotated[str, Meta(pattern=r"^[^\s\x00-\x1f\x7f-\x9f]{1,16}\Z")]

_NAME = r"^([A-Za-z0-9_-][A-Za-z0-9._-]*)?\Z"
_NAME_WORDS = "letters, digits, dot, dash and underscore, with no dot in front"
_VARIABLE = r"^[A-Za-z_][A-Za-z0-9_]*\Z"
_VARIABLE_WORDS = "the name of an environment variable (letters, digits, underscores) that holds the key, not the key"
_LABELS_WORDS = "a list of 2 to 26 texts of 1 to 16 characters without spaces or control characters"


class Run(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a run is called, what it may cost, and where it goes."""

    name: Annotated[str, Meta(pattern=_NAME, description="Name of the run.", extra={"expected": _NAME_WORDS})] = ""
    seed: Annotated[
        int, Meta(ge=0, le=SEED_MAX, description="Seed of every random draw of the search; a whole number.")
    ] = 42
    budget_usd: Annotated[Amount | None, Meta(description="The run pauses at this cost, in US dollars.")] = None
    max_calls: Annotated[Positive | None, Meta(description="The run pauses after this number of model calls.")] = None
    max_seconds: Annotated[
        AboveZero | None, Meta(description="The run pauses after working for this time, in seconds.")
    ] = None
    watch_seconds: Annotated[
        AboveZero | None,
        Meta(description="Spread the decisions over this time while the run is watched, in seconds; changes no label."),
    ] = None
    out: Annotated[NonEmpty | None, Meta(description="Directory of the run; without it, one is made and named.")] = None
    blind: Annotated[bool, Meta(description="Keep gold and measures hidden while the run works; true or false.")] = (
        False
    )


class Model(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who answers."""

    backend: Annotated[
        Backend,
        Meta(
            description="The embedded learner (no key, no download), a server that speaks OpenAI's API, or a GGUF file."
        ),
    ] = "embedded"
    base_url: Annotated[
        NonEmpty | None,
        Meta(description="Address of the server, such as https://host/v1, or a preset, such as openrouter or vllm."),
    ] = None
    model: Annotated[NonEmpty | None, Meta(description="Name of the model, as the server spells it.")] = None
    path: Annotated[NonEmpty | None, Meta(description="Model file for backend gguf.")] = None
    endpoint: Annotated[Endpoint, Meta(description="Which endpoint is asked; auto finds out which one works.")] = "auto"
    key_env: Annotated[
        Annotated[str, Meta(pattern=_VARIABLE)] | None,
        Meta(
            description="Name of the environment variable that holds the key; the key itself is never stored.",
            extra={"expected": _VARIABLE_WORDS, "hide": True},
        ),
    ] = None
    providers: Annotated[
        list[NonEmpty], Meta(description="Providers the server may route to, in order; empty for any.")
    ] = []
    concurrency: Annotated[int, Meta(ge=1, le=1024, description="Number of calls in flight at once.")] = 8
    timeout_s: Annotated[float, Meta(gt=0, description="Longest wait for one answer, in seconds.")] = 60.0
    top_logprobs: Annotated[
        int, Meta(ge=1, description="Number of most likely tokens to ask log-probabilities for.")
    ] = 20
    price_in: Annotated[Amount | None, Meta(description="Price of a million tokens read, in US dollars.")] = None
    price_out: Annotated[Amount | None, Meta(description="Price of a million tokens written, in US dollars.")] = None
    extra: Annotated[
        dict[str, Any], Meta(description="More fields for the body of every request; never a credential.")
    ] = {}

    @property
    def answers(self) -> str:
        """Who answers, in a word: the model that a server knows by that name, else the backend."""
        return self.model if self.backend == "openai" and self.model else self.backend


class Prompt(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the model is shown."""

    template: Annotated[NonEmpty, Meta(description="Name of the template.")] = "pattern"
    labels: Annotated[
        list[Label],
        Meta(
            min_length=2,
            max_length=26,
            description="Names of the sets, 2 to 26 distinct short texts without spaces.",
            extra={"expected": _LABELS_WORDS},
        ),
    ] = msgspec.field(default_factory=lambda: ["A", "B"])
    anchor: Annotated[str, Meta(description="Dimension that a hint line names; empty for no hint.")] = ""
    persona: Annotated[str, Meta(description="Text put in front of the prompt; empty for none.")] = ""
    words_allowed: Annotated[
        list[NonEmpty], Meta(description="Leading words that the prompt may use all the same.")
    ] = []


class Search(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How labels are found. None stands for the default of the method and the effort."""

    method: Annotated[
        Method, Meta(description="This program's method, the original paper's, its simplified fork's, or a baseline.")
    ] = "icm"
    effort: Annotated[Effort, Meta(description="How many calls method icm spends when shots is a number.")] = "standard"
    shots: Annotated[
        Shots | None, Meta(description='Labelled examples shown with a question: a number, or "all" of them.')
    ] = None
    share: Annotated[
        Positive | None, Meta(description="Number of decisions in a row that share one context of examples.")
    ] = None
    confident: Annotated[
        Annotated[float, Meta(gt=0, le=1)] | None,
        Meta(description="Part of each label's items, the most certain ones, that may be examples; above 0 to 1."),
    ] = None
    average: Annotated[
        Positive | None, Meta(description="Number of an item's last sweep answers that are averaged.")
    ] = None
    sweeps: Annotated[Positive | None, Meta(description="Number of passes over all items.")] = None
    seeds: Annotated[Positive | None, Meta(description="Number of items that start with a random label.")] = None
    subset: Annotated[
        Positive | None, Meta(description="Number of items the starting chains work on, in whole groups.")
    ] = None
    chains: Annotated[
        Positive | None, Meta(description="Number of chains from random labels; the most coherent survives.")
    ] = None
    initial_t: Annotated[
        AboveZero | None, Meta(description="Temperature at the start, in nats (icm) or units of the score.")
    ] = None
    final_t: Annotated[
        AboveZero | None, Meta(description="Temperature at the end, in nats (icm) or units of the score.")
    ] = None
    schedule: Annotated[Schedule | None, Meta(description="How the temperature falls.")] = None
    alpha: Annotated[
        Amount | None, Meta(description="Weight of mutual predictability against one broken rule (paper, fork).")
    ] = None
    beta: Annotated[Amount | None, Meta(description='Speed of schedule "log": T = initial_t / (1 + beta ln n).')] = None
    decay: Annotated[
        Annotated[float, Meta(gt=0, le=1)] | None, Meta(description='Factor per step of schedule "exp"; above 0 to 1.')
    ] = None
    max_iters: Annotated[Positive | None, Meta(description="Number of iterations (paper, fork).")] = None
    batch_size: Annotated[
        Positive | None, Meta(description="Items searched together (paper), or candidates an iteration (fork).")
    ] = None


class Consistency(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the labels inside a group must obey."""

    rule: Annotated[
        Rule | None, Meta(description="Rule of the labels inside a group; without it, the dataset's own.")
    ] = None
    fix_iters: Annotated[Natural | None, Meta(description="Number of repairs tried after a proposal (paper).")] = None


class Reasoning(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When the model is asked to explain a label."""

    every: Annotated[int, Meta(ge=0, description="Ask after every so many decisions; 0 for never.")] = 0
    max_tokens: Annotated[int, Meta(ge=1, description="Longest reasoning, in tokens.")] = 256
    prefill: Annotated[str, Meta(description="How the reasoning begins; the model continues from there.")] = ""


class Profile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """All settings of a run."""

    run: Run = Run()
    task: TaskSection
    model: Model = Model()
    prompt: Prompt = Prompt()
    search: Search = Search()
    consistency: Consistency = Consistency()
    reasoning: Reasoning = Reasoning()
