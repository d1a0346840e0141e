"""`GET /api/portfolio/summary` is worked out its own way: to the last digit what the page's rows add up to, and at once."""

from __future__ import annotations

import json
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from holdings import queries
from holdings.api_assets import AssetSummarySerializer
from holdings.entries import Entry
from holdings.models import Portfolio, Transaction
from holdings.operations import archive_portfolio, correct_transaction, void_transaction
from holdings.tests.support import NOW, make_instrument, make_portfolio, make_prices, make_rates, post
from marketdata.models import FxRate, Instrument, Quote
from marketdata.operations import apply_quotes
from marketdata.providers.base import QuoteData
from marketdata.queries.quotes import forget

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("at_noon")]


def quote(thing: Instrument, last: str, *, minutes: int = 0, **fields: Any) -> None:
    """A quote of so many minutes ago."""
    made = QuoteData(
        instrument_id=thing.pk, last=Decimal(last), quoted_at=NOW - timedelta(minutes=minutes), source="test", **fields
    )  # fmt: skip
    apply_quotes(quotes=[made], now=NOW, is_trusted=True)
    # The page's quotes come from the cache, which is written after the commit: no test's.
    forget([thing.pk])


@pytest.fixture
def things(db: None) -> dict[str, Instrument]:
    """Priced by quote, by quote and close, by close alone; in percent and by contract."""
    found = {
        "share": make_instrument("ACME"),
        "coin": make_instrument("BTC-USD", asset_class="crypto"),
        "bond": make_instrument("BOND", currency="EUR", quote_unit="percent"),
        "future": make_instrument("FUT", currency="GBP", multiplier=Decimal(50)),
        "fund": make_instrument("FUND", currency="EUR"),
        "sold": make_instrument("SOLD"),
    }
    quote(found["share"], "150.123456789012", minutes=5)
    quote(found["coin"], "40000.5", minutes=600)
    quote(found["bond"], "98.765", minutes=3 * 24 * 60)
    make_prices(found["bond"], {(NOW.date() - timedelta(days=1)).isoformat(): "99.1"})
    make_prices(found["future"], {(NOW.date() - timedelta(days=9)).isoformat(): "12.3"})
    make_prices(found["fund"], {NOW.date().isoformat(): "33.33"})
    make_rates(EURUSD="1.0837", GBPUSD="1.27")
    return found


@pytest.fixture
def held(owner: Any, things: dict[str, Instrument]) -> Portfolio:
    """All of them, one sold again, with cash in two currencies and a debt."""
    portfolio = make_portfolio(owner)
    post(portfolio, "deposit", "2026-01-02", amount="100000", currency="EUR")
    post(portfolio, "deposit", "2026-01-02", amount="70000", currency="USD")
    post(portfolio, "buy", "2026-01-05", instrument_id=things["share"].pk, quantity="3.7", price="100.1")
    post(
        portfolio, "buy", "2026-01-05", instrument_id=things["coin"].pk, quantity="0.123456789", price="30000"
    )
    post(portfolio, "buy", "2026-01-05", instrument_id=things["bond"].pk, quantity="20000", price="97")
    post(
        portfolio,
        "buy",
        "2026-01-05",
        instrument_id=things["future"].pk,
        quantity="2",
        price="11",
        currency="GBP",
    )
    post(portfolio, "buy", "2026-01-05", instrument_id=things["fund"].pk, quantity="7", price="30", fees="1")
    post(portfolio, "buy", "2026-01-05", instrument_id=things["sold"].pk, quantity="7", price="30")
    post(portfolio, "sell", "2026-01-06", instrument_id=things["sold"].pk, quantity="7", price="31")
    post(portfolio, "liability", "2026-01-06", amount="1234.5", currency="USD")
    return portfolio


def told(client: Client, portfolio: Portfolio) -> dict[str, Any]:
    """What the API tells, after comparing it with what the page's rows come to."""
    answer = client.get(f"/api/portfolio/summary?portfolio={portfolio.pk}")
    assert answer.status_code == 200, answer.content
    portfolio.refresh_from_db()
    expected = queries.asset_summary(portfolio.owner, portfolio, now=NOW)
    assert answer.json() == json.loads(json.dumps(AssetSummarySerializer(expected).data))
    page = queries.snapshot(portfolio, now=NOW)
    assert Decimal(answer.json()["total_value"] or 0) == (page.net_worth or 0)
    found: dict[str, Any] = answer.json()
    return found


class TestFigures:
    def test_are_those_of_the_page(self, as_owner, held):
        found = told(as_owner, held)
        assert (found["crypto"]["count"], found["stocks"]["count"]) == (1, 4)
        assert (found["missing"], found["is_stale"], found["is_simulated"]) == ([], True, False)
        assert as_owner.get("/api/portfolio/summary").json() == found

    def test_name_what_is_missing(self, as_owner, held):
        FxRate.objects.filter(base="GBP").delete()
        found = told(as_owner, held)
        assert found["missing"] == ["no exchange rate from GBP to EUR"]
        assert (found["total_value"], found["stocks"]["value"]) == (None, None)
        assert found["crypto"]["value"] is not None

    def test_fall_back_on_the_latest_trade(self, as_owner, held):
        odd = make_instrument("ODD", currency="EUR")
        post(held, "buy", "2026-02-02", instrument_id=odd.pk, quantity="2", price="8")
        assert told(as_owner, held)["stocks"]["count"] == 5

    def test_say_what_is_simulated(self, as_owner, held):
        made_up = make_instrument("SIM", currency="EUR", provider="simulated")
        quote(made_up, "5", is_simulated=True)
        assert told(as_owner, held)["is_simulated"] is False
        post(held, "buy", "2026-02-02", instrument_id=made_up.pk, quantity="2", price="8")
        assert told(as_owner, held)["is_simulated"] is True

    def test_of_nothing_are_zero(self, owner, as_owner):
        nothing = as_owner.get("/api/portfolio/summary").json()
        assert (nothing["portfolio_id"], nothing["total_value"], nothing["currency"]) == (None, "0", "EUR")
        assert told(as_owner, make_portfolio(owner))["total_value"] == "0"


class TestNothingIsStale:
    def test_after_an_entry_a_correction_and_a_removal(self, as_owner, owner, held, things):
        seen = [told(as_owner, held)["total_value"]]
        post(held, "deposit", "2026-03-01", amount="10", currency="EUR")
        seen.append(told(as_owner, held)["total_value"])
        row = Transaction.objects.get(portfolio=held, instrument=things["share"])
        entry = Entry(
            type="buy", occurred=date(2026, 1, 5), instrument_id=things["share"].pk, quantity=Decimal(9), price=Decimal(100)
        )  # fmt: skip
        new = correct_transaction(
            portfolio_id=held.pk, transaction_id=row.pk, entry=entry, actor=owner, now=NOW
        )
        seen.append(told(as_owner, held)["total_value"])
        void_transaction(portfolio_id=held.pk, transaction_id=new.pk, actor=owner, now=NOW)
        seen.append(told(as_owner, held)["total_value"])
        assert len(set(seen)) == 4

    def test_after_a_quote_a_close_a_rate_and_another_instrument(self, as_owner, held, things):
        seen = [told(as_owner, held)["total_value"]]
        quote(things["share"], "152")
        seen.append(told(as_owner, held)["total_value"])
        make_prices(things["bond"], {NOW.date().isoformat(): "100.5"})
        seen.append(told(as_owner, held)["total_value"])
        FxRate.objects.filter(base="EUR").update(rate=Decimal("1.1"))
        seen.append(told(as_owner, held)["total_value"])
        Instrument.objects.filter(pk=things["future"].pk).update(multiplier=Decimal(100))
        seen.append(told(as_owner, held)["total_value"])
        Instrument.objects.filter(pk=things["fund"].pk).update(asset_class="crypto")
        assert told(as_owner, held)["crypto"]["count"] == 2
        assert len(set(seen)) == 5

    def test_after_a_quote_was_taken_away(self, as_owner, held, things):
        before = told(as_owner, held)["total_value"]
        Quote.objects.filter(instrument=things["bond"]).delete()
        make_prices(things["bond"], {NOW.date().isoformat(): "90"})
        forget([things["bond"].pk])
        assert told(as_owner, held)["total_value"] != before


class TestWhoSees:
    def test_the_owner_and_the_auditor(self, as_owner, as_auditor, as_outsider, client, held):
        url = f"/api/portfolio/summary?portfolio={held.pk}"
        assert as_auditor.get(url).json() == as_owner.get(url).json()
        assert as_outsider.get(url).status_code == 404
        assert client.get(url).status_code == 401
        # Without naming one it is one's own.
        assert as_outsider.get("/api/portfolio/summary").json()["portfolio_id"] is None
        assert as_auditor.get("/api/portfolio/summary").json()["portfolio_id"] is None

    def test_the_oldest_tracked_one_that_is_not_put_away(self, as_owner, owner, held):
        second = make_portfolio(owner, name="Second")
        assert as_owner.get("/api/portfolio/summary").json()["portfolio_id"] == held.pk
        archive_portfolio(portfolio_id=held.pk, actor=owner, now=NOW)
        assert as_owner.get("/api/portfolio/summary").json()["portfolio_id"] == second.pk
        assert told(as_owner, held)["portfolio_id"] == held.pk


def test_takes_three_statements_beside_letting_in_however_much_is_held(
    as_owner, held, django_assert_max_num_queries
):
    as_owner.get("/api/portfolio/summary")
    with django_assert_max_num_queries(5):
        assert as_owner.get("/api/portfolio/summary").status_code == 200
