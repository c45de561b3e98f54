"""What a program sends to a terminal, taken apart: text, control characters and sequences of every class."""

import re
from collections.abc import Iterable
from typing import Literal, NamedTuple

Kind = Literal["text", "c0", "c1", "csi", "esc", "osc", "dcs", "sos", "pm", "apc", "broken"]

_CSI = re.compile(rb"\x1b\[[0-?]*[ -/]*[@-~]")
_STRING = re.compile(rb"\x1b([\]PX^_])[^\x1b\x07]*(?:\x07|\x1b\\)")
_ESC = re.compile(rb"\x1b[ -/]*[0-OQ-WYZ\\`-~]")
_TEXT = re.compile(rb"[^\x00-\x1f\x7f]+")
_C1 = re.compile("([\x80-\x9f])")
_STRINGS: dict[bytes, Kind] = {b"]": "osc", b"P": "dcs", b"X": "sos", b"^": "pm", b"_": "apc"}
_LONGEST = 1 << 16


class Token(NamedTuple):
    """A piece of output and its class; "broken" is what no terminal is meant to get."""

    kind: Kind
    raw: bytes

    @property
    def shape(self) -> str:
        """The class with what tells one use from another: an SGR's attributes and a mode's number count, the numbers of
        a position and the words of a text do not."""
        if self.kind == "text":
            return "text"
        if self.kind == "csi" and self.raw[-1:] not in b"mhlpu":
            return "CSI " + re.sub(r"\d+", "n", self.raw[2:].decode("latin-1"))
        return f"{self.kind.upper()} {self.raw[1:].decode('latin-1') or hex(self.raw[0])}"


class Tokenizer:
    """Takes output as it comes, in chunks cut anywhere."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[Token]:
        """The tokens that `data` completes."""
        tokens, self._rest = _split(self._rest + data, final=False)
        return tokens

    def finish(self) -> list[Token]:
        """What was left in the middle of a token, as a broken one."""
        tokens, _ = _split(self._rest, final=True)
        self._rest = b""
        return tokens


def tokens_of(data: bytes) -> list[Token]:
    """All tokens of a whole output."""
    return _split(data, final=True)[0]


def _split(data: bytes, *, final: bool) -> tuple[list[Token], bytes]:
    tokens: list[Token] = []
    place = 0
    while place < len(data):
        if data[place] == 0x1B:
            token = _sequence(data, place)
            if token is None:
                if not final and len(data) - place < _LONGEST:
                    break
                token = Token("broken", data[place : place + 1])
            tokens.append(token)
            place += len(token.raw)
        elif data[place] < 0x20 or data[place] == 0x7F:
            tokens.append(Token("c0", data[place : place + 1]))
            place += 1
        else:
            found = _TEXT.match(data, place)
            assert found is not None
            raw = found.group()
            if not final and found.end() == len(data):
                raw = raw[: _whole_characters(raw)]
                if not raw:
                    break
            tokens.extend(_text(raw))
            place += len(raw)
            if not final and place < found.end():
                break
    return tokens, data[place:]


def _sequence(data: bytes, place: int) -> Token | None:
    if found := _CSI.match(data, place):
        return Token("csi", found.group())
    if found := _STRING.match(data, place):
        return Token(_STRINGS[found.group(1)], found.group())
    # `ESC [` alone begins a CSI that is not all there yet.
    if (found := _ESC.match(data, place)) and found.group() != b"\x1b[":
        return Token("esc", found.group())
    return None


def _whole_characters(raw: bytes) -> int:
    """How many bytes of `raw` are whole UTF-8 characters, or could never become one."""
    for back in range(1, min(4, len(raw)) + 1):
        byte = raw[-back]
        if byte >= 0xC0:
            needed = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            return len(raw) - back if needed > back else len(raw)
        if byte < 0x80:
            break
    return len(raw)


def _text(raw: bytes) -> Iterable[Token]:
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return [Token("broken", raw)]
    return [Token("c1" if "\x80" <= piece <= "\x9f" else "text", piece.encode()) for piece in _C1.split(text) if piece]


_LEFT_AS_FOUND = {b"?25": True, b"?7": True}
_ASKED = re.compile(rb"\x1b\[(\?[\d;]+)([hl])")


def left_changed(tokens: Iterable[Token]) -> dict[str, bool]:
    """The modes of the terminal that a program left in another state than a shell has them in: their numbers as in
    DECSET and whether they are on, "kitty" for keyboard modes pushed and not popped, "style" for a style still on."""
    modes: dict[bytes, bool] = {}
    keyboards, styled = 0, False
    for token in tokens:
        if token.kind != "csi":
            continue
        if asked := _ASKED.fullmatch(token.raw):
            for mode in asked.group(1)[1:].split(b";"):
                modes[b"?" + mode] = asked.group(2) == b"h"
        elif token.raw.endswith(b"u") and token.raw[2:3] in (b">", b"<"):
            keyboards = max(0, keyboards + (1 if token.raw[2:3] == b">" else -1))
        elif token.raw.endswith(b"m") and token.raw[2:3] not in (b">", b"?"):
            styled = token.raw not in (b"\x1b[m", b"\x1b[0m")
    changed = {mode.decode(): on for mode, on in modes.items() if on != _LEFT_AS_FOUND.get(mode, False)}
    if keyboards:
        changed["kitty"] = True
    if styled:
        changed["style"] = True
    return changed
