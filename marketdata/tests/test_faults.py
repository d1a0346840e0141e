"""What becomes of a provider's faults on their whole way: asked through the real client, what is stored, what the pages
say. No wrong price is stored, nothing raises to a page, and the health page says what happened."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from accounts.roles import Role
from accounts.tests.support import make_user
from marketdata import operations, queries
from marketdata.models import HeldQuote, HistoryJob, Instrument, PriceBar, Quote
from marketdata.operations.gateway import records
from marketdata.operations.quotes import claims
from marketdata.queries import attention
from marketdata.tests.scripted import forget_gateway
from marketdata.tests.support import yahoo
from marketdata.tests.support.internet import CHARTS, COINS, QUOTES, days_until, quotes_of
from marketdata.tests.support.vendor import FAULTS, Asked, Reply, Vendor
from portfolio_site.kernel import valkey
from tests.support.own_valkey import OwnValkey

#: A Friday, an hour and a half before New York closes.
NOW = datetime(2026, 11, 20, 19, 30, tzinfo=UTC)
YESTERDAY = date(2026, 11, 19)
HEALTH = "/markets/health/"
GOOD = Decimal("244.6")

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _quick(internet: Vendor, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    attention.forget()
    claims.forget()
    settings.QUOTE_POLL_SECONDS = 0
    monkeypatch.setattr(records, "EVERY_SECONDS", 0.0)


@pytest.fixture
def admin() -> Any:
    return make_user("admin@example.com", roles=(Role.ADMINISTRATOR,))


@pytest.fixture
def apple(make_instrument: Callable[..., Instrument], owner: Any) -> Instrument:
    """A real share that somebody watches."""
    made = make_instrument("AAPL", provider="yahoo", exchange="XNAS", provider_symbols={"yahoo": "AAPL"})
    return watched(made, owner)


@pytest.fixture
def bitcoin(make_instrument: Callable[..., Instrument], owner: Any) -> Instrument:
    names = {"coingecko": "bitcoin"}
    made = make_instrument("BTC-USD", provider="coingecko", asset_class="crypto", provider_symbols=names)
    return watched(made, owner)


def watched(instrument: Instrument, owner: Any) -> Instrument:
    listed = operations.create_watchlist(owner=owner, name=f"List of {instrument.symbol}", now=NOW)
    operations.add_to_watchlist(watchlist_id=listed.id, instrument_id=instrument.pk, actor=owner, now=NOW)
    return instrument


def row(minute: int = 0, **fields: Any) -> dict[str, Any]:
    at = NOW + timedelta(minutes=minute, seconds=-30)
    return yahoo.quote(**{"price": 244.6, "regularMarketTime": int(at.timestamp()), **fields})


def refresh(time_machine: Any, minute: int = 0) -> operations.Refreshed:
    at = NOW + timedelta(minutes=minute)
    time_machine.move_to(at, tick=False)
    claims.forget()
    valkey.client().delete("hf:quotes:asked-at")
    return operations.refresh_quotes(now=at)


def page(person: Any, path: str = HEALTH) -> str:
    browser = Client()
    browser.force_login(person)
    answer = browser.get(path)
    assert answer.status_code == 200
    return str(answer.content.decode())


def body(**fields: Any) -> Reply:
    """A list of quotes with one row that is odd."""
    return Reply(yahoo.quotes(row(2, **fields)))


ERROR_BODY = {"quoteResponse": {"result": None, "error": {"code": "Internal", "description": "Oops"}}}

#: Fault, and a few words of what the person's health page says of it.
QUOTE_FAULTS: dict[str, tuple[Reply, str]] = {
    "429": (FAULTS["429"], "429"),
    "429 with Retry-After": (FAULTS["429 with Retry-After"], "429"),
    "401 invalid crumb": (Reply(yahoo.INVALID_CRUMB, status=401), "401"),
    "404 web page": (FAULTS["404 web page"], "404"),
    "500": (FAULTS["500"], "500"),
    "HTTP 200 with an error body": (Reply(ERROR_BODY), "Oops"),
    "HTTP 200 with a refusal": (Reply(yahoo.INVALID_CRUMB), "Invalid Crumb"),
    "HTML": (FAULTS["web page"], "web page"),
    "nothing": (FAULTS["nothing"], ""),
    "cut off": (FAULTS["cut off"], "JSON"),
    "cut off by the line": (FAULTS["cut off by the line"], "cannot be reached"),
    "hangs": (FAULTS["hangs"], "no answer within 0.4 seconds"),
    "drips": (FAULTS["drips"], "no answer within 0.4 seconds"),
    "another shape": (FAULTS["another shape"], ""),
    "not a number": (
        Reply('{"quoteResponse": {"result": [{"symbol": "AAPL", "regularMarketPrice": NaN}]}}'),
        "",
    ),
    "no price": (body(price=None), "no price"),
    "negative": (body(price=-244.6), "not positive"),
    "zero": (body(price=0), "not positive"),
    "absurdly high": (body(price=1e16, bid=0, ask=0), "absurd"),
    "another currency": (body(currency="EUR"), "quotes in EUR, expected USD"),
    "of tomorrow": (body(regularMarketTime=int((NOW + timedelta(days=1)).timestamp())), "future"),
    "somebody else's": (Reply(yahoo.quotes(row(2, symbol="MSFT"))), "AAPL"),
}


class TestQuotes:
    @pytest.fixture
    def known(self, apple: Instrument, internet: Vendor, time_machine: Any) -> Instrument:
        """A good price of a moment ago."""
        internet.on(QUOTES, Reply(yahoo.quotes(row())))
        assert refresh(time_machine).stored == [apple.pk]
        return apple

    @pytest.mark.parametrize("name", QUOTE_FAULTS)
    def test_a_fault_leaves_the_last_good_price_and_is_told(
        self, known: Instrument, internet: Vendor, owner: Any, admin: Any, time_machine: Any, name: str
    ) -> None:
        fault, words = QUOTE_FAULTS[name]
        before = Quote.objects.values_list("last", "bid", "ask", "quoted_at", "source").get()
        internet.on(QUOTES, fault)
        if fault.status == 401:
            # Whoever asks for a new one gets none.
            internet.on("/", fault)
            internet.on("/v1/test/getcrumb", fault)
        assert refresh(time_machine, 2).stored == []
        assert Quote.objects.values_list("last", "bid", "ask", "quoted_at", "source").get() == before
        assert before[0] == GOOD
        told = page(owner)
        assert "AAPL" in told
        assert "Your instruments with old or missing prices" in told
        assert words in told
        assert "244.6" in page(owner, f"/instruments/{known.pk}/")
        page(owner, "/markets/")
        page(admin)
        # It passes: the next good answer counts, and nothing is wrong any more.
        forget_gateway()
        operations.reset_provider(provider="yahoo", actor=admin, now=NOW)
        internet.on("/v1/test/getcrumb", Reply("crumb"))
        internet.on(QUOTES, Reply(yahoo.quotes(row(20, price=245.1))))
        assert refresh(time_machine, 20).stored == [known.pk]
        assert "All your prices are in order" in page(owner)

    @pytest.mark.parametrize(("price", "times"), [(24460.0, 100), (2.446, 0.01)])
    def test_a_leap_is_held_and_shown_beside_the_price_that_counts(
        self, known: Instrument, internet: Vendor, owner: Any, time_machine: Any, price: float, times: float
    ) -> None:
        internet.on(QUOTES, Reply(yahoo.quotes(row(2, price=price, bid=0, ask=0))))
        refresh(time_machine, 2)
        assert Quote.objects.get().last == GOOD
        assert HeldQuote.objects.get().last == Decimal(str(price))
        assert "244.6" in page(owner)

    def test_without_any_good_price_there_is_none(
        self, apple: Instrument, internet: Vendor, owner: Any, time_machine: Any
    ) -> None:
        internet.on(QUOTES, FAULTS["500"])
        refresh(time_machine)
        assert not Quote.objects.exists()
        assert "500" in page(owner)
        page(owner, f"/instruments/{apple.pk}/")

    def test_while_a_vendor_wants_to_be_left_alone_it_is(
        self, known: Instrument, internet: Vendor, admin: Any, time_machine: Any
    ) -> None:
        internet.on(QUOTES, FAULTS["429 with Retry-After"])
        refresh(time_machine, 2)
        asked = len(internet.asked_for(QUOTES))
        refresh(time_machine, 2)
        assert len(internet.asked_for(QUOTES)) == asked
        assert "Wants to be left alone" in page(admin)

    def test_of_coins_too(self, bitcoin: Instrument, internet: Vendor, owner: Any, time_machine: Any) -> None:
        price = {"usd": 91500.5, "usd_24h_change": 1.5, "last_updated_at": int(NOW.timestamp()) - 30}
        internet.on(COINS, {"bitcoin": price})
        refresh(time_machine)
        for minute, fault in enumerate(
            (
                FAULTS["429"],
                FAULTS["500"],
                FAULTS["web page"],
                FAULTS["cut off"],
                Reply({"bitcoin": price | {"usd": -1}}),
                Reply({"bitcoin": price | {"usd": None}}),
                Reply({"bitcoin": {}}),
                Reply({"status": {"error_code": 429, "error_message": "You've exceeded the Rate Limit"}}),
            ),
            start=1,
        ):
            forget_gateway()
            internet.on(COINS, fault)
            assert refresh(time_machine, minute).stored == []
            assert Quote.objects.get().last == Decimal("91500.5")
            assert "BTC-USD" in page(owner)


class TestHistory:
    """Daily bars: what is odd is left out, what is known stays."""

    CLOSES = (240.0, 241.5, 243.0)

    @staticmethod
    def fetch(apple: Instrument) -> HistoryJob:
        job = operations.request_history(instrument_id=apple.pk, reason="opened", now=NOW, again=True)
        assert job is not None
        done = operations.fetch_history(job_id=job.pk, now=NOW)
        assert done is not None
        return done

    @staticmethod
    def closes() -> list[Decimal]:
        return list(PriceBar.objects.order_by("date").values_list("close", flat=True))

    @pytest.mark.parametrize(
        "fault", ["429", "500", "404 web page", "web page", "cut off", "hangs", "another shape"]
    )
    def test_a_failure_stores_nothing_and_is_told(
        self, apple: Instrument, internet: Vendor, owner: Any, fault: str
    ) -> None:
        internet.on(CHARTS, Reply(yahoo.chart(days_until(YESTERDAY, list(self.CLOSES)))))
        assert self.fetch(apple).state == "done"
        before = self.closes()
        internet.on(CHARTS, FAULTS[fault])
        job = self.fetch(apple)
        assert job.error
        assert self.closes() == before == [Decimal(240), Decimal("241.5"), Decimal(243)]
        page(owner, f"/instruments/{apple.pk}/")
        page(owner)

    @pytest.mark.parametrize(
        "rows",
        [
            # Twice the same days.
            [*days_until(YESTERDAY, list(CLOSES)), *days_until(YESTERDAY, list(CLOSES))],
            # Backwards.
            list(reversed(days_until(YESTERDAY, list(CLOSES)))),
            # With a row of each impossible kind between them.
            [
                *days_until(YESTERDAY, list(CLOSES)),
                yahoo.day("2026-11-16", -5.0),
                yahoo.day("2026-11-13", 0.0),
                ("2026-11-12T09:30:00-05:00", None, None, None, None, None),
            ],
        ],
        ids=["duplicated", "out of order", "impossible"],
    )
    def test_odd_rows_are_left_out_and_the_others_come_in_order(
        self, apple: Instrument, internet: Vendor, owner: Any, rows: list[Any]
    ) -> None:
        internet.on(CHARTS, Reply(yahoo.chart(rows)))
        self.fetch(apple)
        assert self.closes() == [Decimal(240), Decimal("241.5"), Decimal(243)]
        page(owner, f"/instruments/{apple.pk}/")

    def test_a_day_that_leaps_and_comes_back_is_left_out(self, apple: Instrument, internet: Vendor) -> None:
        internet.on(CHARTS, Reply(yahoo.chart(days_until(YESTERDAY, [240.0, 24000.0, 243.0]))))
        self.fetch(apple)
        assert self.closes() == [Decimal(240), Decimal(243)]

    def test_another_currency_is_not_taken(self, apple: Instrument, internet: Vendor, owner: Any) -> None:
        internet.on(CHARTS, Reply(yahoo.chart(days_until(YESTERDAY, list(self.CLOSES)), currency="EUR")))
        assert "EUR" in self.fetch(apple).error
        assert self.closes() == []
        page(owner, f"/instruments/{apple.pk}/")


class TestTheInternetComesAndGoes:
    def test_what_was_simulated_becomes_real_when_it_comes_and_keeps_its_last_price_when_it_goes(
        self,
        make_instrument: Callable[..., Instrument],
        internet: Vendor,
        owner: Any,
        admin: Any,
        time_machine: Any,
    ) -> None:
        apple = watched(
            make_instrument(
                "AAPL", provider="simulated", exchange="XNAS", provider_symbols={"yahoo": "AAPL"}
            ),
            owner,
        )
        operations.backfill_history(now=NOW, instrument_ids=[apple.pk], years=1)
        internet.on("/", FAULTS["500"])
        refresh(time_machine)
        operations.adopt_real_prices(now=NOW)
        quote = queries.latest_quote(apple.pk, now=NOW)
        assert quote is not None
        assert quote.is_simulated
        assert "simulated" in page(owner, f"/instruments/{apple.pk}/").lower()
        # It comes.
        forget_gateway()
        operations.reset_provider(provider="yahoo", actor=admin, now=NOW)
        internet.on(QUOTES, quotes_of({"AAPL": row()}))
        internet.on(CHARTS, yahoo.chart(days_until(YESTERDAY, [240.0, 241.5, 243.0])))
        assert operations.adopt_real_prices(now=NOW).adopted == {"AAPL": "yahoo"}
        assert set(PriceBar.objects.values_list("source", flat=True)) == {"yahoo"}
        assert "244.6" in page(owner, f"/instruments/{apple.pk}/")
        # It goes: no invented price takes the place of the last good one, a day's worth of refreshes later either.
        internet.on("/", FAULTS["hangs"])
        internet.on(QUOTES, FAULTS["hangs"])
        internet.on(CHARTS, FAULTS["hangs"])
        for minute in (5, 60, 24 * 60):
            refresh(time_machine, minute)
            operations.backfill_history(now=NOW + timedelta(minutes=minute))
        found = queries.latest_quote(apple.pk, now=NOW + timedelta(days=1))
        assert found is not None
        assert (found.last, found.source, found.is_simulated) == (GOOD, "yahoo", False)
        assert set(PriceBar.objects.values_list("source", flat=True)) == {"yahoo"}
        assert "Your instruments with old or missing prices" in page(owner)
        assert "no answer within 0.4 seconds" in page(admin)


class TestValkeyRestarts:
    @pytest.fixture
    def own(self, own_valkey: OwnValkey, settings: Any) -> Iterator[OwnValkey]:
        settings.REDIS_LOCATION = own_valkey.url
        forget_gateway()
        yield own_valkey
        forget_gateway()

    def test_in_the_middle_of_a_question_the_answer_still_counts(
        self, own: OwnValkey, apple: Instrument, internet: Vendor, owner: Any, time_machine: Any
    ) -> None:
        def dies_meanwhile(_asked: Asked) -> Reply:
            own.kill()
            return Reply(yahoo.quotes(row()))

        internet.on(QUOTES, dies_meanwhile)
        assert refresh(time_machine).stored == [apple.pk]
        assert Quote.objects.get().last == GOOD
        assert "244.6" in page(owner, f"/instruments/{apple.pk}/")
        own.start()
        forget_gateway()
        internet.on(QUOTES, Reply(yahoo.quotes(row(2, price=245.0))))
        assert refresh(time_machine, 2).stored == [apple.pk]
        assert "All your prices are in order" in page(owner)
