"""The task section of a profile, of dataset "file" by default."""

from functools import partial

import msgspec

from icm_tui.tasks.section import TaskSection

Given = partial(TaskSection, dataset="file")


def seeded(section: TaskSection, seed: int) -> TaskSection:
    """`section` shuffled by `seed`."""
    return msgspec.structs.replace(section, shuffle_seed=seed)
