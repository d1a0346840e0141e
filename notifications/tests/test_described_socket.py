"""The description of the socket at `/api/events/` and `/api/asyncapi.yaml`, held against what the socket really says."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from portfolio_site.web.live_docs import document


def described(frame: dict[str, Any]) -> None:
    """A frame fits the schema of its kind, and names nothing that is not in it."""
    message = document()["components"]["messages"][frame["type"]]
    schema = {**message["payload"], "additionalProperties": False}
    Draft202012Validator(schema).validate(frame)


class TestTheDocument:
    def test_examples_fit_their_own_schemas(self) -> None:
        for name, message in document()["components"]["messages"].items():
            Draft202012Validator.check_schema(message["payload"])
            for example in message["examples"]:
                Draft202012Validator(message["payload"]).validate(example["payload"])
            assert message["summary"], name

    def test_is_served_to_everybody_as_a_file_and_as_a_page(self, client: Any, db: None) -> None:
        served = client.get("/api/asyncapi.yaml")
        assert yaml.safe_load(served.content) == document()
        page = client.get("/api/events/")
        assert page.status_code == 200
        for name in document()["components"]["messages"]:
            assert f'id="message-{name}"' in page.content.decode()


@pytest.mark.django_db(transaction=True)
class TestWhatIsSaid:
    def test_every_frame_of_a_session_is_as_described(self, open_socket: Any, person: Any, tell: Any) -> None:
        with open_socket(person) as socket:
            frames = list(socket.hello())
            socket.send({"action": "ping"})
            frames.append(socket.receive())
            socket.send("no JSON")
            frames.append(socket.receive())
            tell(person, 1, body="Bought 3", url="/orders/x/", refresh=("blotter",))
            frames.append(socket.receive())

        assert [frame["type"] for frame in frames] == ["ready", "pong", "error", "event"]
        for frame in frames:
            described(frame)
