"""Arithmetic claims made by code: pairs of one sum with two results, of which one is correct."""

import random
from collections.abc import Sequence

from icm_tui.domain.items import Task
from icm_tui.errors import UserError
from icm_tui.tasks.build import Columns, make_task
from icm_tui.tasks.card import Card, Split
from icm_tui.tasks.section import TaskSection, choose_gold, refuse_given
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
)


def load(settings: TaskSection, *, labels: Sequence[str], rule: str | None, seed: int) -> Task:
    """Make `settings.limit` claims (400 if none is given), two to a sum.

    The claims depend on `settings.shuffle_seed` and not on the run's seed, so that runs with
    unlike seeds label the same claims. Raises UserError for fewer than 2 claims or more than 200,000.
    """
    names = ["path", "split", "revision", "text", "uid", "group", "key"]
    refuse_given(settings, names, 'remove it, or use dataset = "file" to read a file of your own.')
    gold = choose_gold(settings, ["correct"])
    limit = DEFAULT_ITEMS if settings.limit is None else settings.limit
    if not 2 <= limit <= MOST_ITEMS:
        raise UserError(f'task.limit = {limit} does not fit dataset "arithmetic"; give 2 to {MOST_ITEMS} claims.')
    table = make_claims(limit // 2, settings.shuffle_seed)
    columns = Columns(text="claim", uid="claim", group="sum", gold={name: name for name in gold})
    return make_task(table, columns, labels=labels, rule=rule or "opposite", limit=limit, seed=seed)


def make_claims(n_sums: int, seed: int) -> Table:
    """`n_sums` different sums, each with its result and with one that a slip would give. More sums keep the first."""
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
    """A result that a slip of a person would give: a carry lost or gained, one off, two digits swapped, or a
    neighbour in the multiplication table. Never negative, never the result itself."""
    digits = str(result)
    slips = [result + 10, result - 10, result + 1, result - 1]
    if len(digits) > 1:
        slips += [int(digits[:-2] + digits[-1] + digits[-2])]
    if operator == "*":
        slips += [result + one, result - one, result + other, result - other]
    return draw.choice([slip for slip in slips if slip >= 0 and slip != result])
