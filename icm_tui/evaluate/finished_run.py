"""A run as the evaluation reads it: profile, items, labels and gold. Commands and screens read a run here only.

The run may still be at work; then its labels are those that the journal holds when they are read. Gold of a blind run
stays hidden until a person asks for it, and then the run's directory is marked as looked at. The mark is a file that
any viewer can make; no runner is needed for it. Nothing here loads numpy.
"""

import contextlib
import os
from functools import cached_property

from icm_tui.domain.items import Gold, Item
from icm_tui.domain.rules import names_matter
from icm_tui.errors import RunFailed, UserError
from icm_tui.evaluate.gold_file import read_gold
from icm_tui.files import runs_dir
from icm_tui.profile.schema import Profile
from icm_tui.profile.toml import load
from icm_tui.run_dir.labels import FinalLabel, final_labels
from icm_tui.run_dir.layout import FILE_MODE, RunDir, find_run, read_items, unwritable


class FinishedRun:
    """A run and what its directory holds, each part read once, when it is first asked for.

    Reading raises UserError if a file is missing or broken.
    """

    def __init__(self, run: RunDir, profile: Profile | None = None) -> None:
        """`profile` is the one that was read already, or that a person changed; without it the run's own is read."""
        self.run = run
        if profile is not None:
            self.profile = profile

    @classmethod
    def find(cls, text: str) -> "FinishedRun":
        """The run that a person named, by its directory or by the start of its name. Raises UserError if no run, or
        more than one, has that name."""
        return cls(find_run(text, runs_dir()))

    @cached_property
    def profile(self) -> Profile:
        """The profile that was frozen when the run was made."""
        return load(self.run.profile)

    @cached_property
    def _items(self) -> tuple[list[Item], str]:
        return read_items(self.run)

    @property
    def items(self) -> list[Item]:
        """The items that the search labels, in the order of their numbers."""
        return self._items[0]

    @property
    def items_digest(self) -> str:
        """The digest of the items: two runs that share it label the same items."""
        return self._items[1]

    @cached_property
    def final(self) -> list[FinalLabel]:
        """The state of each item: its label, and where it comes from."""
        return final_labels(self.run.path)

    @property
    def labels(self) -> list[int | None]:
        """The label of each item, None if it has none."""
        return [final.label for final in self.final]

    @property
    def label_of(self) -> dict[int, int]:
        """The labels by item; an item without one is left out."""
        return {item: label for item, label in enumerate(self.labels) if label is not None}

    @property
    def names(self) -> list[str]:
        """The names of the labels."""
        return self.profile.prompt.labels

    @property
    def fixed_names(self) -> bool:
        """Whether the rule gives the labels their meaning, so that no other naming is tried."""
        return names_matter(self.profile.consistency.rule)

    @property
    def hidden(self) -> bool:
        """Whether the run is blind and nobody has looked at its gold yet."""
        return self.profile.run.blind and not self.run.looked.exists()

    def look(self) -> None:
        """Mark a blind run as looked at. Raises RunFailed if the system refuses."""
        if not self.hidden:
            return
        try:
            with contextlib.suppress(FileExistsError):
                os.close(os.open(self.run.looked, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE))
        except OSError as error:
            raise RunFailed(unwritable("The mark", self.run.looked, error)) from error

    def check_open(self) -> None:
        """Raises UserError if gold is hidden."""
        if self.hidden:
            raise UserError(
                f"{self.run.name} is a blind run, and nobody has looked at its gold yet; --look shows it and marks the "
                "run as looked at for good."
            )

    def open_gold(self, *, look: bool = False) -> Gold:
        """The gold labels. Those of a blind run need `look`, and the run is marked before they are read.

        Raises UserError if gold is hidden or cannot be read, RunFailed if the mark cannot be made.
        """
        if look:
            self.look()
        self.check_open()
        return read_gold(self.run.gold)
