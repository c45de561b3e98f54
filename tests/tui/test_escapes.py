"""The tokenizer that the terminal tests rest on."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tui.escapes import Token, Tokenizer, left_changed, tokens_of

CUTTING = st.sampled_from(
    [b"\x1b", b"[", b"]", b"0", b"m", b"H", b"\\", b"\x07", b"P", b"?", b"\x9b", "é".encode(), "漢".encode(), b"a"]
)


def _joined(tokens: list[Token]) -> list[Token]:
    """Texts that stand next to each other as one: where they are cut says nothing."""
    joined: list[Token] = []
    for token in tokens:
        if joined and token.kind == joined[-1].kind and token.kind in ("text", "broken"):
            joined[-1] = Token(token.kind, joined[-1].raw + token.raw)
        else:
            joined.append(token)
    return joined


@given(st.lists(CUTTING, max_size=30).map(b"".join))
def test_nothing_is_lost(data: bytes) -> None:
    assert b"".join(token.raw for token in tokens_of(data)) == data


@given(st.lists(CUTTING, max_size=30).map(b"".join).filter(lambda data: b"\x9b" not in data), st.data())
def test_chunks_may_be_cut_anywhere(data: bytes, draw: st.DataObject) -> None:
    cut = draw.draw(st.integers(0, len(data)))
    tokenizer = Tokenizer()
    tokens = tokenizer.feed(data[:cut]) + tokenizer.feed(data[cut:]) + tokenizer.finish()
    assert _joined(tokens) == _joined(tokens_of(data))


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"plain", "text"),
        ("漢字 é".encode(), "text"),
        (b"\x1b[31m", "csi"),
        (b"\x1b[>1u", "csi"),
        (b"\x1b]0;title\x07", "osc"),
        (b"\x1b]52;c;aGk=\x1b\\", "osc"),
        (b"\x1bPq\x1b\\", "dcs"),
        (b"\x1bXsos\x1b\\", "sos"),
        (b"\x1b^pm\x1b\\", "pm"),
        (b"\x1b_apc\x1b\\", "apc"),
        (b"\x1bc", "esc"),
        (b"\x1b(B", "esc"),
        (b"\x07", "c0"),
        (b"\x7f", "c0"),
        ("\x9b".encode(), "c1"),
        (b"\xff\xfe", "broken"),
        (b"\xed\xa0\x80", "broken"),
    ],
)
def test_a_whole_token_is_of_its_class(data: bytes, kind: str) -> None:
    assert [token.kind for token in tokens_of(data)] == [kind]


@pytest.mark.parametrize("data", [b"\x1b[3", b"\x1b]0;title", b"\x1bP", b"\x1b"])
def test_what_has_no_end_is_broken(data: bytes) -> None:
    assert tokens_of(data)[0] == Token("broken", b"\x1b")


def test_a_shape_tells_attributes_and_modes_but_no_positions() -> None:
    shapes = [token.shape for token in tokens_of(b"\x1b[3;17H\x1b[1;31m\x1b[?25l\x1b[2Kx\r\x1b]0;t\x07")]
    assert shapes == ["CSI n;nH", "CSI [1;31m", "CSI [?25l", "CSI nK", "text", "C0 0xd", "OSC ]0;t\x07"]


def test_what_was_left_changed() -> None:
    def left(data: bytes) -> dict[str, bool]:
        return left_changed(tokens_of(data))

    assert left(b"\x1b[?1049h\x1b[?25l\x1b[>1u\x1b[31mx\x1b[0m\x1b[<u\x1b[?25h\x1b[?1049l") == {}
    assert left(b"\x1b[?1000;1006h\x1b[?1000l\x1b[?25l\x1b[?7l") == {"?1006": True, "?25": False, "?7": False}
    assert left(b"\x1b[>1u\x1b[1m") == {"kitty": True, "style": True}
