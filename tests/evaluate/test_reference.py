"""Our figures equal those of scikit-learn and scipy, missing values included."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment
from scipy.stats import mannwhitneyu
from sklearn import metrics

from icm_tui.evaluate.agreement import Ints, agreement, auroc, best_assignments

EXACT = {"rel": 0, "abs": 1e-9}


@st.composite
def cases(draw: st.DrawFn) -> tuple[int, Ints, Ints]:
    """A number of classes, found labels and gold, either of which may be missing."""
    classes = draw(st.integers(2, 6))
    value = st.integers(-1, classes - 1)
    rows = draw(st.lists(st.tuples(value, value), min_size=1, max_size=60))
    return classes, np.array([row[0] for row in rows]), np.array([row[1] for row in rows])


@given(cases())
def test_agreement_equals_scikit_learn(case: tuple[int, Ints, Ints]) -> None:
    classes, found, gold = case
    both = (found >= 0) & (gold >= 0)
    ours = agreement(found, gold, np.arange(len(found)), classes=classes, fixed_names=True, seed=0)
    assert ours.n == both.sum()
    assert ours.missing == ((found >= 0) & (gold < 0)).sum()
    if not ours.n:
        return
    truth, said = gold[both], found[both]
    assert ours.accuracy == pytest.approx(metrics.accuracy_score(truth, said), **EXACT)
    # The mean over the classes that gold has, by hand: scikit-learn warns of labels that gold lacks.
    recalls = metrics.recall_score(truth, said, labels=np.unique(truth), average=None)
    assert ours.balanced_accuracy == pytest.approx(recalls.mean(), **EXACT)
    # scikit-learn warns of a single class, where the correlation is 0 by convention.
    one = len(np.union1d(truth, said)) == 1
    assert ours.mcc == pytest.approx(0.0 if one else metrics.matthews_corrcoef(truth, said), **EXACT)
    assert ours.coverage == pytest.approx(both.sum() / (gold >= 0).sum(), **EXACT)


@given(cases())
def test_best_assignments_equal_scipy(case: tuple[int, Ints, Ints]) -> None:
    classes, found, gold = case
    both = (found >= 0) & (gold >= 0)
    table = np.zeros((classes, classes))
    np.add.at(table, (found[both], gold[both]), 1)
    ours = best_assignments(table[None])[0]
    rows, columns = linear_sum_assignment(table, maximize=True)
    assert table[np.arange(classes), ours].sum() == pytest.approx(table[rows, columns].sum(), **EXACT)


@given(
    st.lists(
        st.tuples(st.one_of(st.none(), st.integers(-4, 4)), st.integers(-1, 1)),
        min_size=2,
        max_size=60,
    )
)
def test_auroc_equals_scikit_learn(rows: list[tuple[int | None, int]]) -> None:
    logits = np.array([np.nan if value is None else value / 2 for value, _ in rows])
    gold = np.array([value for _, value in rows])
    known = ~np.isnan(logits) & (gold >= 0)
    ours = auroc(logits, gold)
    if len(np.unique(gold[known])) < 2:
        assert ours is None
        return
    assert ours == pytest.approx(metrics.roc_auc_score(gold[known] == 0, logits[known]), **EXACT)
    positive, negative = logits[known & (gold == 0)], logits[known & (gold == 1)]
    statistic = mannwhitneyu(positive, negative, method="asymptotic").statistic
    assert ours == pytest.approx(statistic / (len(positive) * len(negative)), **EXACT)
    assert auroc(-logits, gold) == pytest.approx(1 - ours, **EXACT)
