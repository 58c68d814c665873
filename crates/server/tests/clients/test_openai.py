"""The `openai` package."""

import json
from typing import Literal

import openai
import pytest
from pydantic import BaseModel

SEED = 11


@pytest.fixture(scope="module")
def client(server):
    return openai.OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0, timeout=120)


def ask(text):
    return [{"role": "user", "content": text}]


def test_models(client, names, model):
    assert [entry.id for entry in client.models.list()] == names
    assert client.models.retrieve(model).id == model


def test_chat(client, model):
    reply = client.chat.completions.create(model=model, messages=ask("Say hello."), max_tokens=16, temperature=0)
    assert reply.object == "chat.completion" and reply.id.startswith("chatcmpl-")
    assert reply.choices[0].message.role == "assistant" and reply.choices[0].message.content
    assert reply.choices[0].finish_reason in ("stop", "length")
    assert reply.usage.total_tokens == reply.usage.prompt_tokens + reply.usage.completion_tokens
    assert 1 <= reply.usage.completion_tokens <= 16


@pytest.mark.parametrize("parameter", ["max_tokens", "max_completion_tokens"])
def test_both_names_of_the_limit(client, model, parameter):
    reply = client.chat.completions.create(model=model, messages=ask("Count to a hundred."), temperature=0, **{parameter: 5})
    assert reply.choices[0].finish_reason == "length" and reply.usage.completion_tokens == 5


def test_chat_stream_equals_the_whole(client, model):
    arguments = dict(model=model, messages=ask("Name three colours."), max_tokens=24, temperature=0.8, seed=SEED)
    whole = client.chat.completions.create(**arguments)
    chunks = list(client.chat.completions.create(**arguments, stream=True, stream_options={"include_usage": True}))
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == whole.choices[0].message.content
    assert chunks[0].choices[0].delta.role == "assistant"
    assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == whole.choices[0].finish_reason
    assert chunks[-1].choices == [] and chunks[-1].usage.completion_tokens == whole.usage.completion_tokens
    assert all(chunk.usage is None for chunk in chunks[:-1])
    assert len({chunk.id for chunk in chunks}) == 1


def test_stream_helper(client, model):
    with client.chat.completions.stream(model=model, messages=ask("Hi"), max_tokens=8, temperature=0) as stream:
        deltas = "".join(event.delta for event in stream if event.type == "content.delta")
        # Not get_final_completion: it refuses answers that the limit cut off.
        assert deltas == stream.current_completion_snapshot.choices[0].message.content


def test_a_closed_stream_frees_the_server(client, model, server):
    stream = client.chat.completions.create(
        model=model, messages=ask("Tell a long story."), max_tokens=2000, stream=True, extra_body={"ignore_eos": True}
    )
    next(iter(stream))
    stream.close()
    # The next request is answered at once, and by the same server.
    assert client.chat.completions.create(model=model, messages=ask("Hi"), max_tokens=2).usage.completion_tokens <= 2


def test_seed_decides(client, model):
    def draw(seed):
        reply = client.chat.completions.create(
            model=model, messages=ask("Write a line of a poem."), max_tokens=24, temperature=1.2, seed=seed
        )
        return reply.choices[0].message.content

    assert draw(1) == draw(1)
    assert len({draw(seed) for seed in range(4)}) > 1


def test_choices(client, model):
    arguments = dict(model=model, messages=ask("A word:"), max_tokens=12, temperature=1.1, seed=SEED)
    reply = client.chat.completions.create(**arguments, n=3)
    assert [choice.index for choice in reply.choices] == [0, 1, 2]
    assert len({choice.message.content for choice in reply.choices}) > 1
    assert reply.choices[0].message.content == client.chat.completions.create(**arguments).choices[0].message.content
    by_index = {0: "", 1: "", 2: ""}
    for chunk in client.chat.completions.create(**arguments, n=3, stream=True):
        for choice in chunk.choices:
            by_index[choice.index] += choice.delta.content or ""
    assert by_index == {choice.index: choice.message.content for choice in reply.choices}


def test_stop(client, model):
    arguments = dict(model=model, messages=ask("Count: 1, 2, 3, 4, 5, 6"), max_tokens=40, temperature=0)
    text = client.chat.completions.create(**arguments).choices[0].message.content
    assert len(text) > 10, text
    stop = text[6:9]
    reply = client.chat.completions.create(**arguments, stop=[stop])
    assert reply.choices[0].message.content == text[: text.index(stop)]
    assert reply.choices[0].finish_reason == "stop"


def test_logprobs(client, model):
    reply = client.chat.completions.create(
        model=model, messages=ask("Hello"), max_tokens=6, temperature=0, logprobs=True, top_logprobs=4
    )
    entries = reply.choices[0].logprobs.content
    assert len(entries) == reply.usage.completion_tokens or reply.choices[0].finish_reason == "stop"
    for entry in entries:
        assert entry.logprob <= 0 and len(entry.top_logprobs) == 4
        assert entry.top_logprobs[0].token == entry.token, "greedy takes the most likely"
        assert entry.top_logprobs == sorted(entry.top_logprobs, key=lambda top: -top.logprob)
    assert b"".join(bytes(entry.bytes) for entry in entries).decode() == reply.choices[0].message.content


def test_logit_bias(client, model):
    plain = client.chat.completions.create(
        model=model, messages=ask("Hello"), max_tokens=1, temperature=0, logprobs=True, top_logprobs=2
    )
    first = plain.choices[0].message.content
    ids = tokenize(client, model, first)
    biased = client.chat.completions.create(
        model=model, messages=ask("Hello"), max_tokens=1, temperature=0, logit_bias={str(ids[0]): -100}
    )
    assert biased.choices[0].message.content != first


def tokenize(client, model, text):
    root = str(client.base_url).removesuffix("v1/")
    answer = client._client.post(f"{root}tokenize", json={"model": model, "content": text, "add_special": False})
    assert answer.status_code == 200, answer.text
    return answer.json()["tokens"]


def test_forced_tool(client, model, weather_tool):
    reply = client.chat.completions.create(
        model=model,
        messages=ask("What is the weather like?"),
        tools=[{"type": "function", "function": weather_tool}],
        tool_choice={"type": "function", "function": {"name": "get_weather"}},
        max_tokens=120,
        temperature=0,
    )
    (call,) = reply.choices[0].message.tool_calls
    assert call.type == "function" and call.id and call.function.name == "get_weather"
    arguments = json.loads(call.function.arguments)
    assert arguments["city"] in ("Paris", "London", "Tokyo") and set(arguments) == {"city", "unit"}
    # OpenAI: "stop" where the call was forced by name, "tool_calls" where it was the model's.
    assert reply.choices[0].finish_reason in ("stop", "tool_calls")
    follow_up = client.chat.completions.create(
        model=model,
        messages=[
            *ask("What is the weather like?"),
            reply.choices[0].message.model_dump(exclude_none=True),
            {"role": "tool", "tool_call_id": call.id, "content": "sunny, 21 degrees"},
        ],
        max_tokens=16,
        temperature=0,
    )
    assert follow_up.choices[0].message.content is not None


def test_required_tool_in_a_stream(client, model, weather_tool):
    name, arguments = "", ""
    finish = None
    for chunk in client.chat.completions.create(
        model=model,
        messages=ask("What is the weather in Paris?"),
        tools=[{"type": "function", "function": weather_tool}],
        tool_choice="required",
        # More than one would be fair, and a small model goes on and on.
        parallel_tool_calls=False,
        max_tokens=120,
        temperature=0,
        stream=True,
    ):
        for choice in chunk.choices:
            finish = choice.finish_reason or finish
            for call in choice.delta.tool_calls or []:
                assert call.index == 0
                name += call.function.name or ""
                arguments += call.function.arguments or ""
    assert name == "get_weather" and set(json.loads(arguments)) == {"city", "unit"} and finish == "tool_calls"


def test_no_tool(client, model, weather_tool):
    reply = client.chat.completions.create(
        model=model,
        messages=ask("What is the weather in Paris?"),
        tools=[{"type": "function", "function": weather_tool}],
        tool_choice="none",
        max_tokens=16,
    )
    assert not reply.choices[0].message.tool_calls


class Fruit(BaseModel):
    name: Literal["apple", "banana", "cherry"]
    is_red: bool


def test_parse_into_a_class(client, model):
    reply = client.chat.completions.parse(
        model=model, messages=ask("Which fruit?"), response_format=Fruit, max_tokens=60, temperature=0.9, seed=SEED
    )
    assert isinstance(reply.choices[0].message.parsed, Fruit)


def test_json_schema_and_object(client, model):
    schema = {
        "type": "object",
        "properties": {"colour": {"enum": ["red", "blue"]}, "n": {"type": "integer", "minimum": 0, "maximum": 9}},
        "required": ["colour", "n"],
        "additionalProperties": False,
    }
    reply = client.chat.completions.create(
        model=model,
        messages=ask("Something"),
        response_format={"type": "json_schema", "json_schema": {"name": "thing", "schema": schema, "strict": True}},
        max_tokens=60,
        temperature=1,
        seed=SEED,
    )
    value = json.loads(reply.choices[0].message.content)
    assert set(value) == {"colour", "n"} and value["colour"] in ("red", "blue") and 0 <= value["n"] <= 9
    reply = client.chat.completions.create(
        model=model, messages=ask("An object in JSON"), response_format={"type": "json_object"}, max_tokens=48, temperature=0
    )
    if reply.choices[0].finish_reason == "stop":
        assert isinstance(json.loads(reply.choices[0].message.content), dict)
    assert reply.choices[0].message.content.lstrip().startswith("{")


def test_schema_that_is_not_supported_is_named(client, model):
    schema = {"type": "object", "properties": {"a": {"type": "array", "uniqueItems": True, "contains": {"type": "integer"}}}}
    with pytest.raises(openai.BadRequestError) as failure:
        client.chat.completions.create(
            model=model,
            messages=ask("x"),
            response_format={"type": "json_schema", "json_schema": {"name": "thing", "schema": schema}},
        )
    assert "uniqueItems" in str(failure.value) or "contains" in str(failure.value)


def test_completions(client, model, stories):
    whole = client.completions.create(model=stories, prompt="Once upon a time", max_tokens=16, temperature=0)
    assert whole.object == "text_completion" and whole.choices[0].text and whole.choices[0].finish_reason == "length"
    chunks = client.completions.create(model=stories, prompt="Once upon a time", max_tokens=16, temperature=0, stream=True)
    assert "".join(chunk.choices[0].text for chunk in chunks if chunk.choices) == whole.choices[0].text
    several = client.completions.create(model=model, prompt=["One", "Two"], max_tokens=3, echo=True)
    assert [choice.index for choice in several.choices] == [0, 1]
    assert several.choices[0].text.startswith("One") and several.choices[1].text.startswith("Two")
    logprobs = client.completions.create(model=model, prompt="One", max_tokens=3, logprobs=2).choices[0].logprobs
    assert len(logprobs.tokens) == 3 and all(logprob <= 0 for logprob in logprobs.token_logprobs)
    echoed = client.completions.create(model=model, prompt="One two", max_tokens=3, echo=True, logprobs=2).choices[0]
    assert echoed.text.startswith("One two") and echoed.logprobs.token_logprobs[0] is None
    assert len(echoed.logprobs.tokens) > 3 and all(logprob <= 0 for logprob in echoed.logprobs.token_logprobs[1:])


def test_responses(client, model):
    whole = client.responses.create(model=model, input="Say hello.", max_output_tokens=16, temperature=0, store=False)
    assert whole.output_text and whole.object == "response" and whole.usage.output_tokens <= 16
    events = list(client.responses.create(model=model, input="Say hello.", max_output_tokens=16, temperature=0, stream=True))
    assert events[0].type == "response.created" and events[-1].type in ("response.completed", "response.incomplete")
    assert "".join(event.delta for event in events if event.type == "response.output_text.delta") == whole.output_text
    assert [event.sequence_number for event in events] == list(range(len(events)))


def test_responses_with_tool_and_schema(client, model, weather_tool):
    reply = client.responses.create(
        model=model,
        input="Weather in Paris?",
        tools=[{"type": "function", **weather_tool}],
        tool_choice={"type": "function", "name": "get_weather"},
        max_output_tokens=120,
    )
    (call,) = [item for item in reply.output if item.type == "function_call"]
    assert call.name == "get_weather" and set(json.loads(call.arguments)) == {"city", "unit"}
    parsed = client.responses.parse(model=model, input="Which fruit?", text_format=Fruit, max_output_tokens=60)
    assert isinstance(parsed.output_parsed, Fruit)


def test_embeddings(client, model):
    reply = client.embeddings.create(model=model, input=["a cat sat", "a cat sat", "quarterly earnings"])
    first, same, other = (entry.embedding for entry in reply.data)
    assert first == same and first != other and len(first) == 576
    assert abs(sum(x * x for x in first) - 1) < 1e-3
    assert reply.usage.prompt_tokens > 0
    # The client asks for base64 by default; floats must be the same numbers.
    floats = client.embeddings.create(model=model, input="a cat sat", encoding_format="float").data[0].embedding
    assert max(abs(a - b) for a, b in zip(floats, first)) < 1e-6


@pytest.mark.parametrize(
    "change, word",
    [
        ({"temperature": 99}, "temperature"),
        ({"top_p": 2}, "top_p"),
        ({"n": 0}, "n"),
        ({"max_tokens": -7}, "max_tokens"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "wizard", "content": "x"}]}, "role"),
        ({"stop": ["x"] * 100}, "stop"),
        ({"extra_body": {"no_such_field": 1}}, "no_such_field"),
        ({"logit_bias": {"99999999": 1}}, "logit_bias"),
        ({"messages": [{"role": "user", "content": "word " * 20_000}]}, "context"),
    ],
)
def test_bad_requests_name_the_field(client, model, change, word):
    arguments = {"model": model, "messages": ask("x"), "max_tokens": 2, **change}
    with pytest.raises(openai.BadRequestError) as failure:
        client.chat.completions.create(**arguments)
    error = failure.value.body
    assert word in str(error), error
    assert error["type"] == "invalid_request_error" and {"message", "param", "code"} <= set(error)


def test_unknown_model(client):
    with pytest.raises(openai.NotFoundError) as failure:
        client.chat.completions.create(model="no-such-model", messages=ask("x"))
    assert failure.value.code == "model_not_found"


def test_keys_and_rates(guarded):
    def client(key):
        return openai.OpenAI(base_url=f"{guarded.url}/v1", api_key=key, max_retries=0)

    with pytest.raises(openai.AuthenticationError):
        client("wrong-key").models.list()
    model = next(entry.id for entry in client("free-key").models.list() if "smollm2" in entry.id.lower())
    arguments = dict(model=model, messages=ask("x"), max_tokens=1)
    client("free-key").chat.completions.create(**arguments)
    with pytest.raises(openai.RateLimitError) as failure:
        for _ in range(3):
            client("slow-key").chat.completions.create(**arguments)
    assert int(failure.value.response.headers["retry-after"]) >= 1
