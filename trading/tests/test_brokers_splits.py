"""Splits that a broker tells: booked once where they have one meaning, listed where they have not."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.management import call_command

from holdings import queries as books
from holdings.models import Position, Transaction
from portfolio_site.kernel import clock
from trading import operations
from trading.brokers.base import RemoteActivity
from trading.models import BrokerConnection
from trading.tests.support import make_instrument, make_user
from trading.tests.test_brokers_api import Told, told
from trading.tests.test_brokers_web import KEY, SECRET

__all__ = ["told"]


def split(name: str, quantity: str, **fields: Any) -> RemoteActivity:
    values: dict[str, Any] = {
        "id": name, "kind": "SPLIT", "day": clock.now().date(), "amount": Decimal(0), "symbol": "ACME",
        "quantity": Decimal(quantity),
    }  # fmt: skip
    return RemoteActivity(**{**values, **fields})


@pytest.fixture
def share(db: Any) -> Any:
    """A share that both sides know."""
    return make_instrument("ACME")


@pytest.fixture
def account(share: Any, told: Told) -> tuple[Any, int]:
    """Ten shares at a broker, at 90 each."""
    user = make_user("trader")
    told.held["ACME"] = Decimal(10), Decimal(90)
    connection_id = operations.connect_broker(
        actor=user, name="Mine", environment="paper", key_id=KEY, secret=SECRET, now=clock.now()
    )
    portfolio_id = operations.open_broker_account(
        connection_id=connection_id, actor=user, name="There", clock=lambda: clock.now() - timedelta(days=3)
    )
    return connection_id, portfolio_id


def compare(account: tuple[Any, int]) -> list[tuple[str, Decimal, Decimal]]:
    found = operations.compare(connection_id=account[0], clock=clock.now)
    return [(row.kind, row.ours, row.theirs) for row in found]


class TestSplits:
    @pytest.mark.parametrize(
        ("told_quantities", "after"), [(["30"], "40"), (["-10", "40"], "40"), (["-5"], "5"), (["5"], "15")]
    )
    def test_are_booked_once_with_their_cost_kept(
        self, account: tuple[Any, int], told: Told, share: Any, told_quantities: list[str], after: str
    ):
        told.held["ACME"] = Decimal(after), Decimal(900) / Decimal(after)
        told.activities = [split(f"s{number}", each) for number, each in enumerate(told_quantities)]
        assert compare(account) == []
        assert compare(account) == []
        assert books.position_quantity(account[1], share.pk) == Decimal(after)
        assert Position.objects.get(portfolio_id=account[1], instrument=share).cost_basis == 900
        assert Transaction.objects.filter(portfolio_id=account[1], type="split").count() == 1
        call_command("verify_books", verbosity=0)

    def test_half_of_the_story_is_not_believed(self, account: tuple[Any, int], told: Told, share: Any):
        told.held["ACME"] = Decimal(40), Decimal("22.5")
        told.activities = [split("out", "-10")]
        assert ("position", Decimal(10), Decimal(40)) in compare(account)
        assert books.position_quantity(account[1], share.pk) == 10
        told.activities.append(split("in", "40"))
        assert compare(account) == []

    @pytest.mark.parametrize(
        "rows",
        [
            [split("a", "3.3333")],
            [split("a", "30", amount=Decimal("1.20"))],
            [split("a", "30", symbol="")],
            [split("a", "30", kind="SPIN")],
        ],
    )
    def test_what_has_no_single_meaning_is_listed(
        self, account: tuple[Any, int], told: Told, share: Any, rows: list[RemoteActivity]
    ):
        told.activities = rows
        told.held["ACME"] = 10 + (rows[0].quantity or Decimal(0)), Decimal(90)
        assert {kind for kind, _ours, _theirs in compare(account)} == {"activity", "position"}
        assert books.position_quantity(account[1], share.pk) == 10
        assert BrokerConnection.objects.get().known_activities == []


@pytest.mark.django_db
class TestTodaysGain:
    def test_of_what_was_bought_today_is_counted_from_what_it_cost_also_when_the_broker_kept_coins(self):
        from trading.engine.entry_price import Entry
        from trading.engine.terms import Tradable
        from trading.queries.market import things_of
        from trading.queries.positions import _agreeing

        thing: Tradable = next(iter(things_of([make_instrument("COIN")]).values()))
        bought = Entry(
            quantity=Decimal("0.05"),
            average=Decimal(100),
            today_quantity=Decimal("0.05"),
            today_average=Decimal(100),
        )
        found = _agreeing(bought, Decimal("0.049"), (Decimal("0.049"), Decimal("4.9")), thing)
        assert (found.today_quantity, found.today_average) == (Decimal("0.049"), Decimal(100))
        # Nine were held before the account was connected, one was bought today.
        one = Entry(
            quantity=Decimal(1), average=Decimal(100), today_quantity=Decimal(1), today_average=Decimal(100)
        )
        found = _agreeing(one, Decimal(10), (Decimal(10), Decimal(500)), thing)
        assert (found.average, found.today_quantity) == (Decimal(50), Decimal(1))
        # What was sold today tells nothing of what is held.
        sold = Entry(
            quantity=Decimal(-1), average=Decimal(100), today_quantity=Decimal(-1), today_average=Decimal(100)
        )
        assert _agreeing(sold, Decimal(9), (Decimal(9), Decimal(450)), thing).today_quantity == 0
