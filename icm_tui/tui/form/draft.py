"""A profile while it is being edited: a text a field, as typed, with everything that is wrong with them."""

import os
import re
import shlex
import shutil
import tempfile
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from icm_tui.errors import RunFailed, UserError
from icm_tui.files import read_text
from icm_tui.profile.checks import build
from icm_tui.profile.defaults import unused
from icm_tui.profile.schema import Profile
from icm_tui.profile.toml import loads
from icm_tui.tui.form.values import Field, Key, as_key, as_toml, defaults, fields, read, settled, written

FIELDS: dict[Key, Field] = {field.key: field for section in fields() for field in section.fields}
_SECTIONS = {section for section, _ in FIELDS}
_SERVER = {("model", name) for name in ("backend", "base_url", "key_env")}
USUAL_SERVER = "openrouter"
_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*")
_STARTED = re.compile(r"-\d{8}-\d{6}(-\d+)?\Z")


class Checked(msgspec.Struct, frozen=True):
    """What the checks say of a draft.

    `profile` is None if there are `faults`, a sentence a field, or `general` ones that belong to no field.
    `defaults` says which value a field without a text has; `idle` are fields that have a text and no effect.
    """

    profile: Profile | None
    faults: dict[Key, str]
    general: list[str]
    defaults: dict[Key, str]
    idle: frozenset[Key] = frozenset()

    @property
    def count(self) -> int:
        """How many things are wrong."""
        return len(self.faults) + len(self.general)


class Draft(msgspec.Struct, frozen=True):
    """A profile as far as it is typed. Made by `from_toml`; `with_text` makes the next one.

    `name` is what the draft came from: a profile's name, a run's, a file's. `texts` has the fields that are set.
    `others` is what was written under names that no field has. `kept` is the TOML that is kept already somewhere.
    """

    name: str
    texts: dict[Key, str]
    others: dict[str, Any] = {}
    kept: str = ""

    @classmethod
    def from_toml(cls, text: str, name: str = "profile") -> "Draft":
        """The draft of a profile's TOML; its comments are not carried along.

        Wrong values are kept, to be mended in the form; a number if a text belongs becomes one. Raises UserError for
        what is no TOML.
        """
        try:
            document = tomllib.loads(text)
        except (ValueError, RecursionError):
            loads(text, name)  # tells it in a sentence, with its line
            raise
        try:
            return cls(name, _texts(document), _others(document)).as_kept()
        except ValueError as error:
            raise UserError(f"{name}: a number in it has too many digits.") from error
        except RecursionError as error:
            raise UserError(f"{name}: tables or lists are nested too deeply.") from error

    def with_text(self, key: Key, typed: str) -> "Draft":
        """The draft with a text in a field; an empty one takes the setting out."""
        texts = {**self.texts, key: settled(FIELDS[key].kind, typed)}
        if not texts[key]:
            del texts[key]
        others = self.others
        if not isinstance(others.get(key[0], {}), dict):  # a value in place of the section
            others = {name: value for name, value in others.items() if name != key[0]}
        return msgspec.structs.replace(self, texts=texts, others=others)

    def as_new(self, old: "Draft | None" = None) -> "Draft":
        """The draft for another run than that of `old`, by default its own: without its name, directory and time."""
        before = (old or self).texts
        mine = {key: before.get(key) for key in (("run", "name"), ("run", "out"))}
        texts = {key: text for key, text in self.texts.items() if key not in mine or text != mine[key]}
        return msgspec.structs.replace(self, texts=texts, name=_STARTED.sub("", self.name))

    def as_asking(self) -> "Draft | None":
        """A draft of the server alone, good enough to ask it for its models before one of them is named; None if
        the draft names no server."""
        texts = {key: text for key, text in self.texts.items() if key in _SERVER}
        if self.texts.get(("model", "backend")) != "openai" or ("model", "base_url") not in texts:
            return None
        return Draft(self.name, {("task", "dataset"): "leanings", ("model", "model"): "any", **texts})

    def with_model(self, name: str) -> "Draft":
        """The draft with a model of its server; if it names none, of OpenRouter."""
        draft = self.with_text(("model", "model"), name)
        if self.as_asking() is not None:
            return draft
        return draft.with_text(("model", "backend"), "openai").with_text(("model", "base_url"), USUAL_SERVER)

    def as_kept(self, name: str | None = None) -> "Draft":
        """The draft once it is kept, under another name if one is given."""
        return msgspec.structs.replace(self, name=name or self.name, kept=self.to_toml())

    def kept_as(self, other: "Draft") -> "Draft":
        """The draft as another version of one that may be kept somewhere."""
        return msgspec.structs.replace(self, kept=other.kept)

    @property
    def dirty(self) -> bool:
        """Whether it would be lost."""
        return self.to_toml() != self.kept

    @property
    def run_name(self) -> str:
        """What a run of it is called: its own name for a run, else the name of where it came from."""
        own = self.texts.get(("run", "name"), "")
        return next((name for name in (own, self.name) if _NAME.fullmatch(name)), "profile")

    def to_toml(self) -> str:
        """The draft as TOML: what was set, right or wrong, and nothing else."""
        document = self._document()
        lines = [
            f"{as_key(name)} = {as_toml(value)}" for name, value in document.items() if not isinstance(value, dict)
        ]
        for name, section in document.items():
            if isinstance(section, dict):
                lines += ["", f"[{as_key(name)}]", *(f"{as_key(key)} = {as_toml(section[key])}" for key in section)]
        return "\n".join(lines).lstrip("\n") + "\n"

    def check(self) -> Checked:
        """Everything that is wrong with it, by the checks that a profile's file goes through."""
        try:
            profile, problems = build(tomllib.loads(self.to_toml()))
        except (ValueError, RecursionError):
            return Checked(None, {}, ["tables or lists are nested too deeply, or a number has too many digits"], {})
        faults: dict[Key, str] = {}
        general: list[str] = []
        for problem in problems:
            path, text = problem.path, problem.text
            if path[:2] in FIELDS:
                key = (path[0], path[1])
                deeper = ".".join(path[2:])
                text = f"{deeper}: {text}" if deeper else text
                faults[key] = f"{faults[key]}; {text}" if key in faults else text
            else:
                general.append(f"{'.'.join(path)}: {text}")
        known = defaults(profile)
        if problems:
            return Checked(None, faults, general, known)
        idle = {(section, name) for section, _, name in (each.partition(".") for each in unused(profile))}
        return Checked(profile, {}, [], known, frozenset(idle))

    def _document(self) -> dict[str, Any]:
        document = {name: dict(value) if isinstance(value, dict) else value for name, value in self.others.items()}
        for key, field in FIELDS.items():
            if key in self.texts:
                document.setdefault(key[0], {})[key[1]] = read(field.kind, self.texts[key])
        return document


def _texts(document: Mapping[str, Any]) -> dict[Key, str]:
    texts = {}
    for key, field in FIELDS.items():
        section = document.get(key[0])
        if isinstance(section, dict) and key[1] in section:
            texts[key] = settled(field.kind, written(field.kind, section[key[1]]))
    return texts


def _others(document: Mapping[str, Any]) -> dict[str, Any]:
    """What a document has beside the fields. Raises as `as_toml` for what could not be written again."""
    others: dict[str, Any] = {}
    for name, value in document.items():
        if name in _SECTIONS and isinstance(value, dict):
            rest = {key: inner for key, inner in value.items() if (name, key) not in FIELDS}
            if rest:
                others[name] = rest
        else:
            others[name] = value
    return others


_USUAL = ("vi", "nano")
FOR_EDITOR = "# Settings of a run; `icm-tui profiles check` knows the names. Comments are not kept.\n\n"


def read_draft(path: Path, name: str | None = None) -> Draft:
    """The draft of a profile's file; `name` is what it is called, the file's own name without one. Raises UserError."""
    return Draft.from_toml(read_text(path), name or path.stem)


def write_draft(draft: Draft, header: str = "") -> Path:
    """Puts the draft, behind a header, into a folder of its own that nobody else can read; `remove` takes it away.

    The file has the name that a run of it is to have. Raises RunFailed.
    """
    folder = None
    try:
        folder = Path(tempfile.mkdtemp(prefix="icm-tui-"))
        path = folder / f"{draft.run_name}.toml"
        path.write_text(header + draft.to_toml(), encoding="utf-8", newline="\n")
    except OSError as error:
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)
        raise RunFailed(f"{tempfile.gettempdir()}: cannot be written: {error.strerror}; nothing was done.") from error
    return path


def remove(path: Path) -> None:
    """Removes what `write_draft` made, with all that an editor put beside it."""
    shutil.rmtree(path.parent, ignore_errors=True)


def editor(environ: Mapping[str, str], found: str | None = None) -> list[str]:
    """The words that start a person's editor: $VISUAL, else $EDITOR, else vi or nano. Raises UserError for none.

    `found` is the search path for the last two, that of the process without one.
    """
    for variable in ("VISUAL", "EDITOR"):
        written = environ.get(variable, "").strip()
        if written:
            try:
                return shlex.split(written)
            except ValueError as error:
                raise UserError(f"${variable} has a quotation mark without its other half; mend it.") from error
    for name in _USUAL:
        path = shutil.which(name, path=found)
        if path is not None:
            return [os.fspath(path)]
    raise UserError("there is no editor: neither $VISUAL nor $EDITOR is set, and neither vi nor nano is installed.")
