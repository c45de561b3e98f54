"""Common misconceptions and their corrections."""

from icm_tui.tasks.samples import sample

DATASET = sample(
    "beliefs",
    592,
    about="Common misconceptions and their corrections, two answers to a question.",
    item="One question with one answer.",
    groups="The two answers to a question.",
    gold="true: whether the answer is.",
    rule="opposite",
    text="Q: {question} A: {answer}",
    group="question",
)
