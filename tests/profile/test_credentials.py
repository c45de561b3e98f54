"""Credentials are found, and what only sounds like one is not."""

import pytest

from icm_tui.profile.credentials import is_secret_name, is_secret_value, secret_paths, url_fault


@pytest.mark.parametrize(
    "name",
    ["Authorization", "proxy-authorization", "api_key", "apiKey", "APIKEY", "X-API-Key", "key", "token", "access_token",
     "accessToken", "hf_token", "client_secret", "password", "Cookie", "basic_auth", "azure_credentials"],
)  # fmt: skip
def test_is_secret_name_finds_credentials(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize(
    "name",
    ["max_tokens", "min_tokens", "stop_token_ids", "prompt_cache_key", "skip_special_tokens", "add_bos_token", "top_k",
     "logit_bias", "monkey", "author", "keyboard", "tokenizer", "", "123"],
)  # fmt: skip
def test_is_secret_name_passes_names_that_only_sound_alike(name: str) -> None:
    assert not is_secret_name(name)


@pytest.mark.parametrize(
    "text", ["sk-0", "sk-or-v1-abcdef", "Bearer x", "hf_abcdefghijklmnopqrst", "ghp_0123456789abcdef01"]
)
def test_is_secret_value_finds_credentials(text: str) -> None:
    assert is_secret_value(text)


@pytest.mark.parametrize("text", ["", "OPENROUTER_API_KEY", "hf_model", "skill", "a bearer of news", "task-sk-1"])
def test_is_secret_value_passes_other_texts(text: str) -> None:
    assert not is_secret_value(text)


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("https://host/v1", None),
        ("https://host/v1?api-version=2024-06-01", None),
        ("https://host/v1?max_tokens=3", None),
        ("https://me@host/v1", "a user name or password before the @"),
        ("https://:hush@host/v1", "a user name or password before the @"),
        ("https://host/v1?key=hush", "the credential key="),
        ("https://host/v1?key=", "the credential key="),
        ("https://host/v1?a=1&sig=hush", "the credential sig="),
        ("https://host/v1?x=sk-hush", "the credential x="),
        ("https://host/v1#access_token=hush", "the credential access_token="),
    ],
)
def test_url_fault_finds_credentials(url: str, fault: str | None) -> None:
    assert url_fault(url) == fault


def test_secret_paths_pass_schema_that_names_a_key() -> None:
    extra = {"schema": {"properties": {"key": {"type": "string"}}, "required": ["key"]}, "a": [{"b": "sk-1"}]}
    assert list(secret_paths(extra)) == [("a", "b")]
