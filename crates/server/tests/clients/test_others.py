"""Clients over the OpenAI API: `litellm`, `langchain-openai`, `llm`."""

import os
import subprocess
import sys
from typing import Literal

import pytest
from pydantic import BaseModel

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # else litellm asks the network for prices
os.environ["DO_NOT_TRACK"] = "1"


class Size(BaseModel):
    """A size."""

    size: Literal["small", "large"]


def ask(text):
    return [{"role": "user", "content": text}]


@pytest.fixture(scope="module")
def litellm():
    import litellm  # here, after the environment is set, and because it takes seconds

    return litellm


def test_litellm(litellm, server, model, weather_tool):
    arguments = dict(model=f"openai/{model}", api_base=f"{server.url}/v1", api_key="none", num_retries=0)
    whole = litellm.completion(**arguments, messages=ask("Say hello."), max_tokens=12, temperature=0)
    assert whole.choices[0].message.content and whole.usage.completion_tokens <= 12
    parts = litellm.completion(**arguments, messages=ask("Say hello."), max_tokens=12, temperature=0, stream=True)
    assert "".join(part.choices[0].delta.content or "" for part in parts) == whole.choices[0].message.content
    forced = litellm.completion(
        **arguments,
        messages=ask("Weather?"),
        tools=[{"type": "function", "function": weather_tool}],
        tool_choice={"type": "function", "function": {"name": "get_weather"}},
        max_tokens=120,
    )
    assert forced.choices[0].message.tool_calls[0].function.name == "get_weather"
    parsed = litellm.completion(**arguments, messages=ask("Size?"), response_format=Size, max_tokens=40)
    assert Size.model_validate_json(parsed.choices[0].message.content)
    embedding = litellm.embedding(**arguments, input=["a cat"])
    assert len(embedding.data[0]["embedding"]) == 576


def test_litellm_speaks_anthropic_and_ollama(litellm, server, model):
    reply = litellm.completion(
        model=f"anthropic/{model}", api_base=server.url, api_key="none", messages=ask("Hello"), max_tokens=6, num_retries=0
    )
    assert reply.choices[0].message.content
    reply = litellm.completion(model=f"ollama_chat/{model}", api_base=server.url, messages=ask("Hello"), max_tokens=6)
    assert reply.choices[0].message.content


def test_litellm_errors(litellm, server, guarded, model):
    arguments = dict(messages=ask("x"), num_retries=0, max_retries=0)
    with pytest.raises(litellm.NotFoundError):
        litellm.completion(model="openai/none", api_base=f"{server.url}/v1", api_key="none", **arguments)
    with pytest.raises(litellm.BadRequestError):
        litellm.completion(model=f"openai/{model}", api_base=f"{server.url}/v1", api_key="none", temperature=9, **arguments)
    with pytest.raises(litellm.AuthenticationError):
        litellm.completion(model=f"openai/{model}", api_base=f"{guarded.url}/v1", api_key="wrong", **arguments)


def test_langchain(server, model):
    from langchain_openai import ChatOpenAI, OpenAIEmbeddings

    chat = ChatOpenAI(
        model=model, base_url=f"{server.url}/v1", api_key="none", temperature=0, max_tokens=40, max_retries=0
    )
    whole = chat.invoke("Say hello.")
    assert whole.content and whole.usage_metadata["output_tokens"] <= 40
    assert "".join(part.content for part in chat.stream("Say hello.")) == whole.content

    def get_size(size: Literal["small", "large"]) -> str:
        """The size of a thing."""
        return size

    forced = chat.bind_tools([get_size], tool_choice="get_size").invoke("Which size?")
    assert forced.tool_calls[0]["name"] == "get_size" and forced.tool_calls[0]["args"]["size"] in ("small", "large")
    for method in ("json_schema", "function_calling"):
        assert isinstance(chat.with_structured_output(Size, method=method).invoke("Which size?"), Size)
    first, second = chat.batch(["Say hello.", "Say hello."])
    assert first.content == second.content == whole.content
    embeddings = OpenAIEmbeddings(
        model=model, base_url=f"{server.url}/v1", api_key="none", check_embedding_ctx_length=False
    )
    assert len(embeddings.embed_query("a cat")) == 576


def test_llm_command(server, model, stories, tmp_path):
    (tmp_path / "extra-openai-models.yaml").write_text(
        f"- model_id: served\n  model_name: '{model}'\n  api_base: '{server.url}/v1'\n  supports_schema: true\n  supports_tools: true\n"
        f"- model_id: story\n  model_name: '{stories}'\n  api_base: '{server.url}/v1'\n  completion: true\n"
    )

    def llm(*arguments):
        environment = {**os.environ, "LLM_USER_PATH": str(tmp_path), "OPENAI_API_KEY": "none"}
        command = [sys.executable, "-m", "llm", *arguments]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    fixed = ["-o", "temperature", "0", "-o", "max_tokens", "16", "-m", "served"]
    assert "served" in llm("models")
    streamed = llm("prompt", "Say hello.", *fixed)
    assert streamed and streamed == llm("prompt", "Say hello.", "--no-stream", *fixed)
    assert llm("prompt", "Once upon a time", "-m", "story", "-o", "max_tokens", "8")
    schema = '{"type":"object","properties":{"ok":{"type":"boolean"}},"required":["ok"],"additionalProperties":false}'
    assert '"ok"' in llm("prompt", "All well?", "--schema", schema, *fixed)
