"""A run's labels against gold, for the accuracy pane: measured beside the screen, never on its time."""

import time
from collections.abc import Callable, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from icm_tui.domain.items import Gold, Item
from icm_tui.errors import UserError
from icm_tui.evaluate.finished_run import FinishedRun
from icm_tui.evaluate.report import Report
from icm_tui.profile.schema import Profile
from icm_tui.run_dir.chain import History
from icm_tui.run_dir.layout import RunDir

if TYPE_CHECKING:
    from icm_tui.evaluate.curves import AgreementCurves

# Measuring takes at most a thirtieth of the time.
_SOONEST = 2.0
_SPACING = 30.0
_PERMUTATIONS = 1000


class GoldWatch:
    """Whether gold may be shown, the latest report on it, and its curves; `chosen` are the columns shown first.

    In a blind run gold is hidden until a person asks, and then the run's directory is marked as looked at.
    """

    def __init__(self, run: RunDir, profile: Profile, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` (seconds) spaces the measurements."""
        self.report: Report | None = None
        self.problem = ""
        self._run = FinishedRun(run, profile)
        self._profile = profile
        self._shown = not self._run.hidden
        self._clock = clock
        self._due = 0.0
        self._measured_at = -1
        self._busy = False
        self.chosen: list[str] = []
        self._curves: AgreementCurves | None = None
        self._points: dict[str, list[tuple[int, float]]] = {}
        self._gold: Gold | None = None
        self._followed: History | None = None
        self._read = 0

    @property
    def hidden(self) -> str:
        """Why nothing is shown, in words; empty if it is."""
        if self.problem:
            return self.problem
        if self._shown:
            return ""
        if self._run.hidden:
            return "gold is hidden: this run is blind; a shows it and marks the run as looked at"
        return "gold is hidden; a shows it"

    def toggle(self, *, read_only: bool) -> None:
        """Show gold or hide it. Raises UserError if showing it would need a mark that cannot be made."""
        if not self._shown and self._run.hidden:
            if read_only:
                raise UserError("This run is blind, and looking at gold marks it: not in a read-only view.")
            self._run.look()
        self._shown = not self._shown
        self._due = 0.0

    def due(self, seq: int) -> bool:
        """Whether it is time to measure the labels as of the journal's record `seq`."""
        return self._shown and not self._busy and seq != self._measured_at and self._clock() >= self._due

    def measure(
        self,
        items: Sequence[Item],
        labels: Sequence[int | None],
        seq: int,
        *,
        logits: Sequence[float | None] | None = None,
        history: History | None = None,
    ) -> None:
        """Measure; takes from milliseconds to seconds, so it belongs into a thread. `logits` are how far the first
        label is ahead of the second (nats) an item, `history` what became of the labels shown, for the curves."""
        self._busy = True
        start = self._clock()
        try:
            from icm_tui.evaluate.measure import measure_labels

            gold = self._gold = self._run.open_gold()
            if history is not None:
                self._follow(items, gold, history)
            self.report = measure_labels(
                items,
                labels,
                gold,
                fixed_names=self._run.fixed_names,
                seed=self._profile.run.seed,
                n_labels=len(self._profile.prompt.labels),
                logits=logits,
                permutations=_PERMUTATIONS,
            )
            self.problem = ""
        except UserError as error:
            self.problem = str(error)
        finally:
            self._measured_at = seq
            self._due = self._clock() + max(_SOONEST, _SPACING * (self._clock() - start))
            self._busy = False

    def curve(self, column: str) -> list[tuple[int, float]]:
        """(decision, agreement) of a column as it was measured last, oldest first; empty before that."""
        return self._points.get(column, [])

    def of_item(self, uid: str) -> str:
        """An item's gold in words, column by column; empty if gold is hidden or was not read yet."""
        if self.hidden or self._gold is None:
            return ""
        gold = self._gold
        known = [f"{name} {gold.classes[name][of[uid]]}" for name, of in gold.columns.items() if uid in of]
        if not gold.columns:
            return ""
        return f"{', '.join(known) or 'none'} ({len(known)} of {len(gold.columns)} columns)"

    def choose(self, column: str) -> None:
        """Put a column among those whose curves are shown first, or take it out."""
        if column in self.chosen:
            self.chosen.remove(column)
        else:
            self.chosen.append(column)

    def _follow(self, items: Sequence[Item], gold: Gold, history: History) -> None:
        """Go on with the curves where they were left, or begin anew if other labels are shown."""
        from icm_tui.evaluate.curves import AgreementCurves

        if self._followed is not history or self._curves is None:
            n_labels = len(self._profile.prompt.labels)
            self._curves = AgreementCurves(items, gold, fixed_names=self._run.fixed_names, n_labels=n_labels)
            self._followed, self._read = history, 0
        so_far = len(history)
        for n, changes in groupby(history.between(self._read, so_far), key=lambda pair: pair[1].n):
            self._curves.add(n, [(item, change.before, change.after) for item, change in changes])
        self._read = so_far
        self._points = {column: self._curves.curve(column) for column in self._curves.columns}
