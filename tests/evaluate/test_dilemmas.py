"""What a table of agreement with 37 sparse columns shows: the fork's formula an artifact, ours nothing by chance."""

import numpy as np
import pytest

from icm_tui.domain.items import Task
from icm_tui.evaluate.agreement import Ints, agreement, as_fork
from icm_tui.evaluate.significance import significance
from icm_tui.tasks.dataset import read_source
from icm_tui.tasks.datasets import daily_dilemmas
from icm_tui.tasks.section import TaskSection
from tests.tasks.conftest import shared_datasets as shared_datasets
from tests.tasks.given import Given

# The published table of accuracies.
PUBLISHED = {
    "WVS/Traditional": 0.8486,
    "WVS/Secular-rational": 0.8774,
    "WVS/Survival": 0.8226,
    "WVS/Self-expression": 0.8032,
    "MFT/Fairness": 0.8327,
    "MFT/Authority": 0.8125,
    "MFT/Loyalty": 0.8544,
    "MFT/Care": 0.8183,
    "Virtue/Truthfulness": 0.9135,
    "Emotion/trust": 0.8003,
    "Emotion/submission": 0.9870,
    "Maslow/self-esteem": 0.7866,
    "Maslow/safety": 0.8363,
    "Maslow/love and belonging": 0.8017,
    "Maslow/self-actualization": 0.8702,
    "Virtue/Courage": 0.9589,
    "Virtue/Patience": 0.9430,
    "Emotion/anticipation": 0.9301,
    "Emotion/joy": 0.9553,
    "Emotion/sadness": 0.9776,
    "Maslow/physiological": 0.9748,
    "MFT/Purity": 0.9740,
    "Emotion/optimism": 0.9668,
    "Emotion/love": 0.9776,
    "Virtue/Liberality": 0.9877,
    "Emotion/fear": 0.9798,
    "Virtue/Ambition": 0.9957,
    "Emotion/disgust": 0.9863,
    "Emotion/contempt": 0.9986,
    "Virtue/Friendliness": 0.9913,
    "Emotion/anger": 0.9928,
    "Emotion/remorse": 0.9993,
    "Virtue/Temperance": 0.9921,
    "Emotion/disapproval": 0.9986,
    "Virtue/Modesty": 0.9957,
    "Emotion/aggressiveness": 0.9993,
    "Virtue/Righteous Indignation": 0.9986,
}
LABELLED = 1387


@pytest.fixture
def settings(shared_datasets: object) -> TaskSection:
    return Given(dataset="daily_dilemmas", path=f"{shared_datasets}/daily_dilemmas")


@pytest.fixture
def task(settings: TaskSection) -> Task:
    return daily_dilemmas.DATASET.load(settings, labels=["A", "B"], rule=None)


def columns_of(task: Task) -> dict[str, Ints]:
    return {
        name: np.array([values.get(item.uid, -1) for item in task.items]) for name, values in task.gold.columns.items()
    }


def opposite(task: Task, seed: int) -> Ints:
    """A coin flip for every pair, its two items on opposite sides."""
    groups = np.array([item.group for item in task.items])
    coins = np.random.default_rng(seed).integers(0, 2, groups.max() + 1)
    keys = np.array([item.key for item in task.items])
    return np.where(keys == 0, coins[groups], 1 - coins[groups])


def test_table_has_published_columns(task: Task) -> None:
    assert set(task.gold.columns) >= set(PUBLISHED)


def test_published_figures_count_among_1387() -> None:
    for figure in PUBLISHED.values():
        assert min(abs(figure - k / LABELLED) for k in range(LABELLED + 1)) <= 0.5e-4 + 1e-12


def test_coin_flip_prints_published_table(settings: TaskSection) -> None:
    """As the fork does it: 0 and 1 are compared with signed counts, what is missing equals nothing, and a share below
    a half is turned round. Of twenty coin flips each correlates with the published figures above .98."""
    source = read_source(settings, daily_dilemmas.CARD)
    categories = daily_dilemmas.read_categories(source.tables["values"])
    counts = daily_dilemmas.signed_counts(daily_dilemmas.read_actions(source.table, categories), categories)
    published = np.array(list(PUBLISHED.values()))
    for seed in range(20):
        draw = np.random.default_rng(seed)
        rows = draw.choice(2720, LABELLED, replace=False)
        labels = draw.integers(0, 2, LABELLED)
        printed = []
        for name in PUBLISHED:
            column = np.array([np.nan if value is None else value for value in counts[name]])
            share = float((labels == column[rows]).mean())
            printed.append(max(share, 1 - share))
        assert np.corrcoef(printed, published)[0, 1] > 0.98


def test_as_fork_prints_it_and_agreement_does_not(task: Task) -> None:
    """Gold alone decides what the formula prints, also on the signs of the counts, which are our gold; what we measure
    of the same coin flips is a half."""
    published = np.array(list(PUBLISHED.values()))
    columns = columns_of(task)
    groups = np.array([item.group for item in task.items])
    fork, balanced = [], []
    for seed in range(10):
        found = opposite(task, seed)
        found[np.random.default_rng(seed).permutation(2720)[LABELLED:]] = -1
        fork.append([as_fork(found, columns[name]) for name in PUBLISHED])
        measured = [agreement(found, columns[name], groups, classes=2, fixed_names=True, seed=0) for name in PUBLISHED]
        balanced.append([one.balanced_accuracy for one in measured])
    assert all(np.corrcoef(row, published)[0, 1] > 0.97 for row in np.array(fork, dtype=float))
    figures = np.array([[np.nan if value is None else value for value in row] for row in balanced])
    for row in figures:
        known = ~np.isnan(row)
        assert abs(np.corrcoef(row[known], published[known])[0, 1]) < 0.5
    # Columns with at least 100 values, over ten coin flips: a half.
    dense = [np.sum(columns[name] >= 0) >= 100 for name in PUBLISHED]
    assert np.nanmean(figures[:, dense]) == pytest.approx(0.5, abs=0.02)


@pytest.mark.slow
def test_significance_rarely_calls_chance_significant(task: Task) -> None:
    """Over 100 coin flips for whole pairs: at .05 between 1 and 10 times, and balanced accuracy .5 on average."""
    columns = list(columns_of(task).values())
    groups = np.array([item.group for item in task.items])
    called, shares = 0, []
    for seed in range(100):
        found = opposite(task, seed)
        tested = significance(found, groups, columns, n_labels=2, permutations=500, seed=seed)
        called += min(p for p in tested.adjusted if p is not None) <= 0.05
        care = columns[list(task.gold.columns).index("MFT/Care")]
        measured = agreement(found, care, groups, classes=2, fixed_names=True, seed=0)
        shares.append(measured.balanced_accuracy)
    assert 1 <= called <= 10
    assert np.mean(np.array(shares, dtype=float)) == pytest.approx(0.5, abs=0.01)
