"""What the modules of the models load: httpx only to talk to a server, numpy only for the embedded model."""

import subprocess
import sys
from collections.abc import Iterable

import pytest

from tests.house import modules
from tests.test_imports import HEAVY

EMBEDDED = "icm_tui.models.embedded"
SERVER = "icm_tui.models.server"
TALKING = {f"{SERVER}.{name}" for name in ("catalogue", "client", "http", "network_faults", "probe.probing", "router")}


def _loaded(names: Iterable[str]) -> set[str]:
    """What is loaded of the heavy packages when these modules are imported together."""
    code = "\n".join([*(f"import {name}" for name in names), "import sys", f"print(*({HEAVY} & sys.modules.keys()))"])
    return set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())


@pytest.mark.parametrize(("talking", "heavy"), [(False, set()), (True, {"httpx"})])
def test_models_load_httpx_only_to_talk(talking: bool, heavy: set[str]) -> None:
    ours = [name for name in modules() if name.startswith("icm_tui.models") and not name.startswith(EMBEDDED)]
    assert set(ours) >= TALKING
    assert _loaded(name for name in ours if (name in TALKING) == talking) == heavy


def test_embedded_model_loads_numpy_alone() -> None:
    assert _loaded(name for name in modules() if name.startswith(EMBEDDED)) == {"numpy"}
