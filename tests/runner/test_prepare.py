"""Making a run: all of it or nothing."""

from pathlib import Path

import pytest

from icm_tui.domain.items import Gold
from icm_tui.errors import UserError
from icm_tui.evaluate.gold_file import write_gold
from icm_tui.profile.toml import loads
from icm_tui.runner.prepare import make_run, prepare

TOPICS = '[task]\ndataset = "topics"\nlimit = 20\n'


def test_prepare_refuses_too_many_items_for_paper() -> None:
    with pytest.raises(UserError) as caught:
        prepare(loads(TOPICS + '[search]\nmethod = "paper"\nbatch_size = 19\n'))
    assert str(caught.value) == (
        'Method "paper" searches at most search.batch_size = 19 items together, and the task has 20. '
        'Set task.limit = 19, raise search.batch_size, or take method "icm".'
    )
    assert len(prepare(loads(TOPICS + '[search]\nmethod = "paper"\nbatch_size = 20\n')).task.items) == 20


def test_prepare_refuses_a_prompt_that_leads_the_model() -> None:
    with pytest.raises(UserError, match=r'prompt\.labels leads the model by the words "true" and "false"'):
        prepare(loads(TOPICS + '[prompt]\nlabels = ["True", "False"]\n'))


@pytest.mark.parametrize("stood", [False, True])
def test_make_run_leaves_nothing_if_it_fails(tmp_path: Path, stood: bool) -> None:
    path = tmp_path / "run"
    if stood:
        path.mkdir()

    def refuse(path: Path, gold: Gold, uids: list[str]) -> None:
        raise UserError("no room for gold")

    prepared = prepare(loads(TOPICS))
    with pytest.raises(UserError, match="no room for gold"):
        make_run(prepared, name="run", out=str(path), write_gold=refuse)
    assert path.exists() == stood
    assert not stood or list(path.iterdir()) == []
    assert make_run(prepared, name="run", out=str(path), write_gold=write_gold).is_run()
