"""A profile's task section with what a test gives, of dataset "file" unless it names another one."""

from functools import partial

import msgspec

from icm_tui.tasks.section import TaskSection

Given = partial(TaskSection, dataset="file")


def seeded(section: TaskSection, seed: int) -> TaskSection:
    """`section` shuffled by `seed`."""
    return msgspec.structs.replace(section, shuffle_seed=seed)
