"""Texts that try to do more than be read, and homes full of them: in every place a text can come from."""

import hashlib
import json
import os
import time
from collections.abc import Mapping
from pathlib import Path

from icm_tui.profile.schema import Model, Profile, Prompt, Reasoning, Run, TaskSection
from icm_tui.run_dir.records import AnswerRecord, CommandRecord, ExplanationRecord, ReaskRecord, StopRecord
from tests.runner.journals import sealed
from tests.tui.synthetic import SyntheticRun

MEGABYTE = 1 << 20

CORPUS: dict[str, str] = {
    # Escape sequences of every class, whole
    "csi clear": "\x1b[2J\x1b[H\x1b[3J",
    "csi hide": "\x1b[8m\x1b[?25l",
    "csi mouse": "\x1b[?1000h\x1b[?1003h",
    "csi main screen": "\x1b[?1049l",
    "csi scroll region": "\x1b[1;2r\x1b[5S",
    "csi report": "\x1b[6n\x1b[c\x1b[>q",
    "csi repeat": "x\x1b[9999b",
    "csi resize": "\x1b[8;1;1t",
    "osc title": "\x1b]0;OWNED\x07",
    "osc link": "\x1b]8;;https://example.org\x1b\\click\x1b]8;;\x1b\\",
    "osc clipboard": "\x1b]52;c;b3duZWQ=\x07",
    "osc colour": "\x1b]11;#ff0000\x1b\\",
    "dcs": "\x1bP+q544e\x1b\\",
    "sixel": "\x1bPq#0;2;0;0;0#0!99~\x1b\\",
    "sos": "\x1bXsos\x1b\\",
    "pm": "\x1b^pm\x1b\\",
    "apc": "\x1b_Gf=100;AAAA\x1b\\",
    "reset": "\x1bc",
    "charset": "\x1b(0lqqk\x0e\x0f",
    "keypad": "\x1b=\x1b>\x1b7\x1b8\x1bM\x1bD\x1bE",
    # 8-bit forms
    "c1 csi": "\x9b2J\x9b31m",
    "c1 osc": "\x9d0;OWNED\x9c",
    "c1 dcs": "\x90+q\x9c",
    "c1 others": "".join(map(chr, range(0x80, 0xA0))),
    # Without an end
    "open csi": "\x1b[38;5",
    "open csi alone": "\x1b[",
    "open osc": "\x1b]0;OWNED",
    "open dcs": "\x1bPq",
    "open apc": "\x1b_",
    "open escape": "\x1b",
    "open c1": "\x9b",
    "nested": "\x1b\x1b[[2J\x1b]0;\x1b[2J\x07",
    # Control characters
    "c0": "".join(map(chr, range(0x20))),
    "bell and delete": "\x07\x08\x08\x7f\x7f",
    "breaks": "one\ntwo\r\nthree\rfour\tfive\vsix\fseven\x85eight\u2028nine\u2029ten",
    "only breaks": "\n\n\n\t\t\t\r\r",
    # Markup
    "markup close": "[/foo]",
    "markup action": "[@click=app.quit]x[/]",
    "markup open": "[b",
    "markup variable": "[$x]",
    "markup colour": "[red]x[/red] [on blue]y",
    "markup link": "[link='https://example.org']x[/link]",
    "markup escaped": r"\[bold] \[/] \\",
    "markdown": "# heading\n```\n[x](y)",
    # Characters that terminals disagree on, and many of them
    "bidi": "a\u202e\u202dgnp.exe\u2066\u2067\u2068\u2069\u200e\u200f\u061c",
    "zero width": "a\u200bb\u200cc\u200dd\u2060e\ufefff\u00adg",
    "combining flood": "e" + "\u0301\u0489" * 2000,
    "only combining": "\u0301" * 50,
    "wide": "漢字カタカナ한글" * 30,
    "emoji": "\U0001f468\u200d\u2640 \U0001f1e9\U0001f1ea \u2764\ufe0f 1\ufe0f\u20e3 \U0001f44d\U0001f3fd",
    "wide at the edge": "x" * 37 + "漢" * 60,
    "tags": "".join(map(chr, range(0xE0020, 0xE007F))),
    "private and unassigned": "\U0001fbff\u0b53\ue000\uf8ff\U000f0000\u0378\uffff\ufffe",
    "indic and jamo": "\u1112\u1161\u11ab क्षि ำ ﷽ \u0e33",
    "long word": "x" * 10_000,
    "a megabyte": "y" * MEGABYTE,
    "a megabyte of escapes": "\x1b[31m" * (MEGABYTE // 5),
    "a megabyte of open strings": "\x1b]" * (MEGABYTE // 2),
    "a megabyte of lines": "z\n" * (MEGABYTE // 2),
    "a megabyte of marks": "\u0301" * (MEGABYTE // 2),
    "empty": "",
    "blank": "   ",
}

# Python and JSON can hold these; no UTF-8 can.
SURROGATES = {"lone high": "\ud800", "lone low": "x\udfffy", "reversed": "\udc00\ud800"}

# In the names of files: bytes that are no UTF-8, and what a path cannot hold left out.
FILE_NAMES: dict[str, bytes] = {
    "broken": b"broken-\xff\xfe\xc3",
    "overlong": b"over-\xc0\xaf",
    "surrogate": b"half-\xed\xa0\x80",
    "c1 byte": b"c1-\x9b2J",
    "escape": b"esc-\x1b[2J\x1b]0;OWNED\x07",
    "open": b"open-\x1b]0;x",
    "break": b"two\nlines\tand\rmore",
    "markup": b"[@click=app.quit]x[",
    "bidi": "bidi-\u202egnp".encode(),
    "long": b"l" * 255,
    "wide": "漢".encode() * 80,
    "dash": b"--help",
}
LABELS = ["\u202e[b\u2066", "[/foo]\u200b\u202e"]


def plain(corpus: Mapping[str, str]) -> dict[str, str]:
    """The same corpus with harmless words in its places: what a hostile home is compared with."""
    return {name: f"plain {name}" for name in corpus}


def hostile_home(home: Path) -> None:
    """Fill a home with runs and profiles that hold the corpus wherever a text can be."""
    _fill(home, CORPUS, {name: os.fsdecode(data) for name, data in FILE_NAMES.items()}, LABELS)
    made = _run(home / "icm" / "runs" / "surrogates", CORPUS, LABELS)
    with made.run.items.open("a") as file:
        file.writelines(json.dumps({"uid": text, "text": text}) + "\n" for text in SURROGATES.values())
    made.close()
    torn = _run(home / "icm" / "runs" / "broken-journal", CORPUS, LABELS)
    torn.flush()
    with torn.run.journal.open("ab") as file:
        file.write(sealed(b'{"kind":"error","what":"\xff\xfe\x1b[2J"}') + sealed(b'{"kind":"\x1b[2J[/foo]"}') + b"{}\n")
    torn.close()
    lied = _run(home / "icm" / "runs" / "broken-profile", CORPUS, LABELS)
    lied.run.profile.write_bytes(b'[task]\ndataset = "\xff\xfe"\n"\x1b[2J[/foo]" = 1\n')
    lied.close()


def harmless_home(home: Path) -> None:
    """The same places with harmless words in them."""
    names = {name: f"file-{name.replace(' ', '-')}" for name in FILE_NAMES}
    _fill(home, plain(CORPUS), names, ["A", "B"])


def _fill(home: Path, corpus: Mapping[str, str], names: Mapping[str, str], labels: list[str]) -> None:
    runs, profiles = home / "icm" / "runs", home / "icm" / "profiles"
    profiles.mkdir(parents=True)
    _catalogue(home / "icm" / "cache" / "catalogues", corpus)
    for place, name in enumerate(names.values()):
        made = SyntheticRun(runs / name, _short(corpus))
        made.decide(place)
        made.finish()
        made.close()
        for kind, data in {"good": b'[task]\ndataset = "leanings"\n', "bad": _bad_profile(corpus)}.items():
            beside = profiles / f"{kind}-{place}"
            beside.write_bytes(data)
            target = os.fsencode(str(profiles / kind[0])) + os.fsencode(name)[:240] + b".toml"
            os.rename(beside, target)
    # The names begin so that they are found by typing their start.
    ended = _run(runs / "text-done", corpus, labels)
    ended.finish()
    ended.close()
    failed = _run(runs / "text-failed", corpus, labels)
    failed.fail("\n".join(_short(corpus)))
    failed.close()
    died = _run(runs / "text-stopped", corpus, labels)
    died.write(StopRecord(state="stopped", why=" ".join(_short(corpus))))
    died.heartbeat("stopped", " ".join(_short(corpus)), phase=corpus["csi clear"])
    died.close()


def _catalogue(folder: Path, corpus: Mapping[str, str]) -> None:
    """A list of models as if a server had been asked just now, so that none is."""
    folder.mkdir(parents=True)
    address = "https://openrouter.ai/api/v1"
    models = [
        {"id": text[:3000] or "none", "name": text[:3000], "context": 10**17, "parameters": ["logprobs"]}
        | {"price": {"tokens_in": 1e-9, "tokens_out": 1e18}, "expires": text[:200]}
        for text in corpus.values()
    ]
    kept = {"base_url": address, "at": time.time(), "models": models, "stale": ""}
    (folder / f"{hashlib.sha256(address.encode()).hexdigest()}.json").write_text(json.dumps(kept))


def _short(corpus: Mapping[str, str]) -> list[str]:
    return [text for text in corpus.values() if len(text) < MEGABYTE]


def _bad_profile(corpus: Mapping[str, str]) -> bytes:
    words = json.dumps(corpus["csi clear"] + corpus["markup action"])
    return f"[run]\n{words} = 1\nname = {words}\n[task]\ndataset = {words}\n{words}\n".encode()


def _run(path: Path, corpus: Mapping[str, str], labels: list[str]) -> SyntheticRun:
    """A run whose every record holds a text of the corpus."""
    texts = [text for value in corpus.values() for text in (value, f"before {value} after")]
    made = SyntheticRun(path, texts, profile=_profile(corpus, labels))
    made.decide(len(texts))
    short = _short(corpus)
    for place, text in enumerate(short):
        made.write(
            AnswerRecord(
                logprobs=[-0.1, -2.4], mass=0.9, top=[(text[:40], -0.1), (text[:40], -2.4)], endpoint=text[:200],
                question=f"{text[:40]}/{place}", context_id=0, item=place,
            ),
            AnswerRecord(
                logprobs=None,
                failed=text,
                endpoint=text[:200],
                question=f"{text[:40]}/{place}/x",
                context_id=0,
                item=place,
            ),
            ReaskRecord(
                logprobs=[-0.1, -2.4],
                endpoint=text[:200],
                item=place,
                context_id=0,
                n=made.n,
                call=place,
                command=text[:40],
            ),
            ExplanationRecord(item=place, n=made.n, call=10_000 + place, failed=text),
            CommandRecord(
                id=f"{text[:40]}-{place}", what=text, args={"note": text, text[:40]: text}, n=made.n,
                outcome="refused", why=text,
            ),
            CommandRecord(
                id=f"pin-{place}", what="pin", args={"item": place, "label": labels[0], "note": text}, n=made.n,
                outcome="done",
            ),
        )  # fmt: skip
        made.error(text)
        made.decide()
    for place, text in enumerate(corpus.values()):
        made.reason(place, text, f" before {text} after", *text[:50], text, speaker=text[:2000])
    made.run.log.write_bytes("\n".join(corpus.values()).encode("utf-8", "surrogatepass") + b"\xff\xfe\x1b[2J")
    return made


def _profile(corpus: Mapping[str, str], labels: list[str]) -> Profile:
    words = "".join(_short(corpus))[:3000]
    first = corpus["csi clear"] + corpus["markup close"] + corpus["bidi"] + corpus["c1 csi"]
    return Profile(
        run=Run(name="text", out=corpus["osc title"] + first),
        task=TaskSection(
            dataset="file", path=first + words, text=corpus["markup action"], uid=corpus["open csi"] + "u",
            group=corpus["markup open"], key=first, gold=[corpus["osc link"], corpus["c1 csi"]],
            revision=first, split=words,
        ),
        model=Model(
            model=first + words, path=first, providers=[corpus["markup variable"], first], extra={first: words}
        ),
        prompt=Prompt(labels=labels, anchor=first, persona=words, words_allowed=[corpus["markup open"], first]),
        reasoning=Reasoning(prefill=words),
    )  # fmt: skip
