"""Separates a model's reasoning from its answer if both come in one text, as `<think>...</think>` before the answer."""

import msgspec

_OPEN, CLOSE = "<think>", "</think>"


class Delta(msgspec.Struct, frozen=True):
    """What came next: a piece of the reasoning, then a piece of the answer.

    `turned` says that all text before this piece was reasoning, too, because templates may omit the opening tag.
    """

    text: str = ""
    reasoning: str = ""
    turned: bool = False

    def __bool__(self) -> bool:
        return bool(self.text or self.reasoning or self.turned)


class ReasoningSplitter:
    """Splits a text that comes in pieces. What may be the beginning of a tag is held back until that is clear."""

    def __init__(self) -> None:
        self._held = ""
        self._state = "start"
        self._may_turn = True

    def reasoning_separated(self) -> None:
        """Note that the server separates reasoning itself, so that a lone closing tag belongs to the answer."""
        self._may_turn = False

    def feed(self, piece: str, *, last: bool = False) -> Delta:
        """What `piece` adds; with `last`, everything that was held back, too."""
        rest = self._held + piece
        self._held = ""
        text: list[str] = []
        reasoning: list[str] = []
        turned = False
        while rest:
            if self._state == "start":
                bare = rest.lstrip()
                if bare.startswith(_OPEN):
                    self._state, self._may_turn = "reasoning", False
                    rest = bare[len(_OPEN) :]
                elif _OPEN.startswith(bare) and not last:
                    self._held, rest = rest, ""
                else:
                    self._state = "text"
            elif self._state == "reasoning" or self._may_turn:
                before, tag, after = rest.partition(CLOSE)
                if not tag and not last:
                    keep = _half_tag(rest)
                    before, self._held = rest[: len(rest) - keep], rest[len(rest) - keep :]
                if self._state == "reasoning":
                    reasoning.append(before)
                elif tag:
                    reasoning += [*text, before]
                    text, turned = [], True
                else:
                    text.append(before)
                if tag:
                    self._state, self._may_turn = "start", False
                rest = after
            else:
                text.append(rest)
                rest = ""
        return Delta("".join(text), "".join(reasoning), turned)


def split_reasoning(content: str, *, separated: bool = False) -> tuple[str, str]:
    """(answer, reasoning) of a whole text. `separated`: the server gave the reasoning in a field of its own."""
    splitter = ReasoningSplitter()
    if separated:
        splitter.reasoning_separated()
    whole = splitter.feed(content, last=True)
    return whole.text, whole.reasoning


def _half_tag(text: str) -> int:
    return next((size for size in range(len(CLOSE) - 1, 0, -1) if text.endswith(CLOSE[:size])), 0)
