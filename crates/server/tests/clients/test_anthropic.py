"""The `anthropic` package."""

import anthropic
import pytest


@pytest.fixture(scope="module")
def client(server):
    return anthropic.Anthropic(base_url=server.url, api_key="none", max_retries=0, timeout=120)


# This version of the client has no argument for it any more; the API still has the field.
GREEDY = {"extra_body": {"temperature": 0}}


def ask(text):
    return [{"role": "user", "content": text}]


def tool(weather_tool):
    return {
        "name": weather_tool["name"],
        "description": weather_tool["description"],
        "input_schema": weather_tool["parameters"],
    }


def test_message(client, model):
    reply = client.messages.create(model=model, max_tokens=12, messages=ask("Say hello."), system="Be brief.", **GREEDY)
    assert reply.type == "message" and reply.role == "assistant" and reply.id.startswith("msg_")
    assert reply.content[0].type == "text" and reply.content[0].text
    assert reply.stop_reason in ("end_turn", "max_tokens")
    assert reply.usage.input_tokens > 0 and 1 <= reply.usage.output_tokens <= 12


def test_stream_equals_the_whole_and_keeps_its_order(client, model):
    arguments = dict(model=model, max_tokens=16, messages=ask("Name two animals."), **GREEDY)
    whole = client.messages.create(**arguments)
    events = list(client.messages.create(**arguments, stream=True))
    kinds = [event.type for event in events if event.type != "ping"]
    assert kinds[:2] == ["message_start", "content_block_start"]
    assert kinds[-3:] == ["content_block_stop", "message_delta", "message_stop"]
    assert set(kinds[2:-3]) == {"content_block_delta"}
    text = "".join(event.delta.text for event in events if event.type == "content_block_delta")
    assert text == whole.content[0].text
    with client.messages.stream(**arguments) as stream:
        assert "".join(stream.text_stream) == text
        assert stream.get_final_message().usage.output_tokens == whole.usage.output_tokens


def test_stop_sequence(client, model):
    arguments = dict(model=model, max_tokens=40, messages=ask("Count: 1, 2, 3, 4, 5"), **GREEDY)
    text = client.messages.create(**arguments).content[0].text
    stop = text[6:9]
    reply = client.messages.create(**arguments, stop_sequences=[stop])
    assert reply.stop_reason == "stop_sequence" and reply.stop_sequence == stop
    assert reply.content[0].text == text[: text.index(stop)]


def test_forced_tool(client, model, weather_tool):
    arguments = dict(
        model=model,
        max_tokens=120,
        messages=ask("What is the weather?"),
        tools=[tool(weather_tool)],
        tool_choice={"type": "tool", "name": "get_weather"},
        **GREEDY,
    )
    reply = client.messages.create(**arguments)
    (call,) = [block for block in reply.content if block.type == "tool_use"]
    assert call.name == "get_weather" and set(call.input) == {"city", "unit"} and reply.stop_reason == "tool_use"
    with client.messages.stream(**arguments) as stream:
        final = stream.get_final_message()
    assert [block.input for block in final.content if block.type == "tool_use"] == [call.input]
    follow_up = client.messages.create(
        model=model,
        max_tokens=12,
        tools=[tool(weather_tool)],
        messages=[
            *ask("What is the weather?"),
            {"role": "assistant", "content": [call.model_dump(include={"type", "id", "name", "input"})]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": call.id, "content": "sunny"}]},
        ],
    )
    assert follow_up.content


def test_count_tokens(client, model):
    counted = client.messages.count_tokens(model=model, messages=ask("How many tokens is this?"), system="Count.")
    reply = client.messages.create(model=model, max_tokens=1, messages=ask("How many tokens is this?"), system="Count.")
    # In this API what was read from the cache is counted beside the input, not in it.
    read, written = reply.usage.cache_read_input_tokens or 0, reply.usage.cache_creation_input_tokens or 0
    assert counted.input_tokens == reply.usage.input_tokens + read + written


def test_errors(client, model, guarded):
    with pytest.raises(anthropic.BadRequestError) as failure:
        client.messages.create(model=model, max_tokens=4, messages=ask("x"), extra_body={"temperature": 7})
    assert failure.value.body["type"] == "error" and failure.value.body["error"]["type"] == "invalid_request_error"
    assert "temperature" in failure.value.body["error"]["message"]
    with pytest.raises(anthropic.NotFoundError) as failure:
        client.messages.create(model="no-such-model", max_tokens=4, messages=ask("x"))
    assert failure.value.body["error"]["type"] == "not_found_error"
    with pytest.raises(anthropic.AuthenticationError):
        anthropic.Anthropic(base_url=guarded.url, api_key="wrong", max_retries=0).messages.create(
            model=model, max_tokens=4, messages=ask("x")
        )
    allowed = anthropic.Anthropic(base_url=guarded.url, api_key="free-key", max_retries=0)
    assert allowed.messages.create(model=model, max_tokens=1, messages=ask("x")).usage.output_tokens == 1
