"""The pages beside the gold columns: comparisons, what the split follows, and runs under other seeds."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from icm_tui.domain.items import Item
from icm_tui.domain.rules import names_matter
from icm_tui.evaluate.finished_run import FinishedRun
from icm_tui.evaluate.report import Row, labels_digest, read_table
from icm_tui.evaluate.shortcuts import Finding, diagnose_run, headline
from icm_tui.evaluate.stability import Stability, compare_runs
from icm_tui.profile.schema import Profile
from icm_tui.run_dir.layout import RunDir
from icm_tui.run_dir.listing import siblings_of
from icm_tui.tui.text.cells import Line, fit, line, span
from icm_tui.tui.text.numbers import dollars, fraction


class Told(NamedTuple):
    """A page: a sentence, the heading of its table, how many rows it has, and row `at` in so many cells."""

    summary: str
    heading: Callable[[int], Line]
    rows: int
    row: Callable[[int, int], Line]


Compute = Callable[[RunDir, Profile, bool], Told]


def no_page(why: str) -> Told:
    """A page that only says why there is nothing on it."""
    return Told(why, lambda _: (), 0, lambda _at, _cells: ())


def _diagnosed(run: RunDir, profile: Profile, with_gold: bool) -> Told:
    finished, names = FinishedRun(run, profile), profile.prompt.labels
    found = diagnose_run(finished, finished.open_gold() if with_gold else None)
    return Told(
        headline(found, names), diagnosis_heading, len(found), lambda at, cells: diagnosis_row(found[at], names, cells)
    )


def seed_agreement(run: RunDir, profile: Profile) -> list[float | None]:
    """The part of a run and its siblings that give an item the label most of them do, an item each. Raises UserError
    if there are no siblings."""
    return compare_runs(_siblings(run)).share


def _siblings(run: RunDir) -> list[FinishedRun]:
    return [FinishedRun(each) for each in siblings_of(run)]


def _compared(run: RunDir, profile: Profile, with_gold: bool) -> Told:
    runs = _siblings(run)
    found = compare_runs(runs)
    seeds = [each.profile.run.seed for each in runs]
    rows = stability_rows(found, seeds, runs[0].items, profile.prompt.labels)
    return Told(stability_summary(found), lambda _: (), len(rows), lambda at, _: rows[at])


def _baselines(run: RunDir, profile: Profile, with_gold: bool) -> Told:
    command = f"`icm-tui baselines {run.name} --gold`"
    return _kept(run, profile, run.baselines, with_gold, command, ("found", "zero_shot", "random_labels"))


def _held_out(run: RunDir, profile: Profile, with_gold: bool) -> Told:
    if not run.held_out.exists():
        return no_page("This run holds no items out; start one with --set task.held_out=0.2.")
    return _kept(run, profile, run.curves, with_gold, f"`icm-tui held-out {run.name}`", ("zero_shot", "random"))


def _kept(run: RunDir, profile: Profile, path: Path, with_gold: bool, command: str, free: Sequence[str]) -> Told:
    # Names in `free` have labels of arbitrary names, which were read as fits gold best.
    if not with_gold:
        return no_page("This table compares with gold, which is hidden.")
    table = read_table(path)
    if table is None:
        return no_page(f"Not asked yet: {command} asks the model, and this page keeps what it found.")
    told = [table.column, "held-out items" if table.shots is None else f"lists of {table.shots}"]
    if labels_digest(FinishedRun(run, profile).label_of) != table.labels:
        told.insert(0, f"labels have changed since: {command} renews it")
    if not names_matter(profile.consistency.rule):
        named = [row.method or row.design for row in table.rows]
        told.append("best naming: " + ", ".join(name for name in dict.fromkeys(named) if name in free))
    return Told(
        " · ".join(told), comparison_heading, len(table.rows), lambda at, cells: comparison_row(table.rows[at], cells)
    )


PAGES: dict[str, Compute] = {
    "diagnosis": _diagnosed,
    "seeds": _compared,
    "baselines": _baselines,
    "held out": _held_out,
}


_NAME = 15
_BAR = 12
_REST = (("95%", 9), ("balanced", 8), ("n", 5), ("calls", 6), ("tokens", 8), ("USD", 7), ("seconds", 7))
_BLOCKS = " ▏▎▍▌▋▊▉█"


def comparison_heading(cells: int) -> Line:
    """What the columns of the table are; the bar goes from 0 to 1."""
    titles = f"  {'':<{_NAME + 6}}  {'agree':>5}  {'0':<{_BAR - 1}}1"
    return fit(line(span(titles + _rest([title for title, _ in _REST], cells), "dim")), cells)


def comparison_row(shown: Row, cells: int) -> Line:
    """A method, or a design with its number of examples: agreement with its interval, and what the answers took."""
    ends = "" if shown.ci95 is None else f"{fraction(shown.ci95[0])} {fraction(shown.ci95[1])}"
    shots = f"{shown.shots:>6}" if shown.design else " " * 6
    cost = dollars(shown.cost_usd) if shown.cost_usd else ""
    told = [ends, fraction(shown.balanced), str(shown.n), str(shown.calls), str(shown.tokens), cost]
    return fit(
        (
            span("  "),
            *fit((span(shown.method or shown.design),), _NAME),
            span(shots),
            span(f"  {fraction(shown.accuracy):>5}  ", "bold"),
            span(_bar(shown.accuracy or 0.0), "accent"),
            span(_rest([*told, f"{shown.seconds:.1f}"], cells)),
        ),
        cells,
    )


def _rest(parts: Sequence[str], cells: int) -> str:
    """What follows the bar: whole columns, as many as there is room for."""
    told, left = "", cells - 2 - _NAME - 6 - 7 - 2 - _BAR
    for part, (_, wide) in zip(parts, _REST, strict=True):
        left -= wide + 2
        if left < 0:
            break
        told += f"  {part:>{wide}}"
    return told


def _bar(share: float) -> str:
    eighths = round(min(1.0, max(0.0, share)) * _BAR * 8)
    full, rest = divmod(eighths, 8)
    return (_BLOCKS[8] * full + (_BLOCKS[rest] if rest else "")).ljust(_BAR)


_FINDING_NAME, _LEAST_NAME = 36, 20


def diagnosis_heading(cells: int) -> Line:
    """What the columns of the table are."""
    name = _room(cells)
    return fit(line(span(f"  {'trait':<{name}}  more in  strength  p of all   of them  of others  what", "dim")), cells)


def diagnosis_row(finding: Finding, labels: Sequence[str], cells: int) -> Line:
    """A trait: the set that has more of it, how closely the split follows it (0 to 1), p, and its share or mean in the
    set and out of it."""
    means = [_mean(finding, value) for value in (finding.inside, finding.outside)]
    what = finding.kind if finding.lift is None else f"{finding.kind}, lift {finding.lift:.1f}"
    return fit(
        (
            span("  "),
            *fit((span(finding.name),), _room(cells)),
            *fit((span(f"  {labels[finding.label]}"),), 9),
            span(f"  {fraction(finding.strength):>8}", "bold"),
            span(f"  {fraction(finding.p_adjusted, 3):>8}"),
            span(f"  {means[0]:>8}  {means[1]:>9}  "),
            span(what, "dim"),
        ),
        cells,
    )


def _room(cells: int) -> int:
    return _FINDING_NAME if cells >= 100 else _LEAST_NAME


def _mean(finding: Finding, value: float) -> str:
    return f"{value:.1f}" if finding.lift is None else f"{100 * value:.1f}%"


def stability_summary(found: Stability) -> str:
    """How alike they are all in all, and what that is not."""
    return (
        f"adjusted Rand {fraction(found.adjusted_rand)}, matched labels {fraction(found.matched)}: coherence between "
        "runs, which does not say that any of them is right"
    )


def stability_rows(found: Stability, seeds: Sequence[int], items: Sequence[Item], labels: Sequence[str]) -> list[Line]:
    """The pairs of runs, then the items that they disagree on, least alike first; of any length."""
    told: list[Line] = []
    for pair in found.pairs:
        names = f"  seeds {seeds[pair.one]} and {seeds[pair.other]}"
        figures = f"  adjusted Rand {fraction(pair.adjusted_rand)}  matched {fraction(pair.matched)}  n {pair.n}"
        told.append(line(span(names), span(figures, "dim")))
    flipping = found.flipping()
    told += [(), line(span(f"  {len(flipping)} of {len(items)} items have unlike labels; least alike first", "dim"))]
    for item in flipping:
        votes = " ".join("·" if own[item] < 0 else labels[own[item]] for own in found.labels)
        told.append(line(f"{item:>8}  ", span(votes, "second"), span(f"  {items[item].text}")))
    return told
