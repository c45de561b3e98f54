"""Moral Foundations Vignettes (Clifford and others 2015) in seven wordings: 132 short scenes of somebody doing wrong.

An item is a vignette's text. The splits:

- "classic-other" is the published wording ("You see a girl ..."), "classic-self" puts the reader in its place;
  "ai-actor-other" and "ai-actor-self" put an AI there; "scifi-other" and "scifi-self" move it to other worlds. One of
  these has 132 items without groups, so no rule: `none`.
- "all", the default, joins these six. Groups are the `id` that wordings of one vignette share: four wordings of the
  classic ones, two of those of other worlds. The input alone justifies rule `same`, since a wording changes who acts
  and not what is done; nothing else ties items together.
- "clifford" is the published table, 132 items without groups.

Gold says which of six moral foundations a vignette violates; the seventh class, Social Norms, is odd and not immoral.
Two labels are compared with each foundation ("Care": true for this one, false for all others), "violation" (false for
Social Norms) and "wrong (above median)" (rated more wrong than the split's median; equal is not above). Seven labels
or more are compared with "foundation", seven classes. In the six wordings, columns that begin with ai_ are a model's
guess at the gold, and those with human_ the gold itself: neither is ever read. For the other worlds and the AI, gold is
that of the original vignette; no person rated the new wordings.
"""

import statistics
from math import isfinite

import msgspec

from icm_tui.tasks.build import Columns
from icm_tui.tasks.card import Card, HubFiles, Place, Split, one_table
from icm_tui.tasks.dataset import Dataset, Rows, Source
from icm_tui.tasks.tables import Row, Table, bad_cell, read_cell
from icm_tui.text import did_you_mean, quoted

_HUB = "wassname/tiny-mfv"
FOUNDATIONS = ("Care", "Fairness", "Loyalty", "Authority", "Sanctity", "Liberty")
_NORMS = "Social Norms"
WORDINGS = ("classic-other", "classic-self", "scifi-other", "scifi-self", "ai-actor-other", "ai-actor-self")
_ALL = "all"
_CLIFFORD = "clifford"
_WRONG = "wrong (above median)"


def _place(wording: str) -> Place:
    kind, _, who = wording.rpartition("-")
    file = f"vignettes_{kind}_{who}_violate.jsonl"
    hub = HubFiles(_HUB, [f"{kind}/{who}_violate-*.parquet"])
    return Place([f"tiny_mfv/{file}", file, f"{kind}/{who}_violate-00000-of-00001.parquet"], hub, rows=132)


CARD = Card(
    about="Moral foundations vignettes: 132 scenes of somebody doing wrong, in six wordings.",
    item="a vignette",
    groups=f'id in split "{_ALL}": the wordings of a vignette, four or two; none in other splits',
    rule="same",
    gold="two labels: each of six foundations against the rest, violation, wrong (above median); "
    "seven labels: foundation, with Social Norms as the seventh class",
    paper="Clifford, Iyengar, Cabeza, Sinnott-Armstrong: Moral foundations vignettes, Behavior Research Methods 2015",
    licence="MIT by the Hub's card of the rewrites; the published vignettes name none",
    terms="no licence",
    splits={
        _ALL: Split({"rows": _place(WORDINGS[0])} | {name: _place(name) for name in WORDINGS[1:]}, items=792),
        **{name: Split({"rows": _place(name)}, items=132) for name in WORDINGS},
        _CLIFFORD: one_table(["clifford_2015/vignettes.csv", "vignettes.csv"], 132),
    },
    split=_ALL,
    traps=[
        "Rows are ordered by foundation; items are shuffled by their content.",
        "The six wordings come with a model's estimate of the gold (ai_ columns); it is not read.",
        "116 of 132 vignettes are violations: a majority answer has .88 of that column right.",
        "A wording of another world or of an AI has the gold of the vignette it was made from.",
        "Which files the Hub has was not checked on the live Hub.",
    ],
)


def _rows(source: Source) -> Rows:
    rows: list[Row] = []
    for name, table in source.tables.items():
        if source.split == _CLIFFORD:
            rows += _published(table)
        else:
            wording = name if name != "rows" else WORDINGS[0] if source.split == _ALL else source.split
            rows += _worded(table, wording, len(rows))
    middle = statistics.median(row.values["wrong"] for row in rows)
    rows = [Row(row.number, row.line, row.values | {_WRONG: row.values["wrong"] > middle}) for row in rows]
    known = [*FOUNDATIONS, "violation", _WRONG, "foundation"]
    joined = source.split == _ALL
    table = source.table.of(rows)
    return Rows(
        msgspec.structs.replace(table, name="the six wordings") if joined else table,
        Columns("text", uid="uid", group="id" if joined else None, gold={name: name for name in known}),
        rule=None if joined else "none",
        default_gold=["foundation"] if len(source.labels) > len(FOUNDATIONS) else known[:-1],
    )


def _published(table: Table) -> list[Row]:
    return [
        _row(table, row, row.number, str(row.number), None, ("Scenario", "Foundation", "Wrong")) for row in table.rows
    ]


def _worded(table: Table, wording: str, before: int) -> list[Row]:
    found: list[Row] = []
    line_of: dict[str, int] = {}
    for row in table.rows:
        key = read_cell(table, row, "id")
        if line_of.setdefault(key, row.line) != row.line:
            what = f"repeats {quoted(key)} of {table.unit} {line_of[key]}; leave one of them out."
            raise bad_cell(table, row, "id", what)
        number = before + row.number
        found.append(_row(table, row, number, f"{wording}:{key}", key, ("text", "foundation_coarse", "wrong")))
    return found


def _row(table: Table, row: Row, number: int, uid: str, group: str | None, columns: tuple[str, str, str]) -> Row:
    """The row of the task, from a row whose text, foundation and rating are in `columns`."""
    text, named, rated = (read_cell(table, row, column) for column in columns)
    foundation = named.partition(" (")[0]
    if foundation not in (*FOUNDATIONS, _NORMS):
        hint = did_you_mean(foundation, (*FOUNDATIONS, _NORMS))
        raise bad_cell(table, row, columns[1], f"holds {quoted(named)}, which is no foundation; {hint}")
    try:
        wrong = float(rated)
    except ValueError:
        wrong = float("nan")
    if not isfinite(wrong):
        raise bad_cell(table, row, columns[2], f"holds {quoted(rated)}; it must be a number.")
    values = {"uid": uid, "id": group, "text": text, "foundation": foundation, "wrong": wrong}
    values |= {name: name == foundation for name in FOUNDATIONS}
    return Row(number, row.line, values | {"violation": foundation != _NORMS})


DATASET = Dataset(CARD, _rows)
