"""The sample sets that ship with the package."""

from collections.abc import Sequence
from pathlib import Path

import msgspec

import icm_tui
from icm_tui.domain.items import Task
from icm_tui.errors import RunFailed
from icm_tui.tasks.build import Columns, make_task
from icm_tui.tasks.card import Card, Place, Split
from icm_tui.tasks.section import TaskSection, choose_gold, refuse_given
from icm_tui.tasks.tables import read_table


class Sample(msgspec.Struct, frozen=True):
    """How a shipped file is read: its text, its group, the rule that fits, and its gold columns; if `gold` is
    None these are all columns that are not among `other`."""

    text: str
    group: str | None
    rule: str
    gold: list[str] | None
    other: list[str] = []


SAMPLES = {
    "beliefs": Sample("Q: {question} A: {answer}", "question", "opposite", ["true"]),
    "leanings": Sample("{statement}", "pair", "opposite", ["progressive"]),
    "dilemmas": Sample("{dilemma} {action}", "dilemma", "opposite", None, ["uid", "dilemma", "action"]),
    "topics": Sample("{text}", None, "none", ["subject"]),
}


def _card(name: str, items: int, about: str, item: str, groups: str, gold: str) -> Card:
    return Card(
        about=about,
        item=item,
        groups=groups,
        rule=SAMPLES[name].rule,
        gold=gold,
        paper="",
        licence="as this program",
        terms="free",
        splits={"all": Split({"rows": Place([f"{name}.jsonl"], rows=items)}, items)},
        split="all",
        traps=["A small set in this program's own words, to try it out; no benchmark."],
    )


CARDS = {
    "beliefs": _card(
        "beliefs",
        592,
        "Common misconceptions and their corrections, two answers to a question.",
        "One question with one answer.",
        "The two answers to a question.",
        "true: whether the answer is.",
    ),
    "leanings": _card(
        "leanings",
        340,
        "Opposed policy statements in pairs.",
        "One statement.",
        "The two statements of a pair.",
        "progressive: the statement's leaning.",
    ),
    "dilemmas": _card(
        "dilemmas",
        250,
        "Everyday dilemmas with two actions each, and the values behind them.",
        "One dilemma with one action.",
        "The two actions of a dilemma.",
        "A column a value: whether the action stands for it or against it; missing if it has no part.",
    ),
    "topics": _card(
        "topics",
        330,
        "Single sentences on one of two subjects, without groups.",
        "One sentence.",
        "None.",
        "subject: which of the two.",
    ),
}


def data_dir() -> Path:
    """The folder of the shipped files: inside the installed package, or beside it in a checkout.

    Raises RunFailed if there is neither.
    """
    package = Path(icm_tui.__file__).parent
    for folder in (package / "data", package.parent / "data"):
        if folder.is_dir():
            return folder
    raise RunFailed(f"The sample data is missing beside {package}; install icm-tui again.")


def load(settings: TaskSection, *, labels: Sequence[str], rule: str | None, seed: int) -> Task:
    """Read the sample that `settings.dataset` names. Raises UserError for settings that it has no use for."""
    names = ["path", "split", "revision", "text", "uid", "group", "key"]
    refuse_given(settings, names, 'remove it, or use dataset = "file" to read a file of your own.')
    sample = SAMPLES[settings.dataset]
    table = read_table(str(data_dir() / f"{settings.dataset}.jsonl"))
    known = sample.gold if sample.gold is not None else [n for n in table.rows[0].values if n not in sample.other]
    columns = Columns(
        text=sample.text,
        uid="uid",
        group=sample.group,
        gold={name: name for name in choose_gold(settings, known)},
    )
    return make_task(table, columns, labels=labels, rule=rule or sample.rule, limit=settings.limit, seed=seed)
