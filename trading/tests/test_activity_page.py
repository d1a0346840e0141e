"""An account's activity, to read and to take along."""

from __future__ import annotations

import csv
import io
import uuid
from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.urls import reverse

from holdings import queries as books
from portfolio_site.kernel import clock
from trading.models import TradeEvent, TradingAccount
from trading.operations import cancel_order, reset_account
from trading.tests.support import make_account, make_instrument, order, set_quote
from trading.web import activity

D = Decimal


@pytest.fixture
def desk(client, trader):
    client.force_login(trader)
    return client


@pytest.fixture
def share(db):
    instrument = make_instrument("ACME")
    set_quote(instrument, "100.00", "100.02", at=clock.now())
    return instrument


@pytest.fixture
def traded(account, trader, share):
    """Bought 10, sold 4, each with a commission; and an order that was cancelled."""
    TradingAccount.objects.filter(portfolio_id=account).update(fee_schedule="per_share:0.01:1")
    order(account, trader, share, quantity=10, now=clock.now())
    order(account, trader, share, quantity=4, side="sell", now=clock.now())
    resting = order(account, trader, share, quantity=1, limit_price="90", now=clock.now())
    cancel_order(order_id=resting.id, actor=trader, now=clock.now())
    return account


def rows_of(answer):
    return list(csv.DictReader(io.StringIO(answer.content.decode())))


class TestThePage:
    def test_shows_trades_fees_and_deposits(self, desk, traded):
        text = desk.get(reverse("trading:activity", args=[traded])).content.decode()
        for words in ("Bought ACME", "Sold ACME", "Commission", "Deposit", "$1,000.20", "$400.00"):
            assert words in text, words
        assert "Cancelled" not in text

    def test_shows_every_event_of_an_order(self, desk, traded):
        page = desk.get(reverse("trading:activity", args=[traded]), {"kind": "orders"})
        assert [row.number for row in page.context["rows"]] == list(
            TradeEvent.objects.filter(portfolio_id=traded)
            .order_by("-number")
            .values_list("number", flat=True)
        )
        text = page.content.decode()
        for words in ("Cancelled: Buy ACME", "Filled: ", "At the exchange: Buy ACME"):
            assert words in text, words

    @pytest.mark.parametrize(
        ("kind", "types"),
        [("trades", {"FILL"}), ("fees", {"FEE"}), ("payments", {"CSD"}), ("", {"FILL", "FEE", "CSD"})],
    )
    def test_is_narrowed_by_kind(self, desk, traded, kind, types):
        page = desk.get(reverse("trading:activity", args=[traded]), {"kind": kind})
        assert {row.type for row in page.context["rows"]} == types

    @pytest.mark.parametrize("kind", ["trades", "orders"])
    def test_is_narrowed_by_symbol(self, desk, traded, trader, kind):
        other = make_instrument("ZED")
        set_quote(other, "10.00", "10.02", at=clock.now())
        order(traded, trader, other, quantity=1, now=clock.now())
        address = reverse("trading:activity", args=[traded])
        page = desk.get(address, {"kind": kind, "symbol": "ze"})
        assert page.context["rows"]
        symbols = {row.order.symbol if kind == "orders" else row.symbol for row in page.context["rows"]}
        assert symbols == {"ZED"}

    @pytest.mark.parametrize("kind", ["", "orders"])
    def test_days_are_whole_days_of_the_person(self, desk, traded, kind):
        today = clock.now().date()
        address = reverse("trading:activity", args=[traded])

        def shown(first, last):
            return len(
                desk.get(address, {"kind": kind, "from": first.isoformat(), "to": last.isoformat()}).context[
                    "rows"
                ]
            )

        ever = (date(2000, 1, 1), today + timedelta(days=1))
        assert shown(*ever) == len(desk.get(address, {"kind": kind}).context["rows"]) > 0
        assert shown(date(2000, 1, 1), date(2001, 1, 1)) == 0

    @pytest.mark.parametrize("kind", ["", "orders"])
    def test_pages_show_every_row_once(self, desk, traded, kind, monkeypatch):
        monkeypatch.setattr(activity, "PER_PAGE", 2)
        address = reverse("trading:activity", args=[traded])
        seen, place = [], f"{address}?kind={kind}"
        while place:
            page = desk.get(place)
            seen += [getattr(row, "number", None) or row.id for row in page.context["rows"]]
            place = page.context["older"]
        assert len(seen) == len(set(seen)) == len(rows_of(desk.get(f"{address[:-1]}.csv", {"kind": kind})))

    @pytest.mark.parametrize(
        "query",
        [
            {"kind": "<b>"}, {"before": "x"}, {"before": "9" * 40, "kind": "orders"}, {"from": "x", "to": "0001-01-01"},
            {"to": "9999-12-31"}, {"symbol": "\x00%"}, {"before": "20261121000000000::x"}, {"before": "\x00", "kind": "orders"},
        ],
    )  # fmt: skip
    def test_nonsense_in_the_address_is_left_out(self, desk, traded, query):
        for name in ("activity", "activity_csv"):
            assert desk.get(reverse(f"trading:{name}", args=[traded]), query).status_code == 200

    @pytest.mark.parametrize("kind", ["", "orders"])
    def test_costs_the_same_for_one_row_and_for_many(
        self, desk, traded, trader, share, kind, django_assert_max_num_queries
    ):
        for _ in range(12):
            order(traded, trader, share, quantity=1, client_order_id=str(uuid.uuid4()), now=clock.now())
        with django_assert_max_num_queries(16):
            desk.get(reverse("trading:activity", args=[traded]), {"kind": kind})


class TestTheDownload:
    def test_adds_up_to_the_cash(self, desk, traded):
        rows = rows_of(desk.get(reverse("trading:activity_csv", args=[traded])))
        assert sum(D(row["cash"]) for row in rows) == books.cash_balance(traded, "USD")
        assert {row["type"] for row in rows} == {"FILL", "FEE", "CSD"}

    def test_has_what_the_page_is_narrowed_to_and_a_name_of_its_own(self, desk, traded):
        answer = desk.get(reverse("trading:activity_csv", args=[traded]), {"kind": "orders", "symbol": "no"})
        assert rows_of(answer) == []
        assert "-orders.csv" in answer.headers["Content-Disposition"]
        assert answer.headers["Content-Type"].startswith("text/csv")

    def test_what_a_spreadsheet_would_run_is_quoted(self, desk, traded, trader, share):
        order(traded, trader, share, quantity=1, client_order_id="=1+1", now=clock.now())
        rows = rows_of(desk.get(reverse("trading:activity_csv", args=[traded]), {"kind": "orders"}))
        assert rows[0]["client_order_id"] == "'=1+1"

    def test_reads_on_where_a_part_has_ended(self, desk, traded, monkeypatch):
        address = reverse("trading:activity_csv", args=[traded])
        for kind in ("", "orders"):
            whole = rows_of(desk.get(address, {"kind": kind}))
            with monkeypatch.context() as patch:
                patch.setattr(activity, "_BATCH", 2)
                assert rows_of(desk.get(address, {"kind": kind})) == whole


class TestWhoMayLook:
    @pytest.mark.parametrize("name", ["activity", "activity_csv"])
    def test_owner_and_auditor_nobody_else(self, client, traded, trader, auditor, outsider, name):
        address = reverse(f"trading:{name}", args=[traded])
        assert client.get(address).status_code == 302
        for who, status in ((trader, 200), (auditor, 200), (outsider, 404)):
            client.force_login(who)
            assert client.get(address).status_code == status

    def test_another_account_shows_its_own(self, desk, traded, trader):
        other = make_account(trader)
        page = desk.get(reverse("trading:activity", args=[other]))
        assert [row.type for row in page.context["rows"]] == ["CSD"]


class TestAfterAReset:
    def test_money_begins_anew_and_orders_stay(self, desk, traded, trader):
        reset_account(portfolio_id=traded, actor=trader, cash=D(500), now=clock.now())
        address = reverse("trading:activity", args=[traded])
        page = desk.get(address)
        assert [row.type for row in page.context["rows"]] == ["CSD"]
        assert "Order events go further back" in page.content.decode()
        assert len(desk.get(address, {"kind": "orders"}).context["rows"]) >= 6
