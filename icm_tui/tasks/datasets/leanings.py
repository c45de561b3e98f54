"""Opposed policy statements."""

from icm_tui.tasks.samples import sample

DATASET = sample(
    "leanings",
    340,
    about="Opposed policy statements in pairs.",
    item="One statement.",
    groups="The two statements of a pair.",
    gold="progressive: the statement's leaning.",
    rule="opposite",
    text="{statement}",
    group="pair",
    other=["topic"],
)
