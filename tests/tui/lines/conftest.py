"""The runs that the tests of this folder look at."""

import pytest

from tests.tui.state.finished import Finished, finisher


@pytest.fixture(scope="package")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """A finished run of one of the KINDS, made once; only to be read."""
    return finisher(tmp_path_factory.mktemp("finished"))
