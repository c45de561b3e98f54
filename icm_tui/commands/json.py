"""What `--json` prints, each shape once. The screens read what their child processes print with the same structs.

`runs`, `cache` and the summary of `run` are printed as the rooms that make them have them: `run_dir.listing`,
`models.server.cache` and `runner.summary`. Field names are part of the command line: programs rely on them. None is
unknown, unless a docstring says otherwise.
"""

import msgspec
from msgspec import UNSET, UnsetType

from icm_tui.domain.reply import Endpoint, Finding
from icm_tui.evaluate.report import Pair, Report, Row, TraitFigures
from icm_tui.run_dir.listing import RunSummary
from icm_tui.tasks.card import Here, Split, Terms


class LastProbe(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the last probe of an endpoint found, `age_s` seconds ago: how it is asked (chat or completions), how many
    alternatives it gives, who serves it if a router is pinned ("" if not), and the label that it favours over the
    one that it favours least, by how many nats."""

    age_s: float
    kind: str
    top_logprobs: int
    provider: str
    favoured: str | None = None
    nats: float = 0.0


class Expected(msgspec.Struct, frozen=True):
    """`run --dry-run`: what a run would ask and cost. Calls, tokens read and how many of them a server's prefix cache
    already holds, USD (None without a price), and minutes (None if a call takes no time). `probe_result` is None if no
    probe of the endpoint is kept; `prompts` are the first ones."""

    items: int
    calls: int
    calls_per_label: float
    tokens_in: int
    cost_usd: float | None
    minutes: float | None
    paid: bool
    probe_result: LastProbe | None = None
    tokens_cached: int = 0
    prompts: list[str] = []


class Answer(msgspec.Struct, frozen=True):
    """`ask`: the label that an item gets, the labels' log-probabilities in nats, and why, in the words of `speaker`."""

    item: int
    label: str | None
    logprobs: list[float]
    text: str
    speaker: str


class Runs(msgspec.Struct, frozen=True):
    """`runs`: the latest first."""

    runs: list[RunSummary]


class Diagnosis(msgspec.Struct, frozen=True):
    """`doctor`: what a profile's model can do. `fit` says whether a run can ask it. `endpoint` is None if none can, and
    for the embedded model. `known_limits` are those of a server that is known by its address, a sentence each. `calls`
    counts the probe's requests and `cost_usd` is what they cost; `label_bias` is a score a label in nats, `latency_s`
    the wait for a label, `tokens_a_second` how fast a longer answer was written."""

    fit: bool
    endpoint: Endpoint | None
    findings: list[Finding]
    known_limits: list[str]
    calls: int
    cost_usd: float | None
    label_bias: dict[str, float] | None = None
    latency_s: float | None = None
    tokens_a_second: float | None = None


class BaselinesTable(msgspec.Struct, frozen=True):
    """`baselines`: a row a method, against a gold column, with so many shots in a context."""

    run: str
    column: str
    shots: int
    rows: list[Row]


class HeldOutTable(msgspec.Struct, frozen=True):
    """`held-out`: a row a design and number of shots, against a gold column of the test split."""

    run: str
    column: str
    rows: list[Row]


class Measured(Report, frozen=True, kw_only=True):
    """`measure`: the report on a run; several runs are a list of it."""

    run: str
    directory: str


class Trait(TraitFigures, frozen=True, kw_only=True):
    """A trait that a split follows; `label` is the set that has more of it."""

    label: str


class Traits(msgspec.Struct, frozen=True):
    """`diagnose`: the traits, ranked."""

    run: str
    traits: list[Trait]


class StableItem(msgspec.Struct, frozen=True):
    """The label that most runs give an item (its number, None if none gives one), and the share of them that do."""

    uid: str
    label: int | None
    share: float | None


class Stability(msgspec.Struct, frozen=True):
    """`stability`: runs compared two by two, the means over the pairs, and the `n` items one by one."""

    runs: list[str]
    seeds: list[int]
    n: int
    adjusted_rand: float | None
    matched: float | None
    pairs: list[Pair]
    items: list[StableItem]


class Prices(msgspec.Struct, frozen=True, kw_only=True):
    """USD for a million tokens read, written, and read again from a prefix cache."""

    usd_in: float | None = None
    usd_out: float | None = None
    usd_cached: float | None = None


class Offer(Prices, frozen=True):
    """A model of a server's list. `context` is in tokens, `logprobs` says whether some provider gives
    log-probabilities, `created` is in unix seconds, `expires` the date from which the model is gone."""

    id: str
    name: str | None = None
    context: int | None = None
    logprobs: bool | None = None
    created: int | None = None
    expires: str | None = None


class Catalogue(msgspec.Struct, frozen=True):
    """`models`: those that a server named `age_s` seconds ago. `stale` says why it could not be asked again."""

    server: str
    age_s: float
    models: list[Offer]
    stale: str | None = None


class Route(Prices, frozen=True, kw_only=True):
    """A provider of a model: its tag in requests and its name. `context` is in tokens, `uptime` in percent, a negative
    `status` is out of order, and `works` says whether it is in order; `logprobs` and `caches` are what it offers."""

    tag: str
    name: str
    context: int | None
    quantization: str | None
    status: int | None
    uptime: float | None
    logprobs: bool
    caches: bool
    works: bool


class Endpoints(msgspec.Struct, frozen=True):
    """`models` for one model: who serves it at a router."""

    model: str
    endpoints: list[Route]


class ListedProfile(msgspec.Struct, frozen=True):
    """A profile: "own" or "shipped", and its file. One with errors has the first of them and no settings."""

    name: str
    kind: str
    path: str
    error: str | None
    dataset: str | UnsetType = UNSET
    method: str | UnsetType = UNSET
    model: str | UnsetType = UNSET


class Profiles(msgspec.Struct, frozen=True):
    """`profiles list`."""

    profiles: list[ListedProfile]


class ShownProfile(msgspec.Struct, frozen=True):
    """`profiles show`: a profile's settings by section. `from_data` are those that are set once the data is read."""

    profile: str
    path: str
    settings: dict[str, dict[str, object]]
    from_data: list[str]


class ProfileFault(msgspec.Struct, frozen=True):
    """An error of a profile: its place in words, the file's line (from 1) if there is one, the setting, and what is
    wrong with it."""

    where: str
    line: int | None
    key: str
    text: str


class CheckedProfile(msgspec.Struct, frozen=True):
    """`profiles check`: every error, and the settings that have no effect. `path` is there if the profile is ok."""

    profile: str
    ok: bool
    faults: list[ProfileFault]
    unused: list[str]
    path: str | UnsetType = UNSET


class Dataset(msgspec.Struct, frozen=True, kw_only=True):
    """A dataset in a list. `items` is their number in the split that is read by default, `here` says where they are on
    this machine, as `splits_here` does split by split."""

    name: str
    about: str
    items: int | None
    groups: str
    rule: str
    licence: str
    terms: Terms
    split: str | None
    here: str
    splits_here: dict[str, Here]


class DescribedDataset(Dataset, frozen=True, kw_only=True):
    """`datasets NAME`: a dataset with all that its card says."""

    item: str
    gold: str
    paper: str
    splits: dict[str, Split]
    traps: list[str]


class Datasets(msgspec.Struct, frozen=True):
    """`datasets`."""

    datasets: list[Dataset]
