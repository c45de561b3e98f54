"""Sentences on one of two subjects."""

from icm_tui.tasks.samples import sample

DATASET = sample(
    "topics",
    330,
    about="Single sentences on one of two subjects, without groups.",
    item="One sentence.",
    groups="None.",
    gold="subject: which of the two.",
    rule="none",
    text="{text}",
)
