"""One server with two models for all tests of clients, one with keys; others start their own."""

import json
import os

import pytest

from served import Existing, Served


@pytest.fixture(scope="session")
def logs(tmp_path_factory):
    return tmp_path_factory.mktemp("logs")


@pytest.fixture(scope="session")
def server(logs):
    """TRINITY_CLIENTS_URL names one that runs already."""
    url = os.environ.get("TRINITY_CLIENTS_URL")
    server = Existing(url) if url else Served(log=logs / "server.log")
    yield server
    if not url:
        panics = server.metrics()["trinity_panics_total"]
        assert server.stop() == 0, "a server that is told to stop ends with success"
        assert panics == 0


@pytest.fixture(scope="session")
def names(server):
    """Model names that the server lists."""
    status, _, body = server.get("/v1/models")
    assert status == 200, body
    return [entry["id"] for entry in json.loads(body)["data"]]


@pytest.fixture(scope="session")
def model(names):
    """The chat model's name."""
    return next(name for name in names if "smollm2" in name.lower())


@pytest.fixture(scope="session")
def stories(names):
    """The other model: it has no chat template."""
    return next(name for name in names if "stories" in name.lower())


@pytest.fixture(scope="session")
def guarded(logs, tmp_path_factory):
    """A server with two keys: one free, one that may ask once a minute."""
    keys = tmp_path_factory.mktemp("keys") / "keys.toml"
    keys.write_text(
        '[[keys]]\nkey = "free-key"\nname = "free"\n\n[[keys]]\nkey = "slow-key"\nname = "slow"\nrequests_per_minute = 1\n'
    )
    keys.chmod(0o600)
    server = Served("--api-key-file", keys, log=logs / "guarded.log")
    yield server
    server.stop()


@pytest.fixture
def weather_tool():
    """A tool whose arguments end soon, whatever the model writes."""
    return {
        "name": "get_weather",
        "description": "Get the current weather of a city.",
        "parameters": {
            "type": "object",
            "properties": {
                "city": {"type": "string", "enum": ["Paris", "London", "Tokyo"]},
                "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]},
            },
            "required": ["city", "unit"],
            "additionalProperties": False,
        },
    }
