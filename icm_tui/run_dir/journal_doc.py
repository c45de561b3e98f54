"""The journal's documentation, made from the structs that are written.

`python -m icm_tui.run_dir.journal_doc` prints it; JOURNAL.md beside this module holds it, and a test keeps that true.
"""

import inspect
import sys
import types
import typing
from collections.abc import Sequence

import msgspec

from icm_tui.run_dir.reasoning import ReasoningPiece
from icm_tui.run_dir.records import FORMAT, AnyRecord

_HEAD = f"""\
# The journal of a run

`journal.jsonl` holds everything that happened in a run, one JSON object per line; lines are only ever appended. `kind`
says what a record is, `seq` rises by one from 0, and `t` is the unix time in seconds at which the record was written.
This is format {FORMAT}. Items are numbered from 0, in the order of the lines of `items.jsonl`. Labels are numbers, too:
label 0 is the first of the label names in the `start` record. A field that has its default value may be left out.

The last field of every line, `crc`, is the CRC-32 (as zlib computes it, in decimal) of the bytes before it: from the
opening brace up to, but not including, the comma before `"crc"`. A line whose checksum does not match is damaged, and
readers report its line number. The last line of the file is an exception: if it has no newline or its checksum does not
match, it counts as the torn end of a write that was cut short. Readers ignore it, and the next runner cuts it off.

The labels at a decision are those after all `changes` of the decisions and commands up to it. Until the decision of
phase "selection" every chain of the tournament has labels of its own; from there on the labels are those of the chain
that this decision names.
"""


_REASONING = """
# The reasoning of a run

`reasoning.jsonl` beside the journal holds the pieces of explanations as they arrived, one JSON object per line; lines
are only ever appended. A torn last line does not count. Pieces of several calls may alternate.

"""

_COMPARISONS = """
# The answers of comparisons

`comparisons.jsonl` beside the journal holds answers to questions that no search asked: records `answer` and `endpoint`
as above, with a `seq` of their own. `item` counts the lines of `items.jsonl` and then those of `held_out.jsonl`;
`question` is the digest of the uids and labels shown and of the uid asked about. None of this affects the run's
labels. `baselines.json` and `held_out_curves.json` hold the last tables made from it, for the screens.
"""


def document() -> str:
    """Return the documentation as Markdown: a heading, a docstring and a table of fields for every kind of record, then
    for the pieces of reasoning."""
    sections = "".join(_section(record) for record in typing.get_args(AnyRecord))
    reasoning = inspect.cleandoc(ReasoningPiece.__doc__ or "") + "\n" + _table(ReasoningPiece, ())
    return _HEAD + sections + _REASONING + reasoning + _COMPARISONS


def _section(record: type[msgspec.Struct]) -> str:
    # A record that extends a struct of another room is described by that struct's docstring, too.
    base = record.__mro__[1]
    structs = [record] if base.__module__ == record.__module__ else [record, base]
    docs = [inspect.cleandoc(struct.__doc__ or "") for struct in structs]
    head = f"\n## `{record.__struct_config__.tag}`\n\n" + "\n\n".join(docs) + "\n"
    return head + _table(record, ("seq", "t"))


def _table(struct: type[msgspec.Struct], left_out: Sequence[str]) -> str:
    hints = typing.get_type_hints(struct)
    rows = []
    for field in msgspec.structs.fields(struct):
        if field.name not in left_out:
            default = "" if field.required else _default(field)
            rows.append(f"| `{field.name}` | {_type(hints[field.name])} | {default} |\n")
    return "\n| field | type | default |\n|---|---|---|\n" + "".join(rows) if rows else ""


def _default(field: msgspec.structs.FieldInfo) -> str:
    value = field.default_factory() if field.default is msgspec.NODEFAULT else field.default
    return f"`{msgspec.json.encode(value).decode()}`"


def _type(hint: object) -> str:
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if hint is type(None):
        return "null"
    if origin in (typing.Union, types.UnionType):
        return " or ".join(_type(part) for part in parts)
    if origin is typing.Literal:
        return " or ".join(f'"{part}"' for part in parts)
    if origin is list:
        return f"list of {_type(parts[0])}"
    if origin is tuple:
        return f"[{', '.join(_type(part) for part in parts)}]"
    if origin is dict:
        return "object" if parts[1] is typing.Any else f"object of {_type(parts[1])}"
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        hints = typing.get_type_hints(hint)
        return "{" + ", ".join(f"{name}: {_type(hints[name])}" for name in hint.__struct_fields__) + "}"
    names = {int: "whole number", float: "number", str: "text", bool: "true or false"}
    return names[hint]  # type: ignore[index]


if __name__ == "__main__":
    sys.stdout.write(document())
