"""What measuring returns, made up."""

from typing import Any

import msgspec

from icm_tui.evaluate.report import Baselines, Column, Report

_COLUMN = Column(
    n=1204,
    coverage=0.74,
    accuracy=0.84,
    balanced_accuracy=0.841,
    mcc=0.68,
    majority=0.5,
    ci95=(0.82, 0.86),
    flipped=False,
    as_fork=0.839,
)


def report(name: str = "truth", **more: Any) -> Report:
    """A report with one gold column; `more` are fields of it."""
    column = msgspec.structs.replace(_COLUMN, **more)
    baselines = Baselines({name: 0.5}, {name: 0.5})
    return Report(n=1204, columns={name: column}, baselines=baselines, looked_at=9, permutations=1, best=None)
