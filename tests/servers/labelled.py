"""Runs on a test server: the data, the profile and the run directory."""

import json
from pathlib import Path

from icm_tui.evaluate.gold_file import write_gold
from icm_tui.profile.schema import Profile, TaskSection
from icm_tui.profile.toml import apply_sets
from icm_tui.run_dir.layout import RunDir
from icm_tui.runner.prepare import make_run, prepare


def write_pairs(path: Path, items: int) -> None:
    """A file of pairs, of which one has the hidden side 0 and the other 1."""
    with path.open("w") as file:
        for item in range(items):
            text = f"[{'+-'[item % 2]}] a short sentence of some words about thing number {item // 2}"
            file.write(json.dumps({"text": text, "pair": item // 2}) + "\n")


def make_server_run(path: Path, data: Path, base_url: str, *sets: str) -> RunDir:
    """A run over the pairs in `data`, ready to start: 16 examples, 32 in flight, the server's completions."""
    profile = Profile(task=TaskSection(dataset="file", path=str(data), text="text", group="pair"))
    given = ["model.backend=openai", f"model.base_url={base_url}", "model.model=tiny", "model.endpoint=completions"]
    given += ["model.concurrency=32", "search.shots=16", "consistency.rule=opposite", *sets]
    return make_run(prepare(apply_sets(profile, given)), name=path.name, out=str(path), write_gold=write_gold)
