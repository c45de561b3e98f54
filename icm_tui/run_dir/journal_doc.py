"""The journal's documentation, made from the structs that write it.

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

`journal.jsonl` holds everything that happened in a run, one JSON object a line, only ever added to. Records are told
apart by `kind`; `seq` rises by one from 0, `t` is the unix time in seconds at which a record was written. This is
format {FORMAT}. Items are numbered as the lines of `items.jsonl`, from 0. Labels are numbers too: label 0 is the first
of the set names in the `start` record. A field that has its default may be left out.

The last field of every line, `crc`, is the CRC-32 (zlib's) of the bytes before it: from the opening brace up to the
comma, which is left out. A line that does not match is damage, and readers name it by its number. Only the last line
of the file may be broken: it is the torn end of a write that was cut short, and does not count.

The labels at any decision are those of its chain after all `changes` up to it, of decisions and of commands: the chains
of the tournament until the decision of phase "selection", the chain that it names from there on.
"""


_REASONING = """
# The reasoning of a run

`reasoning.jsonl` beside the journal holds explanations as they came, one JSON object a line, only ever added to. A
torn last line does not count. Pieces of several calls may come in turn.

"""

_COMPARISONS = """
# The answers of comparisons

`comparisons.jsonl` beside the journal holds answers to questions that no search asked: records `answer` and `endpoint`
as above, with a `seq` of their own. `item` counts the lines of `items.jsonl` and then those of `held_out.jsonl`;
`question` is the digest of what was shown, with its labels, and asked. Nothing of it reaches the run's labels.
`baselines.json` and `held_out_curves.json` are the last tables made of them, for the screens.
"""


def document() -> str:
    """The documentation as Markdown: a heading, the docstring and a table of fields for every kind of record, then the
    same for the pieces of reasoning."""
    sections = "".join(_section(record) for record in typing.get_args(AnyRecord))
    reasoning = inspect.cleandoc(ReasoningPiece.__doc__ or "") + "\n" + _table(ReasoningPiece, ())
    return _HEAD + sections + _REASONING + reasoning + _COMPARISONS


def _section(record: type[msgspec.Struct]) -> str:
    # A record that carries data of another room tells what that is, too.
    carried = record.__mro__[1]
    tells = [record] if carried.__module__ == record.__module__ else [record, carried]
    told = [inspect.cleandoc(kind.__doc__ or "") for kind in tells]
    head = f"\n## `{record.__struct_config__.tag}`\n\n" + "\n\n".join(told) + "\n"
    return head + _table(record, ("seq", "t"))


def _table(struct: type[msgspec.Struct], told_elsewhere: Sequence[str]) -> str:
    hints = typing.get_type_hints(struct)
    rows = []
    for field in msgspec.structs.fields(struct):
        if field.name not in told_elsewhere:
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
