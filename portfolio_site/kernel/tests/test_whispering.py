"""Messages that nobody waits for: they arrive, also after the server was away, and it is known who listens."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from portfolio_site.kernel.valkey import UNREACHABLE, client
from portfolio_site.kernel.whispering import Ear, Whisperer
from tests.support.own_valkey import OwnValkey

CHANNEL = "hf:test-of-whispers"


@pytest.fixture
def whisperer(own_valkey: OwnValkey, settings: Any) -> Iterator[Whisperer]:
    """One whose server the test may kill."""
    settings.REDIS_LOCATION = own_valkey.url
    made = Whisperer()
    yield made
    made.forget()


def heard(ear: Any, count: int) -> list[bytes]:
    """The next messages, without those of subscribing."""
    found: list[bytes] = []
    deadline = time.monotonic() + 10
    while len(found) < count and time.monotonic() < deadline:
        message = ear.get_message(timeout=1)
        if message is not None and message["type"] == "message":
            found.append(message["data"])
    return found


class TestWhispering:
    def test_arrives_in_order(self, whisperer: Whisperer, own_valkey: OwnValkey) -> None:
        with own_valkey.client().pubsub() as ear:
            ear.subscribe(CHANNEL)
            assert ear.get_message(timeout=5)["type"] == "subscribe"
            for number in range(20):
                whisperer.whisper(CHANNEL, number)
            assert heard(ear, 20) == [str(number).encode() for number in range(20)]

    def test_waits_for_no_answer(self, whisperer: Whisperer, own_valkey: OwnValkey) -> None:
        with own_valkey.client().pubsub() as ear:
            ear.subscribe(CHANNEL)
            assert ear.get_message(timeout=5)["type"] == "subscribe"
            whisperer.whisper(CHANNEL, 0)
            assert heard(ear, 1) == [b"0"]
            own_valkey.freeze()  # whoever waited for it now would be told that it is not there
            try:
                for number in range(1, 5):
                    whisperer.whisper(CHANNEL, number)
            finally:
                own_valkey.thaw()
            assert heard(ear, 4) == [b"1", b"2", b"3", b"4"]

    def test_goes_on_after_the_server_was_away(self, whisperer: Whisperer, own_valkey: OwnValkey) -> None:
        whisperer.whisper(CHANNEL, "before")
        own_valkey.kill()
        with pytest.raises(UNREACHABLE):
            whisperer.whisper(CHANNEL, "away")
        own_valkey.start()
        with own_valkey.client().pubsub() as ear:
            ear.subscribe(CHANNEL)
            assert ear.get_message(timeout=5)["type"] == "subscribe"
            whisperer.whisper(CHANNEL, "after")
            assert heard(ear, 1) == [b"after"]

    def test_takes_no_connection_from_those_of_the_process(
        self, whisperer: Whisperer, own_valkey: OwnValkey
    ) -> None:
        """Each absence costs a new one, and a process has a hundred: after as many absences nothing would be told."""
        before = client().connection_pool._created_connections
        for number in range(3):
            whisperer.forget()
            whisperer.whisper(CHANNEL, number)
            with Ear(CHANNEL) as ear:
                assert ear.wait(5)
        assert client().connection_pool._created_connections == before


class TestTelling:
    def test_knows_whether_anybody_listens(self, whisperer: Whisperer, own_valkey: OwnValkey) -> None:
        assert whisperer.tell(CHANNEL, "nobody") == 0
        with own_valkey.client().pubsub() as ear:
            ear.subscribe(CHANNEL)
            assert ear.get_message(timeout=5)["type"] == "subscribe"
            told = [whisperer.tell(CHANNEL, number) for number in range(10)]
            assert told == [1] * 10
            assert heard(ear, 10) == [str(number).encode() for number in range(10)]

    def test_believes_in_a_listener_for_a_moment_only(
        self, whisperer: Whisperer, own_valkey: OwnValkey, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with own_valkey.client().pubsub() as ear:
            ear.subscribe(CHANNEL)
            assert ear.get_message(timeout=5)["type"] == "subscribe"
            assert whisperer.tell(CHANNEL, "one") == 1
        monkeypatch.setattr("portfolio_site.kernel.whispering.BELIEVED_SECONDS", 0.0)
        deadline = time.monotonic() + 10
        while whisperer.tell(CHANNEL, "two") and time.monotonic() < deadline:
            time.sleep(0.01)
        assert whisperer.tell(CHANNEL, "three") == 0


class TestEar:
    def test_hears_once_of_much_that_was_said(self, whisperer: Whisperer) -> None:
        with Ear(CHANNEL) as ear:
            assert ear.wait(5)  # it listens now
            whisperer.whisper_all([(CHANNEL, b"a"), (CHANNEL, b"b" * 1000)])
            assert ear.wait(5)
            assert not ear.wait(0.05)

    def test_says_when_the_server_goes_away(self, whisperer: Whisperer, own_valkey: OwnValkey) -> None:
        with Ear(CHANNEL) as ear:
            assert ear.wait(5)
            own_valkey.kill()
            with pytest.raises(UNREACHABLE):
                ear.wait(5)

    @pytest.mark.parametrize("hangs", [False, True])
    def test_asks_a_silent_server_whether_it_is_there(
        self, whisperer: Whisperer, own_valkey: OwnValkey, monkeypatch: pytest.MonkeyPatch, hangs: bool
    ) -> None:
        monkeypatch.setattr("portfolio_site.kernel.whispering.ASK_SECONDS", 0.0)
        monkeypatch.setattr("portfolio_site.kernel.whispering.GONE_SECONDS", 0.3)
        with Ear(CHANNEL) as ear:
            assert ear.wait(5)
            if not hangs:
                assert not ear.wait(0.01)
                assert ear.wait(5)  # its answer
                return
            own_valkey.freeze()
            try:
                assert not ear.wait(0.01)
                with pytest.raises(UNREACHABLE):
                    ear.wait(0.4)
            finally:
                own_valkey.thaw()
