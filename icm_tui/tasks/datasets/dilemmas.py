"""Everyday dilemmas and the values behind two actions."""

from icm_tui.tasks.samples import sample

DATASET = sample(
    "dilemmas",
    250,
    about="Everyday dilemmas with two actions each, and the values behind them.",
    item="One dilemma with one action.",
    groups="The two actions of a dilemma.",
    gold="One column per value: whether the action stands for it or against it; missing if it plays no part.",
    rule="opposite",
    text="{dilemma} {action}",
    group="dilemma",
)
