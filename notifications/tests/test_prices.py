"""Live prices: who may watch what, and how often a page is told."""

import time
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction

from marketdata.models import Instrument
from marketdata.operations import set_quote
from marketdata.queries.attention import recently_looked_at
from notifications import prices
from notifications.tests.conftest import NOW
from portfolio_site.kernel import clock

pytestmark = pytest.mark.django_db(transaction=True)


def _instrument(symbol, owner=None):
    return Instrument.objects.create(
        symbol=symbol, name=symbol, asset_class="equity", currency="USD", owner=owner
    )


def _quote(instrument, last):
    set_quote(
        instrument_id=instrument.pk,
        bid=Decimal(last) - 1,
        ask=Decimal(last) + 1,
        last=Decimal(last),
        now=clock.now(),
    )


class TestWatch:
    def test_brings_known_prices_at_once_and_new_ones_as_they_come(self, open_socket, person):
        shared = _instrument("AAA")
        _quote(shared, "100.50")
        with open_socket(person) as socket:
            socket.hello()
            socket.send({"action": "watch", "instruments": [shared.pk]})
            first = socket.receive()
            assert first["type"] == "prices"
            [quote] = first["quotes"]
            assert (quote["id"], quote["last"], quote["bid"], quote["ask"]) == (
                shared.pk,
                "100.5",
                "99.5",
                "101.5",
            )
            _wait_for_subscription()
            _quote(shared, "110")
            assert socket.receive()["quotes"][0]["last"] == "110"

    def test_leaves_out_what_belongs_to_somebody_else(self, open_socket, person, outsider):
        theirs, mine = _instrument("HIDDEN", outsider), _instrument("MINE", person)
        _quote(theirs, "5")
        _quote(mine, "6")
        with open_socket(person) as socket:
            socket.hello()
            socket.send({"action": "watch", "instruments": [theirs.pk, mine.pk, 10**12]})
            assert [q["id"] for q in socket.receive()["quotes"]] == [mine.pk]
            _wait_for_subscription()
            _quote(theirs, "7")
            assert socket.silent()

    def test_keeps_what_is_on_an_open_page_fresh(self, open_socket, person):
        shared, other = _instrument("AAA"), _instrument("BBB")
        with open_socket(person) as socket:
            socket.hello()
            socket.send({"action": "watch", "instruments": [shared.pk]})
            deadline = time.monotonic() + 15
            while shared.pk not in recently_looked_at() and time.monotonic() < deadline:
                time.sleep(0.1)
            assert shared.pk in recently_looked_at()
            assert other.pk not in recently_looked_at()

    def test_ends_with_an_empty_list(self, open_socket, person):
        shared = _instrument("AAA")
        _quote(shared, "10")
        with open_socket(person) as socket:
            socket.hello()
            socket.send({"action": "watch", "instruments": [shared.pk]})
            socket.receive()
            socket.send({"action": "watch", "instruments": []})
            socket.send({"action": "ping"})
            assert socket.receive()["type"] == "pong"
            _quote(shared, "20")
            assert socket.silent()

    def test_tells_a_page_at_most_four_times_a_second_and_the_latest_price_last(self, open_socket, person):
        shared = _instrument("FAST")
        _quote(shared, "10")
        with open_socket(person) as socket:
            socket.hello()
            socket.send({"action": "watch", "instruments": [shared.pk]})
            socket.receive()
            _wait_for_subscription()
            client = prices._client()
            begun, number = time.monotonic(), 0
            while time.monotonic() - begun < 1.0:
                number += 1
                client.publish(
                    prices.CHANNEL, f'[[{shared.pk}, "{{\\"id\\":{shared.pk},\\"last\\":\\"{number}\\"}}"]]'
                )
                time.sleep(0.01)
            frames: list[dict[str, Any]] = []
            while not frames or frames[-1]["quotes"][0]["last"] != str(number):
                frames.append(socket.receive())
            assert 3 <= len(frames) <= 6
            assert number > 30


class TestPublishing:
    def test_reads_nothing_while_nobody_watches(self, db, django_assert_num_queries, monkeypatch):
        instrument = _instrument("AAA")
        # The server of earlier tests may still listen for a page that has just gone: here there is nobody for certain.
        monkeypatch.setattr(prices, "CHANNEL", "hf:prices-of-nobody")
        with django_assert_num_queries(0):
            prices.publish_quotes([instrument.pk])

    def test_waits_for_the_commit(self, db, monkeypatch):
        told: list[int] = []

        def client():
            told.append(1)
            return _NoRedis()

        monkeypatch.setattr(prices, "_client", client)
        with transaction.atomic():
            prices.publish_quotes([1])
            assert told == []
        assert told == [1]

    def test_goes_on_when_redis_is_down(self, db, monkeypatch):
        class Down:
            def pubsub_numsub(self, _channel):
                raise OSError("down")

        monkeypatch.setattr(prices, "_client", Down)
        prices.publish_quotes([1])


class _NoRedis:
    def pubsub_numsub(self, channel):
        return [(channel.encode(), 0)]


def _wait_for_subscription():
    """Until the server process listens (its subscription begins with the first watcher)."""
    _wait_until(lambda: _listeners() > 0)


def _listeners() -> int:
    found = dict(prices._client().pubsub_numsub(prices.CHANNEL))
    return found.get(prices.CHANNEL.encode(), 0)


def _wait_until(holds):
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if holds():
            return
        time.sleep(0.02)
    raise AssertionError(f"who listens is not what it should be ({NOW})")
