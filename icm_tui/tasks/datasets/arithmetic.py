"""Arithmetic claims made by code: each sum with two results, of which one is correct."""

import random
from collections.abc import Sequence

from icm_tui.errors import UserError
from icm_tui.tasks.build import Columns
from icm_tui.tasks.card import Card, Split
from icm_tui.tasks.dataset import Dataset, Rows, Source
from icm_tui.tasks.samples import UNUSED
from icm_tui.tasks.section import TaskSection
from icm_tui.tasks.tables import Row, Table

DEFAULT_ITEMS = 400
MOST_ITEMS = 200_000

CARD = Card(
    about="Sums with two results each, made by code.",
    item="One claim, such as 12 + 30 = 52.",
    groups="The two claims about one sum, of which one is correct.",
    rule="opposite",
    gold="correct: true or false.",
    paper="",
    licence="as this program",
    terms="free",
    splits={"all": Split({}, DEFAULT_ITEMS)},
    split="all",
    traps=[f"task.limit says how many claims are made, {DEFAULT_ITEMS} without it and {MOST_ITEMS:,} at most."],
    ships=True,
)


def _read(settings: TaskSection, card: Card, labels: Sequence[str]) -> Source:
    """Make `task.limit` claims (400 by default), two for each sum. They depend on `task.shuffle_seed` and not on the
    run's seed, so that runs with different seeds label the same claims."""
    limit = DEFAULT_ITEMS if settings.limit is None else settings.limit
    if not 2 <= limit <= MOST_ITEMS:
        raise UserError(f'task.limit = {limit} does not fit dataset "arithmetic"; give 2 to {MOST_ITEMS} claims.')
    return Source(settings, labels, {"rows": make_claims(limit // 2, settings.shuffle_seed)})


def _rows(source: Source) -> Rows:
    return Rows(source.table, Columns("claim", uid="claim", group="sum", gold={"correct": "correct"}))


def make_claims(n_sums: int, seed: int) -> Table:
    """`n_sums` different sums, each with its result and with one that a slip would give. A larger `n_sums` adds sums
    and keeps the first ones."""
    draw = random.Random(f"arithmetic claims {seed}")
    rows: list[Row] = []
    done: set[str] = set()
    while len(done) < n_sums:
        operator = draw.choice("+-*")
        highest = 99 if operator == "*" else 999
        one, other = draw.randint(2, highest), draw.randint(2, highest)
        if operator == "-" and one < other:
            one, other = other, one
        left = f"{one} {operator} {other}"
        if left in done:
            continue
        done.add(left)
        result = {"+": one + other, "-": one - other, "*": one * other}[operator]
        for value in (result, _slip(draw, operator, one, other, result)):
            number = len(rows) + 1
            claim = {"claim": f"{left} = {value}", "sum": left, "correct": value == result}
            rows.append(Row(number, number, claim))
    return Table("arithmetic", "row", ["claim", "sum", "correct"], rows)


def _slip(draw: random.Random, operator: str, one: int, other: int, result: int) -> int:
    """A result that a person's slip would give: a carry lost or gained, one off, two digits swapped, or a
    neighbour in the multiplication table. Never negative, never the result itself."""
    digits = str(result)
    slips = [result + 10, result - 10, result + 1, result - 1]
    if len(digits) > 1:
        slips += [int(digits[:-2] + digits[-1] + digits[-2])]
    if operator == "*":
        slips += [result + one, result - one, result + other, result - other]
    return draw.choice([slip for slip in slips if slip >= 0 and slip != result])


DATASET = Dataset(CARD, _rows, gold=["correct"], unused=UNUSED, read=_read)
