"""Reads what the header of a GGUF file says about its model, without loading the model.

The format is described at https://github.com/ggml-org/ggml/blob/master/docs/gguf.md: magic, version, numbers of tensors
and of pairs, then the pairs of key and typed value.
"""

import struct
from pathlib import Path
from typing import BinaryIO

import msgspec

MAGIC = b"GGUF"
_STRING = 8
_ARRAY = 9
_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
# Limits far above any model's, so that a damaged file is not read for hours.
_PAIRS = 65_536
_KEY_BYTES = 65_535
_TEXT_BYTES = 1 << 16
_FILE_BYTES = 1 << 42
_LAYERS = 4096
_STRINGS = 4_000_000
_KEPT_LETTERS = 256

Value = int | float | bool | str | list[int]


class Header(msgspec.Struct, frozen=True):
    """`context` is the longest context that the model was trained for, in tokens, None if unknown; `token_bytes` is
    the memory of one token of context at 16 bits a number, 0 if unknown."""

    context: int | None
    token_bytes: int


class NotGguf(ValueError):
    """The file is not a GGUF file, or its header is damaged; the message is the end of a sentence."""


def read_header(path: Path) -> Header:
    """Read the header of a model file. Raises NotGguf or OSError."""
    with path.open("rb") as file:
        if file.read(4) != MAGIC:
            raise NotGguf("is not a GGUF model file")
        try:
            return _header(_pairs(file))
        except (EOFError, UnicodeDecodeError, struct.error, ValueError, OverflowError) as error:
            raise NotGguf("is a damaged or unfinished GGUF file") from error


def _header(pairs: dict[str, Value]) -> Header:
    architecture = pairs.get("general.architecture")

    def number(name: str) -> int:
        value = pairs.get(f"{architecture}.{name}")
        return value if isinstance(value, int) and value > 0 else 0

    layers, heads, width = number("block_count"), number("attention.head_count"), number("embedding_length")
    kept = pairs.get(f"{architecture}.attention.head_count_kv")
    kept_heads = sum(kept) if isinstance(kept, list) else layers * (number("attention.head_count_kv") or heads)
    a_head = width // heads if heads else 0
    numbers = (number("attention.key_length") or a_head) + (number("attention.value_length") or a_head)
    return Header(number("context_length") or None, 2 * numbers * kept_heads)


def _pairs(file: BinaryIO) -> dict[str, Value]:
    version, _tensors, count = _unpack(file, "IQQ")
    if version not in (2, 3):
        raise ValueError("a version that llama.cpp does not read")
    if count > _PAIRS:
        raise ValueError("too many pairs")
    pairs: dict[str, Value] = {}
    for _ in range(count):
        key = _text(file, _KEY_BYTES)
        value = _value(file, _unpack(file, "I")[0])
        if value is not None:
            pairs[key] = value
    return pairs


def _value(file: BinaryIO, kind: int) -> Value | None:
    """A value, or None if it is skipped: long texts, and lists other than of one number for each layer."""
    if kind in _SCALARS:
        value: int | float | bool = _unpack(file, _SCALARS[kind])[0]
        return value
    if kind == _STRING:
        (length,) = _unpack(file, "Q")
        if length > _KEPT_LETTERS:
            _skip(file, length)
            return None
        return _exactly(file, length).decode("utf-8", "replace")
    if kind != _ARRAY:
        raise ValueError("an unknown type")
    of, length = _unpack(file, "IQ")
    if of == _STRING:
        if length > _STRINGS:
            raise ValueError("too many texts")
        for _ in range(length):
            _skip(file, _unpack(file, "Q")[0])
        return None
    if of not in _SCALARS:
        raise ValueError("a list of an unknown type")
    if length > _LAYERS or _SCALARS[of] not in "BbHhIiQq":
        _skip(file, length * struct.calcsize(_SCALARS[of]))
        return None
    return list(_unpack(file, _SCALARS[of] * length))


def _text(file: BinaryIO, most: int) -> str:
    (length,) = _unpack(file, "Q")
    if length > most:
        raise ValueError("a text too long")
    return _exactly(file, length).decode("utf-8")


def _unpack(file: BinaryIO, form: str) -> tuple[int, ...]:
    form = f"<{form}"
    return struct.unpack(form, _exactly(file, struct.calcsize(form)))


def _exactly(file: BinaryIO, length: int) -> bytes:
    data = file.read(length)
    if len(data) != length:
        raise EOFError
    return data


def _skip(file: BinaryIO, length: int) -> None:
    if length > _FILE_BYTES:
        raise EOFError
    if length > _TEXT_BYTES:
        file.seek(length, 1)
    else:
        _exactly(file, length)
