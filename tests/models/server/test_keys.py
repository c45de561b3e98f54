"""Where a key is found, and that it is shown nowhere."""

import base64
import copy
import json
import pickle
from pathlib import Path
from urllib.parse import quote

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from icm_tui.errors import UserError
from icm_tui.models.server.keys import Key, find_key

_SECRET = 'sk-or/v1"+é-0123456789'


def _sent(key: Key | None) -> bytes:
    assert key is not None
    return key.headers()["Authorization"]


def test_key_is_shown_nowhere() -> None:
    key = Key("OPENROUTER_API_KEY", _SECRET)
    assert repr(key) == str(key) == "Key('OPENROUTER_API_KEY')"
    for keep in (pickle.dumps, copy.copy, copy.deepcopy, msgspec.json.encode, msgspec.to_builtins):
        with pytest.raises(TypeError) as refused:
            keep(key)
        assert "0123456789" not in str(refused.value)
    with pytest.raises(TypeError):
        vars(key)


def test_key_is_sent_as_bearer() -> None:
    assert Key("K", _SECRET).headers() == {"Authorization": b"Bearer " + _SECRET.encode("latin-1")}


def test_key_is_hidden_in_every_form() -> None:
    key = Key("K", _SECRET)
    raw = _SECRET.encode("latin-1")
    forms = [
        _SECRET,
        json.dumps(_SECRET)[1:-1],
        json.dumps(_SECRET, ensure_ascii=False)[1:-1],
        json.dumps(_SECRET)[1:-1].replace("/", "\\/"),
        quote(_SECRET, safe=""),
        quote(_SECRET),
        base64.b64encode(raw).decode(),
        base64.urlsafe_b64encode(raw).decode().rstrip("="),
    ]
    for form in forms:
        assert key.hide_text(f"a {form} b {form}").replace("=", "") == "a [key] b [key]"
        assert key.hide(f"a {form} b".encode()).replace(b"=", b"") == b"a [key] b"
    assert key.hide(b"a " + raw) == b"a [key]"


def test_key_placeholder_is_not_hidden() -> None:
    key = Key("K", "data")
    assert key.hide(b"data: {}") == b"data: {}"
    assert key.held_back(b"dat") == 0


@given(st.text("abc", max_size=30), st.integers(0, 40))
def test_key_beginning_is_held_back(before: str, cut: int) -> None:
    secret = "abcabcabc"
    key = Key("K", secret)
    whole = before + secret + before
    first = key.hide_text(whole[:cut])
    at = len(first) - key.held_back_text(first)
    shown = first[:at] + key.hide_text(first[at:] + whole[cut:])
    assert secret not in shown
    assert key.held_back(first.encode()) == len(first) - at


def test_find_key_prefers_environment_to_file(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text('export MY_KEY="from $HOME the file"\nOTHER=\n', "utf-8")
    assert _sent(find_key("MY_KEY", tmp_path, {"MY_KEY": "from-outside"})) == b"Bearer from-outside"
    for empty in ({}, {"MY_KEY": ""}, {"MY_KEY": "  "}):
        assert _sent(find_key("MY_KEY", tmp_path, empty)) == b"Bearer from $HOME the file"
    assert find_key(None, tmp_path, {}) is None


@pytest.mark.parametrize("name", ["NOT_THERE", "OTHER"])
def test_find_key_fails_if_set_nowhere(tmp_path: Path, name: str) -> None:
    (tmp_path / ".env").write_text("OTHER=\n", "utf-8")
    with pytest.raises(UserError) as refused:
        find_key(name, tmp_path, {})
    assert name in str(refused.value)
    assert str(tmp_path / ".env") in str(refused.value)
    assert "environment" in str(refused.value)


@pytest.mark.parametrize(
    "secret", ["sk-secret\nX-Other: 1", "sk-secret\r", "sk-\x00secret", "sk-secret-\u2028", "sk-secret-ключ"]
)
def test_find_key_refuses_unsendable_key_unseen(tmp_path: Path, secret: str) -> None:
    with pytest.raises(UserError, match="MY_KEY cannot be a key") as refused:
        find_key("MY_KEY", tmp_path, {"MY_KEY": secret})
    assert "secret" not in str(refused.value)


def test_find_key_fails_if_file_is_unreadable(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"MY_KEY=sk-secret\xff\xfe\n")
    with pytest.raises(UserError, match="cannot be read") as refused:
        find_key("MY_KEY", tmp_path, {})
    assert "sk-secret" not in str(refused.value)
