"""The bodies that ask for a label or a reason."""

import msgspec
import pytest

from icm_tui.domain.reply import Endpoint
from icm_tui.models.server.requests import begins_of, explanation_request, label_request
from icm_tui.profile.schema import Prompt, Reasoning

SHOWN = [("a red door", "A"), ("seven chairs", "B")]
CHAT = Endpoint(base_url="http://127.0.0.1:1/v1", model="tiny", kind="chat", prefill="continued", top_logprobs=5)
COMPLETIONS = msgspec.structs.replace(CHAT, kind="completions", prefill="none")


def body(endpoint, question="a lamp", **extra):
    return label_request(endpoint, Prompt(), SHOWN, question, extra)


def test_label_request_ends_where_label_goes():
    request = body(COMPLETIONS)
    assert request.path == "/completions"
    assert request.body["prompt"].endswith("Candidate: a lamp\nSet:")
    assert (request.body["max_tokens"], request.body["logprobs"], request.body["temperature"]) == (1, 5, 0)
    assert begins_of(COMPLETIONS, Prompt()) == ""


def test_label_request_prefills_answer():
    request = body(CHAT)
    assert request.path == "/chat/completions"
    assert request.body["messages"][-1] == {"role": "assistant", "content": "Set:"}
    assert (request.body["logprobs"], request.body["top_logprobs"]) == (True, 5)
    assert "continue_final_message" not in request.body
    assert begins_of(CHAT, Prompt()) == "Set:"


def test_label_request_sends_continuation_fields():
    sent = body(msgspec.structs.replace(CHAT, prefill="fields")).body
    assert sent["continue_final_message"] is True
    assert sent["add_generation_prompt"] is False


def test_label_request_without_prefill_asks_for_name():
    endpoint = msgspec.structs.replace(CHAT, prefill="none")
    (message,) = body(endpoint).body["messages"]
    assert message["content"].endswith("Candidate: a lamp\nSet:")
    assert "name of the set alone" in message["content"]
    assert begins_of(endpoint, Prompt()) == ""


@pytest.mark.parametrize("endpoint", [CHAT, COMPLETIONS, msgspec.structs.replace(CHAT, prefill="none")])
def test_label_requests_share_bytes_up_to_question(endpoint):
    one, other = (msgspec.json.encode(body(endpoint, question).body).decode() for question in ("a lamp", "the sea"))
    shared = next(at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b)
    assert one[shared:].startswith("a lamp")
    why = explanation_request(endpoint, Prompt(), Reasoning(), SHOWN, "a lamp", "A", {})
    said = msgspec.json.encode(why.body).decode()
    assert "seven chairs" in said[: said.index("a lamp")]


@pytest.mark.parametrize(
    ("reasoning_switch", "field", "value"),
    [("reasoning", "reasoning", {"enabled": False}), ("template", "chat_template_kwargs", {"enable_thinking": False})],
)
def test_label_request_alone_turns_reasoning_off(reasoning_switch, field, value):
    endpoint = msgspec.structs.replace(CHAT, reasoning_switch=reasoning_switch)
    assert body(endpoint).body[field] == value
    assert field not in explanation_request(endpoint, Prompt(), Reasoning(), SHOWN, "a lamp", "A", {}).body


def test_label_request_holds_router_to_endpoint():
    sent = body(msgspec.structs.replace(CHAT, provider="acme/fp8")).body
    assert sent["provider"] == {"only": ["acme/fp8"], "allow_fallbacks": False, "require_parameters": True}


def test_label_request_lets_profiles_fields_win():
    assert body(CHAT, temperature=1, seed=7).body["temperature"] == 1


def test_explanation_request_asks_why_after_prefill():
    reasoning = Reasoning(max_tokens=50, prefill="Both are short")
    chat = explanation_request(CHAT, Prompt(), reasoning, SHOWN, "a lamp", "B", {}).body
    assert "Candidate: a lamp\nSet: B\n\n" in chat["messages"][0]["content"]
    assert chat["messages"][1] == {"role": "assistant", "content": "Both are short"}
    assert chat["max_tokens"] == 50
    assert "logprobs" not in chat
    plain = explanation_request(COMPLETIONS, Prompt(), reasoning, SHOWN, "a lamp", "B", {}).body
    assert plain["prompt"].endswith("Why this set: Both are short")
