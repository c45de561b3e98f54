"""Where the real data lies, for the tests that read it."""

from pathlib import Path

import pytest


@pytest.fixture
def shared_datasets() -> Path:
    """The folder of real data sets beside the checkout; tests that need it are skipped if it is absent."""
    folder = Path(__file__).resolve().parents[3] / "shared" / "datasets"
    if not folder.is_dir():
        pytest.skip("../shared/datasets is absent")
    return folder
