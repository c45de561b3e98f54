"""Headers of model files made here; test_launch.py reads that of a real one."""

import contextlib
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from icm_tui.models.gguf.header import Header, NotGguf, read_header


def text(value: str) -> bytes:
    data = value.encode()
    return struct.pack("<Q", len(data)) + data


def number(key: str, value: int) -> bytes:
    return text(key) + struct.pack("<II", 4, value)


def strings(key: str, values: list[str]) -> bytes:
    return text(key) + struct.pack("<IIQ", 9, 8, len(values)) + b"".join(map(text, values))


def numbers(key: str, values: list[int]) -> bytes:
    return text(key) + struct.pack(f"<IIQ{len(values)}i", 9, 5, len(values), *values)


def head(*pairs: bytes, version: int = 3) -> bytes:
    return b"GGUF" + struct.pack("<IQQ", version, 0, len(pairs)) + b"".join(pairs)


LLAMA = [
    text("general.architecture") + struct.pack("<I", 8) + text("llama"),
    strings("tokenizer.ggml.tokens", ["a", "bc", "x" * 70_000]),
    text("general.scale") + struct.pack("<If", 6, 0.5),
    text("general.about") + struct.pack("<I", 8) + text("y" * 400),
    numbers("tokenizer.ggml.token_type", [1] * 5000),
    number("llama.context_length", 2048),
    number("llama.block_count", 4),
    number("llama.embedding_length", 96),
    number("llama.attention.head_count", 6),
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "model.gguf"


def test_header_gives_context_and_memory(path: Path) -> None:
    path.write_bytes(head(*LLAMA) + b"tensors")
    assert read_header(path) == Header(2048, 2 * 4 * 6 * (16 + 16))
    path.write_bytes(head(*LLAMA, number("llama.attention.head_count_kv", 2), version=2))
    assert read_header(path) == Header(2048, 2 * 4 * 2 * (16 + 16))
    wide = [number("llama.attention.key_length", 64), number("llama.attention.value_length", 32)]
    path.write_bytes(head(*LLAMA, numbers("llama.attention.head_count_kv", [2, 0, 2, 1]), *wide))
    assert read_header(path) == Header(2048, 2 * 5 * (64 + 32))


def test_header_may_leave_out_context(path: Path) -> None:
    path.write_bytes(head())
    assert read_header(path) == Header(None, 0)
    path.write_bytes(head(LLAMA[0], text("llama.context_length") + struct.pack("<Iq", 11, -5)))
    assert read_header(path) == Header(None, 0)


@pytest.mark.parametrize("data", [b"", b"GG", b"GGML" + bytes(40), b"PK\x03\x04"])
def test_header_refuses_other_files(data: bytes, path: Path) -> None:
    path.write_bytes(data)
    with pytest.raises(NotGguf, match="is not a GGUF model file"):
        read_header(path)


@pytest.mark.parametrize(
    "data",
    [
        head(version=9),
        head(*LLAMA)[:-3],
        head(text("key") + struct.pack("<I", 99)),
        head(text("key") + struct.pack("<IIQ", 9, 9, 1)),
        head(struct.pack("<Q", 2**63)),
        head(text("key") + struct.pack("<IQ", 8, 2**63)),
        head(text("key") + struct.pack("<IIQ", 9, 8, 2**60)),
        head(text("key") + struct.pack("<IIQ", 9, 4, 2**62)),
        head(struct.pack("<Q", 2) + b"\xff\xff" + bytes(8)),
        b"GGUF" + struct.pack("<IQQ", 3, 0, 2**40),
    ],
)
def test_header_refuses_damage(data: bytes, path: Path) -> None:
    path.write_bytes(data)
    with pytest.raises(NotGguf, match="is a damaged or unfinished GGUF file"):
        read_header(path)


@given(cut=st.integers(0, 5200), junk=st.binary(max_size=40))
def test_header_reader_survives_any_file(cut: int, junk: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / "cut.gguf"
    whole = head(LLAMA[0], *LLAMA[5:], strings("tokens", ["a"] * 200))
    path.write_bytes(whole[: cut % len(whole)] + junk)
    with contextlib.suppress(NotGguf):
        read_header(path)
