"""`instructor`, in an environment of its own: `python instructor_cases.py CASE URL MODEL`; a case that fails raises."""

import sys

import anthropic
import instructor
import openai
from pydantic import BaseModel


class Place(BaseModel):
    """A place and how warm it is."""

    city: str
    celsius: int


PLACE = Place(city="Paris", celsius=21)
ASK = [{"role": "user", "content": "Say it as a tortoise object."}]
# The scripted model writes the bare object where it reads this word; in this mode instructor says nothing of its own.
ASK_BARE = [{"role": "user", "content": "Say it as JSON object."}]


def of_openai(url, mode):
    client = openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0)
    return instructor.from_openai(client, mode=mode)


def of_anthropic(url, mode):
    client = anthropic.Anthropic(base_url=url, api_key="none", max_retries=0)
    return instructor.from_anthropic(client, mode=mode)


def create(client, model, messages=ASK, **more):
    return client.chat.completions.create(model=model, messages=messages, response_model=Place, max_retries=0, **more)


CASES = {
    "tools": lambda url, model: create(of_openai(url, instructor.Mode.TOOLS), model),
    "strict_tools": lambda url, model: create(of_openai(url, instructor.Mode.TOOLS_STRICT), model),
    "json": lambda url, model: create(of_openai(url, instructor.Mode.JSON), model),
    "json_schema": lambda url, model: create(of_openai(url, instructor.Mode.JSON_SCHEMA), model, messages=ASK_BARE),
    "responses_tools": lambda url, model: create(of_openai(url, instructor.Mode.RESPONSES_TOOLS), model),
    "anthropic_tools": lambda url, model: create(of_anthropic(url, instructor.Mode.ANTHROPIC_TOOLS), model, max_tokens=200),
    "partial": lambda url, _: list(
        of_openai(url, instructor.Mode.TOOLS).chat.completions.create_partial(
            # The tool has another name than that of the whole type.
            model="partial", messages=ASK, response_model=Place, max_retries=0
        )
    )[-1],
}

if __name__ == "__main__":
    name, url, model = sys.argv[1:]
    place = CASES[name](url, model)
    assert place.city == PLACE.city and place.celsius == PLACE.celsius, place
