"""The books beside the broker's, and what is only read there."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.core.management import call_command

from holdings import queries as books
from portfolio_site.kernel import clock
from trading import operations, queries
from trading.brokers.base import BrokerUnreachableError
from trading.models import Fill, Order
from trading.tests.brokers.support import Desk, connect
from trading.tests.support import make_instrument, make_user, set_quote
from trading.wire.tests.support import make_bot

pytestmark = pytest.mark.django_db(transaction=True)


class TestComparing:
    def test_a_difference_is_shown_and_not_hidden(self, desk: Desk):
        desk.place()
        desk.send()
        desk.catch_up()
        # Shares that came to the broker by another way than a trade.
        from django.db import transaction

        from holdings.operations import Entry, post_account_entry

        with transaction.atomic():
            post_account_entry(
                portfolio_id=desk.remote.portfolio_id,
                entry=Entry(
                    type="delivery_in",
                    occurred=clock.now(),
                    instrument_id=desk.share.pk,
                    quantity=Decimal(2),
                    price=Decimal(100),
                ),
                actor=desk.remote.user,
                now=clock.now(),
            )  # fmt: skip
        found = desk.compare()
        assert [(row.kind, row.ours, row.theirs) for row in found] == [("position", 5, 7)]
        since = desk.row().differences[0]["since"]
        desk.compare()
        assert desk.row().differences[0]["since"] == since
        assert books.position_quantity(desk.portfolio_id, desk.share.pk) == 5
        assert (
            operations.book_differences(connection_id=desk.connection_id, actor=desk.user, clock=clock.now)
            == 1
        )
        assert books.position_quantity(desk.portfolio_id, desk.share.pk) == 7
        assert desk.compare() == []
        call_command("verify_books", verbosity=0)

    def test_what_the_broker_charges_and_pays_is_booked_once(self, desk: Desk):
        from django.db import transaction

        from holdings.operations import Entry, post_account_entry

        for kind, amount in (("deposit", "250"), ("fee", "1.5"), ("interest", "3.25")):
            with transaction.atomic():
                post_account_entry(
                    portfolio_id=desk.remote.portfolio_id,
                    entry=Entry(type=kind, occurred=clock.now(), amount=Decimal(amount), currency="USD"),
                    actor=desk.remote.user,
                    now=clock.now(),
                )
        assert desk.compare() == []
        assert desk.compare() == []
        assert books.cash_balance(desk.portfolio_id, "USD") == Decimal("100251.75")

    def test_the_account_begins_with_what_the_broker_has(self, live_site: Any, settings: Any):
        share = make_instrument("ACME", quantity_step=Decimal(1))
        set_quote(share, "100.00", "100.02", at=clock.now())
        user, remote = make_user("trader"), make_bot(multiplier=2)
        for side, quantity, symbol in (("buy", 4, "ACME"),):
            answer = remote.send(
                "POST", "/v2/orders",
                {"symbol": symbol, "qty": quantity, "side": side, "type": "market", "time_in_force": "day"},
            )  # fmt: skip
            assert answer.status_code == 200
        remote.send(
            "POST", "/v2/orders",
            {"symbol": "ACME", "qty": "2", "side": "buy", "type": "limit", "limit_price": "80", "time_in_force": "gtc"},
        )  # fmt: skip
        connection_id = connect(user, remote, live_site, settings)
        portfolio_id = operations.open_broker_account(
            connection_id=connection_id, actor=user, name="There", clock=clock.now
        )
        assert books.position_quantity(portfolio_id, share.pk) == 4
        assert Order.objects.open().get(portfolio_id=portfolio_id).limit_price == 80
        assert operations.compare(connection_id=connection_id, clock=clock.now) == []
        assert Fill.objects.filter(portfolio_id=portfolio_id).count() == 0


class TestReading:
    def test_an_answer_that_makes_no_sense_is_no_answer(self):
        from trading.brokers.alpaca_words import order_of, read_as

        with pytest.raises(BrokerUnreachableError):
            read_as(order_of, {"id": "x"})

    def test_what_the_broker_takes_of_an_instrument_is_told_to_tickets(self, desk: Desk):
        operations.ask_about_asset(connection_id=desk.connection_id, instrument_id=desk.share.pk)
        found = queries.asset_at_broker(desk.portfolio_id, instrument_id=desk.share.pk, symbol="ACME")
        assert found is not None
        assert found.words.startswith("whole units only · ")
        other = make_instrument("NOSUCH-THERE", owner=make_user("private"))
        operations.ask_about_asset(connection_id=desk.connection_id, instrument_id=other.pk)
        found = queries.asset_at_broker(desk.portfolio_id, instrument_id=other.pk, symbol="NOSUCH")
        assert found is not None
        assert "does not know NOSUCH" in found.obstacles()[0]
