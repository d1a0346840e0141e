"""What a broker takes of an instrument is told on the ticket, before anything is placed, and never asked for by a page."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.core.cache import cache
from django.urls import reverse

from holdings.models import Portfolio
from portfolio_site.kernel import clock
from trading import operations, tasks
from trading.brokers.alpaca import AlpacaBroker
from trading.brokers.base import BrokerUnreachableError, RemoteAsset
from trading.models import TradingAccount
from trading.queries import asset_at_broker
from trading.tests.support import make_account, make_instrument, sent, set_quote
from trading.tests.test_brokers_web import connection_of

WHOLE = RemoteAsset(
    symbol="ACME",
    is_tradable=True,
    is_fractionable=False,
    is_shortable=False,
    is_easy_to_borrow=False,
    is_marginable=True,
)


@pytest.fixture
def share(db):
    instrument = make_instrument("ACME")
    set_quote(instrument, "100.00", "100.02", at=clock.now())
    return instrument


@pytest.fixture
def connection(trader):
    return connection_of(trader)


@pytest.fixture
def at_broker(trader, connection):
    """An account at a broker, as far as a ticket needs one."""
    account = make_account(trader)
    TradingAccount.objects.filter(portfolio_id=account).update(
        broker_connection=connection, multiplier=2, shorting_enabled=True
    )
    Portfolio.objects.filter(pk=account).update(kind="broker", allow_short=True, allow_negative_cash=True)
    return account


@pytest.fixture
def asked(monkeypatch):
    """The jobs that were wished for."""
    found: list[dict[str, Any]] = []
    monkeypatch.setattr(tasks.ask_about_asset, "apply_async", lambda *_, kwargs, **__: found.append(kwargs))
    return found


@pytest.fixture
def says(monkeypatch):
    """Let the broker answer so."""

    def says(answer):
        def asset(_self, symbol):
            if isinstance(answer, Exception):
                raise answer
            return answer

        monkeypatch.setattr(AlpacaBroker, "asset", asset)

    return says


@pytest.fixture
def ticket(client, trader, at_broker, share, asked, django_capture_on_commit_callbacks):
    """Send a ticket of the account at the broker."""
    client.force_login(trader)

    def send(name, step="review", **changes):
        fields = {
            "side": "buy",
            "instrument": str(share.pk),
            "quantity": "1",
            "type": "market",
            "time_in_force": "day",
            "client_order_id": str(uuid.uuid4()),
            "step": step,
            **changes,
        }
        with django_capture_on_commit_callbacks(execute=True):
            return sent(client, reverse(f"trading:{name}", args=[at_broker]), fields).content.decode()

    return send


def told(connection, share):
    operations.ask_about_asset(connection_id=connection.pk, instrument_id=share.pk)


class TestTheTicket:
    def test_asks_off_the_page_and_once(self, ticket, asked, connection, share):
        assert "Asking My Alpaca what it takes of ACME" in ticket("preview")
        ticket("preview")
        assert asked == [{"connection_id": str(connection.pk), "instrument_id": share.pk}]

    def test_tells_what_the_broker_takes(self, ticket, connection, share, says):
        says(WHOLE)
        told(connection, share)
        text = ticket("preview")
        assert "At My Alpaca: whole units only · no short sales · on margin." in text
        assert "would reject" not in text
        assert "Asking" not in text

    @pytest.mark.parametrize(
        ("answer", "changes", "sentence"),
        [
            (WHOLE, {"quantity": "1.5"}, "takes whole units of ACME only"),
            (WHOLE, {"quantity": "", "notional": "50"}, "takes whole units of ACME only"),
            (WHOLE, {"side": "sell"}, "has no ACME to lend"),
            (None, {}, "does not know ACME"),
        ],
    )
    def test_says_ahead_what_would_be_rejected(
        self, ticket, connection, share, says, answer, changes, sentence
    ):
        says(answer)
        told(connection, share)
        for name in ("preview", "new"):
            text = ticket(name, **changes)
            assert sentence in text
            assert "would reject" in text

    def test_says_so_before_anything_but_the_instrument_is_chosen(self, ticket, connection, share, says):
        from dataclasses import replace

        says(replace(WHOLE, is_tradable=False))
        told(connection, share)
        assert "does not trade ACME at the moment" in ticket("preview", quantity="")

    def test_a_broker_that_is_away_is_not_asked_again_at_once(
        self, ticket, connection, share, says, asked, caplog
    ):
        says(BrokerUnreachableError("Not there."))
        told(connection, share)
        text = ticket("preview")
        assert "Asking" not in text
        assert "would reject" not in text
        assert asked == []

    def test_an_account_of_the_simulated_exchange_asks_nobody(self, client, trader, share, asked):
        account = make_account(trader)
        client.force_login(trader)
        client.get(reverse("trading:new", args=[account]), {"instrument": share.pk})
        assert asset_at_broker(account, instrument_id=share.pk, symbol="ACME") is None
        assert asked == []


class TestAsking:
    def test_a_connection_that_has_ended_is_not_asked(self, connection, share, says, monkeypatch):
        operations.disconnect_broker(connection_id=connection.pk, actor=connection.owner, now=clock.now())
        monkeypatch.setattr(AlpacaBroker, "asset", lambda *_: pytest.fail("it was asked"))
        told(connection, share)

    def test_without_a_cache_nobody_is_asked(self, at_broker, share, asked, monkeypatch):
        monkeypatch.setattr(cache, "get", lambda *_: None)
        monkeypatch.setattr(cache, "add", lambda *_: False)
        found = asset_at_broker(at_broker, instrument_id=share.pk, symbol="ACME")
        assert found is not None
        assert (found.state, found.words, found.obstacles()) == ("away", "", ())
        assert asked == []

    def test_what_was_said_holds_for_this_connection_alone(self, trader, connection, share, says, at_broker):
        says(WHOLE)
        told(connection, share)
        other = connection_of(trader, remote_account="another")
        TradingAccount.objects.filter(portfolio_id=at_broker).update(broker_connection=other)
        found = asset_at_broker(at_broker, instrument_id=share.pk, symbol="ACME")
        assert found is not None
        assert found.asset is None
