"""The figures of the page are those of `analyse` on the exported file; what goes out comes back the same."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from holdings.domain.analysis import analyse
from holdings.domain.parsing import parse
from holdings.domain.writing import document
from holdings.entries import Entry
from holdings.models import Portfolio, Transaction
from holdings.operations import (
    ImportRefused,
    add_account,
    correct_transaction,
    import_entries,
    update_portfolio,
    void_transaction,
)
from holdings.queries import ghostfolio_export, portfolio_export, snapshot, value_series, whole_portfolio
from holdings.tests.support import (
    NOW,
    D,
    assert_books_are_right,
    make_instrument,
    make_portfolio,
    make_prices,
    post,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("at_noon")]

TOTALS = ("market_value", "net_worth", "cost_basis", "unrealised_gain", "realised_gain", "dividends", "interest", "fees",
          "taxes", "currency_gain", "net_contributions", "total_gain")  # fmt: skip


@pytest.fixture
def rich(filled, acme):
    """Two accounts, three currencies, a bond in percent, a split, a short-lived position, a debt."""
    swiss = make_instrument("SWISS", currency="CHF")
    bond = make_instrument("BOND", currency="EUR", asset_class="bond", quote_unit="percent")
    make_prices(swiss, {"2026-01-05": "50.05", "2026-05-29": "26"})
    make_prices(bond, {"2026-01-05": "98.5", "2026-05-29": "101.25"})
    second = add_account(portfolio_id=filled.pk, name="Bank", kind="securities", currency="CHF", now=NOW)
    post(filled, "deposit", "2026-01-04", amount="3000", currency="CHF")
    post(filled, "buy", "2026-01-05", instrument_id=swiss.pk, quantity="7", price="50.05", fees="3.3")
    post(filled, "buy", "2026-01-05", instrument_id=bond.pk, quantity="1000", price="98.5", currency="EUR")
    post(filled, "split", "2026-03-03", instrument_id=swiss.pk, ratio="2")
    post(filled, "transfer", "2026-03-04", instrument_id=swiss.pk, quantity="5", to_account_id=second.pk)
    post(
        filled,
        "sell",
        "2026-04-04",
        instrument_id=swiss.pk,
        quantity="3",
        price="27.77",
        fees="1.11",
        taxes="0.5",
    )
    post(filled, "interest", "2026-04-05", amount="1.23", currency="CHF")
    post(filled, "delivery_in", "2026-04-06", instrument_id=acme.pk, quantity="1", cost="90")
    post(filled, "liability", "2026-04-07", amount="500", currency="CHF")
    filled.refresh_from_db()
    return filled


class TestPageAndAnalyseAgree:
    @pytest.mark.parametrize("method", ["fifo", "lifo", "hifo", "average", "section104"])
    def test_every_total(self, rich, owner, method):
        update_portfolio(portfolio_id=rich.pk, actor=owner, now=NOW, cost_basis_method=method)
        portfolio = Portfolio.objects.get(pk=rich.pk)
        page = snapshot(portfolio, now=NOW)
        file = parse("".join(portfolio_export(portfolio, now=NOW)))
        figures = analyse(file)
        for name in TOTALS:
            assert getattr(page, name) == getattr(figures.totals, name), name
        by_symbol = {row.symbol: row for row in page.holdings}
        for symbol, shown in by_symbol.items():
            rows = [row for row in figures.positions if row.instrument == symbol]
            assert shown.quantity == sum(row.quantity for row in rows)
            assert shown.cost_basis == sum(row.cost_basis for row in rows)
            assert shown.market_value_base == sum(row.market_value_base for row in rows)
        assert not figures.statement.difference()
        assert_books_are_right(portfolio)

    def test_the_chart(self, rich):
        page = snapshot(rich, now=NOW)
        figures = analyse(parse("".join(portfolio_export(rich, now=NOW))))
        series = value_series(rich, page, range_code="MAX", now=NOW)
        assert len(series.days) == len(figures.performance.values)
        for index, value in enumerate(series.values):
            assert value == figures.performance.value(index), series.days[index]
        assert series.performance is not None
        assert series.performance.twr == pytest.approx(figures.performance.twr)


class TestTheFileThatGoesOut:
    def test_says_what_the_domain_writes_of_the_whole_portfolio(self, rich, owner, acme):
        """Its lines are made from columns; `domain.writing` of the same books is what they must come to."""
        post(
            rich,
            "deposit",
            datetime(2026, 5, 1, 9, 30, 1, 5, tzinfo=UTC),
            amount="1.50",
            note="“a”\n\\",
            tags=("x", "y z"),
        )
        post(rich, "split", "2026-05-02", instrument_id=acme.pk, ratio="6:4")
        bought = post(rich, "buy", "2026-05-03", instrument_id=acme.pk, quantity="2", price="80", fees="0.10")
        post(
            rich,
            "sell",
            "2026-05-04",
            instrument_id=acme.pk,
            quantity="1",
            price="81",
            taxes="2",
            lots=(bought.pk,),
        )
        entry = Entry(
            type="buy", occurred=date(2026, 5, 3), instrument_id=acme.pk, quantity=Decimal(3), price=Decimal("80.000")
        )  # fmt: skip
        correct_transaction(portfolio_id=rich.pk, transaction_id=bought.pk, entry=entry, actor=owner, now=NOW)
        gone = post(rich, "withdrawal", "2026-05-05", amount="3")
        void_transaction(portfolio_id=rich.pk, transaction_id=gone.pk, actor=owner, now=NOW)
        portfolio = Portfolio.objects.get(pk=rich.pk)
        page = snapshot(portfolio, now=NOW)
        prices = {row.instrument_id: row.price for row in page.holdings if row.price is not None}
        expected = document(whole_portfolio(portfolio, now=NOW, prices_now=prices))
        things = {row["id"]: row.get("symbol", row["id"]) for row in expected["instruments"]}
        places = {row["id"]: row["name"] for row in expected["accounts"]}

        def named(row: dict[str, Any]) -> dict[str, Any]:
            renamed = {"instrument": things, "to_instrument": things, "account": places, "to_account": places,
                       "cash_account": places}  # fmt: skip
            return {key: renamed[key][value] if key in renamed else value for key, value in row.items()}

        found = json.loads("".join(portfolio_export(portfolio, now=NOW)))
        assert found["transactions"] == [named(row) for row in expected["transactions"]]
        assert [list(row) for row in found["transactions"]] == [list(row) for row in expected["transactions"]]
        assert found["prices"] == {things[key]: series for key, series in expected["prices"].items()}
        assert found["fx"] == expected["fx"]
        settings = {"transactions", "prices", "fx", "accounts", "instruments"}
        assert {key: found[key] for key in found.keys() - settings} == {
            key: expected[key] for key in expected.keys() - settings
        }
        assert [row["id"] for row in found["accounts"]] == list(places.values())
        assert sorted(row["id"] for row in found["instruments"]) == sorted(things.values())

    def test_of_an_empty_portfolio_can_be_read(self, owner):
        file = parse("".join(portfolio_export(make_portfolio(owner, name="Empty"), now=NOW)))
        assert (file.name, len(file.transactions), file.prices) == ("Empty", 0, {})


class TestRoundTrips:
    def test_an_exported_file_gives_the_same_books(self, rich, owner):
        file = "".join(portfolio_export(rich, now=NOW)).encode()
        again = make_portfolio(owner, name="Again")
        import_entries(portfolio_id=again.pk, filename="p.json", content=file, actor=owner, now=NOW)
        assert_books_are_right(again)
        ours, theirs = snapshot(rich, now=NOW), snapshot(again, now=NOW)
        for name in TOTALS:
            assert getattr(ours, name) == getattr(theirs, name), name

    def test_importing_ones_own_export_adds_nothing(self, rich, owner):
        file = "".join(portfolio_export(rich, now=NOW)).encode()
        count = Transaction.objects.filter(portfolio=rich).count()
        with pytest.raises(ImportRefused, match="nothing new"):
            import_entries(portfolio_id=rich.pk, filename="p.json", content=file, actor=owner, now=NOW)
        assert Transaction.objects.filter(portfolio=rich).count() == count

    def test_specific_lots_survive_an_import(self, owner, acme):
        rows = [
            {"id": "a", "date": "2026-01-02", "type": "buy", "instrument": "ACME", "quantity": "1", "price": "10"},
            {"id": "b", "date": "2026-01-03", "type": "buy", "instrument": "ACME", "quantity": "1", "price": "20"},
            {"id": "c", "date": "2026-02-03", "type": "sell", "instrument": "ACME", "quantity": "1", "price": "30",
             "lots": ["b"]},
        ]  # fmt: skip
        file = {"format": "portfolio/1", "base_currency": "USD", "as_of": "2026-06-01",
                "instruments": [{"id": "ACME", "currency": "USD"}], "transactions": rows}  # fmt: skip
        portfolio = make_portfolio(owner, base_currency="USD", name="Lots")
        import_entries(
            portfolio_id=portfolio.pk, filename="p", content=json.dumps(file).encode(), actor=owner, now=NOW
        )
        assert snapshot(portfolio, now=NOW).realised_gain == 10
        assert_books_are_right(portfolio)

    def test_ghostfolio_export_can_be_imported(self, filled, owner):
        file = "".join(ghostfolio_export(filled, now=NOW))
        activities = json.loads(file, parse_float=Decimal)["activities"]
        assert [item["type"] for item in activities] == ["BUY", "SELL", "DIVIDEND"]
        again = make_portfolio(owner, name="Again")
        import_entries(portfolio_id=again.pk, filename="g.json", content=file.encode(), actor=owner, now=NOW)
        assert snapshot(again, now=NOW).holdings[0].quantity == 3
        assert_books_are_right(again)


class TestImportingTwice:
    def test_equal_rows_of_a_file_stay_as_many_and_come_once(self, empty, owner):
        item = {"type": "BUY", "symbol": "TWIN", "dataSource": "YAHOO", "currency": "USD", "quantity": 1,
                "unitPrice": 0.1, "fee": 0, "date": "2026-02-03T00:00:00.000Z"}  # fmt: skip
        make_instrument("EURO", currency="EUR")
        from holdings.tests.support import make_rates

        make_rates(EURUSD="1.25")
        two, three = (json.dumps({"activities": [item] * n}).encode() for n in (2, 3))
        batch, _ = import_entries(portfolio_id=empty.pk, filename="g", content=two, actor=owner, now=NOW)
        assert batch.posted_count == 2
        with pytest.raises(ImportRefused):
            import_entries(portfolio_id=empty.pk, filename="g", content=two, actor=owner, now=NOW)
        batch, _ = import_entries(portfolio_id=empty.pk, filename="g", content=three, actor=owner, now=NOW)
        assert (batch.posted_count, batch.duplicate_count) == (1, 2)
        row = Transaction.objects.filter(portfolio=empty).first()
        assert row is not None
        assert row.price == D("0.1")
