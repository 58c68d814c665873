"""Frameworks for agents: `openai-agents`, `pydantic-ai`, `langchain-ollama`, `instructor`; a scripted model calls their tools and fills their types."""

import asyncio
import os
import subprocess
from pathlib import Path

import pytest
from pydantic import BaseModel

from scripted import call, small_talk, write
from served import Served, smollm2

os.environ["OPENAI_AGENTS_DISABLE_TRACING"] = "1"
GREETING = "Hello from a small model."
ANSWER = "It is 21 degrees in Paris."
RESULT = "warm, with turmeric"
WEATHER = "Please look at the volcano weather in Paris."
STRUCTURED = "Say it as a tortoise object."


class Place(BaseModel):
    """A place and how warm it is."""

    city: str
    celsius: int


PLACE = Place(city="Paris", celsius=21)


@pytest.fixture(scope="module")
def scripted(logs, tmp_path_factory):
    """`talker` calls a tool when asked for; `filler` and `partial` answer with a call that fills the type Place."""
    folder = tmp_path_factory.mktemp("frameworks")
    talker = small_talk(folder / "talker.gguf", call("get_weather", city="Paris"))
    place = call("Place", city="Paris", celsius=21)
    filler = write(folder / "filler.gguf", smollm2(), place, [("JSON schema", PLACE.model_dump_json())])
    partial = write(folder / "partial.gguf", smollm2(), call("PartialPlace", city="Paris", celsius=21))
    server = Served(models=[talker, filler, partial], log=logs / "frameworks.log")
    yield server
    assert server.stop() == 0


def agents_model(api, url):
    import agents
    import openai

    client = openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0)
    kinds = {"responses": agents.OpenAIResponsesModel, "chat": agents.OpenAIChatCompletionsModel}
    return kinds[api](model="talker", openai_client=client)


@pytest.mark.parametrize("api", ["responses", "chat"])
def test_openai_agents(scripted, api):
    import agents

    seen = []

    @agents.function_tool
    def get_weather(city: str) -> str:
        """The weather of a city."""
        seen.append(city)
        return RESULT

    model = agents_model(api, scripted.url)
    plain = agents.Agent(name="plain", instructions="Be brief.", model=model, tools=[get_weather])
    assert agents.Runner.run_sync(plain, "Hi.").final_output == GREETING
    assert agents.Runner.run_sync(plain, WEATHER).final_output == ANSWER
    assert seen == ["Paris"]
    settings = agents.ModelSettings(reasoning={"effort": "low", "summary": "auto"})
    typed = agents.Agent(
        name="typed", instructions="Be brief.", model=model, tools=[get_weather], output_type=Place, model_settings=settings
    )
    assert agents.Runner.run_sync(typed, STRUCTURED).final_output == PLACE

    async def streamed():
        # Connections belong to an event loop.
        fresh = plain.clone(model=agents_model(api, scripted.url))
        run = agents.Runner.run_streamed(fresh, WEATHER)
        async for _ in run.stream_events():
            pass
        return run.final_output

    assert asyncio.run(streamed()) == ANSWER


@pytest.mark.parametrize("api", ["responses", "chat", "anthropic", "ollama"])
def test_pydantic_ai(scripted, api):
    from pydantic_ai import Agent, NativeOutput
    from pydantic_ai.models.anthropic import AnthropicModel
    from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
    from pydantic_ai.providers.anthropic import AnthropicProvider
    from pydantic_ai.providers.ollama import OllamaProvider
    from pydantic_ai.providers.openai import OpenAIProvider

    openai = OpenAIProvider(base_url=f"{scripted.url}/v1", api_key="none")
    model = {
        "responses": lambda: OpenAIResponsesModel("talker", provider=openai),
        "chat": lambda: OpenAIChatModel("talker", provider=openai),
        "anthropic": lambda: AnthropicModel("talker", provider=AnthropicProvider(base_url=scripted.url, api_key="none")),
        "ollama": lambda: OpenAIChatModel("talker", provider=OllamaProvider(base_url=f"{scripted.url}/v1")),
    }[api]()
    agent = Agent(model)
    seen = []

    @agent.tool_plain
    def get_weather(city: str) -> str:
        """The weather of a city."""
        seen.append(city)
        return RESULT

    assert agent.run_sync("Hi.").output == GREETING
    first = agent.run_sync(WEATHER)
    assert first.output == ANSWER and seen == ["Paris"]
    assert agent.run_sync("Thank you.", message_history=first.all_messages()).output == ANSWER
    if api != "anthropic":
        typed = Agent(model, output_type=NativeOutput(Place), tools=[get_weather])
        assert typed.run_sync(STRUCTURED).output == PLACE


def test_langchain_ollama(scripted):
    from langchain_core.messages import HumanMessage, ToolMessage
    from langchain_core.tools import tool
    from langchain_ollama import ChatOllama, OllamaEmbeddings

    @tool
    def get_weather(city: str) -> str:
        """The weather of a city."""
        return RESULT

    chat = ChatOllama(model="talker", base_url=scripted.url, num_ctx=1 << 20)
    assert chat.invoke("Hi.").content == GREETING
    assert "".join(part.content for part in chat.stream("Hi.")) == GREETING
    bound = chat.bind_tools([get_weather])
    asked = bound.invoke(WEATHER)
    result = ToolMessage(get_weather.invoke(asked.tool_calls[0]["args"]), tool_call_id=asked.tool_calls[0]["id"])
    assert bound.invoke([HumanMessage(WEATHER), asked, result]).content == ANSWER
    assert chat.with_structured_output(Place, method="json_schema").invoke(STRUCTURED) == PLACE
    assert len(OllamaEmbeddings(model="talker", base_url=scripted.url).embed_documents(["one", "two"])) == 2


def instructor_cases():
    text = Path(__file__).with_name("instructor_cases.py").read_text()
    return [line.split('"')[1] for line in text.splitlines() if line.startswith('    "') and "lambda" in line]


@pytest.mark.parametrize("case", instructor_cases())
def test_instructor(scripted, case):
    script = Path(__file__).with_name("instructor_cases.py")
    command = [os.environ["TRINITY_INSTRUCTOR"], script, case, scripted.url, "filler"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
