"""The `ollama` package."""

import ollama
import pytest


@pytest.fixture(scope="module")
def client(server):
    return ollama.Client(host=server.url, timeout=120)


def ask(text):
    return [{"role": "user", "content": text}]


def test_chat(client, model):
    options = {"temperature": 0.7, "seed": 3, "num_predict": 16}
    whole = client.chat(model=model, messages=ask("Say hello."), options=options)
    assert whole.done and whole.message.role == "assistant" and whole.message.content
    assert whole.eval_count <= 16 and whole.prompt_eval_count > 0 and whole.total_duration > 0
    parts = list(client.chat(model=model, messages=ask("Say hello."), options=options, stream=True))
    assert "".join(part.message.content or "" for part in parts) == whole.message.content
    assert parts[-1].done and not any(part.done for part in parts[:-1])


def test_generate(client, stories):
    options = {"temperature": 0, "num_predict": 12, "stop": ["."]}
    whole = client.generate(model=stories, prompt="Once upon a time", raw=True, options=options)
    parts = client.generate(model=stories, prompt="Once upon a time", raw=True, options=options, stream=True)
    assert whole.response and "." not in whole.response
    assert "".join(part.response for part in parts) == whole.response


def test_format(client, model):
    schema = {
        "type": "object",
        "properties": {"size": {"enum": ["small", "large"]}},
        "required": ["size"],
        "additionalProperties": False,
    }
    reply = client.chat(model=model, messages=ask("Which size?"), format=schema, options={"num_predict": 40})
    assert reply.message.content in ('{"size":"small"}', '{"size":"large"}') or '"size"' in reply.message.content


def test_tools(client, model, weather_tool):
    reply = client.chat(
        model=model,
        messages=ask("What is the weather in Paris?"),
        tools=[{"type": "function", "function": weather_tool}],
        options={"num_predict": 60, "temperature": 0},
    )
    for call in reply.message.tool_calls or []:
        assert call.function.name == "get_weather"
    assert reply.message.tool_calls or reply.message.content


def test_embed(client, model):
    reply = client.embed(model=model, input=["a cat", "a cat", "taxes"])
    assert len(reply.embeddings) == 3 and reply.embeddings[0] == reply.embeddings[1] != reply.embeddings[2]
    assert len(client.embed(model=model, input="a cat").embeddings[0]) == 576


def test_models(client, model, names):
    assert {entry.model for entry in client.list().models} >= set(names)
    shown = client.show(model)
    assert shown.details.format == "gguf" and shown.template is not None
    client.chat(model=model, messages=ask("x"), options={"num_predict": 1})
    assert model in {entry.model for entry in client.ps().models}
    assert client._request_raw("GET", "/api/version").json()["version"]


def test_errors(client, model):
    with pytest.raises(ollama.ResponseError) as failure:
        client.chat(model="no-such-model", messages=ask("x"))
    assert failure.value.status_code == 404 and "no-such-model" in failure.value.error
    with pytest.raises(ollama.ResponseError) as failure:
        client.chat(model=model, messages=ask("x"), options={"temperature": -1})
    assert failure.value.status_code == 400 and "temperature" in failure.value.error
    # Nothing is fetched unless the operator allows it.
    with pytest.raises(ollama.ResponseError) as failure:
        client.pull("smollm2:135m")
    assert failure.value.status_code in (403, 404)
