"""Alpha Vantage against a vendor on this machine: its errors come with HTTP 200."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from marketdata.providers import base
from marketdata.providers.alpha_vantage import AlphaVantageProvider
from marketdata.tests.providers.conftest import NOW, ref
from marketdata.tests.support.vendor import FAULTS, Reply

KEY = "SECRETKEY"
DAILY_LIMIT = {
    "Information": f"We have detected your API key as {KEY} and our standard API rate limit is 25 requests per day. "
    "Please subscribe to any of the premium plans to instantly remove all daily rate limits."
}
MINUTE_LIMIT = {"Note": "Our standard API call frequency is 5 calls per minute and 500 calls per day."}
PREMIUM = {
    "Information": "Thank you for using Alpha Vantage! This is a premium endpoint. "
    "You may subscribe to any of the premium plans."
}


@pytest.fixture
def provider(vendor):
    return AlphaVantageProvider(timeout=0.3, base_url=vendor.url, api_key=KEY)


def quote(symbol: str = "IBM", price: str = "112.1300", **fields: str) -> dict:
    return {
        "Global Quote": {
            "01. symbol": symbol,
            "05. price": price,
            "06. volume": "29062853",
            "07. latest trading day": "2026-11-19",
            "08. previous close": "112.7900",
            **fields,
        }
    }


def days(*rows: tuple[str, str], symbol: str = "IBM") -> dict:
    series = {
        day: {"1. open": close, "2. high": close, "3. low": close, "4. close": close, "5. volume": "4012373"}
        for day, close in rows
    }
    return {"Meta Data": {"2. Symbol": symbol}, "Time Series (Daily)": series}


class TestQuotes:
    def test_a_price_is_of_the_close_of_its_day(self, vendor, provider):
        vendor.on("/query", quote())
        (found,) = provider.quotes([ref("IBM")], NOW).quotes
        assert (found.last, found.previous_close, found.volume) == (
            Decimal("112.13"),
            Decimal("112.79"),
            Decimal(29062853),
        )
        assert found.quoted_at == datetime(2026, 11, 19, 21, tzinfo=UTC)
        assert found.source == "alpha_vantage"

    def test_while_the_market_is_open_it_is_of_now_and_never_of_the_future(self, vendor, provider):
        vendor.on("/query", quote(**{"07. latest trading day": "2026-11-20"}))
        assert provider.quotes([ref("IBM")], NOW).quotes[0].quoted_at == NOW

    def test_one_bad_symbol_does_not_lose_the_others(self, vendor, provider):
        bodies = {
            "GOOD": quote("GOOD"),
            "EMPTY": {"Global Quote": {}},
            "WRONG": quote("OTHER"),
            "NEGATIVE": quote("NEGATIVE", "-5"),
            "NAN": quote("NAN", "NaN"),
            "ABSURD": quote("ABSURD", "1e400"),
            "DAYLESS": quote("DAYLESS", **{"07. latest trading day": "yesterday"}),
            "GONE": {
                "Error Message": "Invalid API call. Please retry or visit the documentation for GLOBAL_QUOTE."
            },
        }
        vendor.on("/query", lambda asked: Reply(bodies[asked.query["symbol"]]))
        batch = provider.quotes([ref(name, number=n) for n, name in enumerate(bodies)], NOW)
        names = list(bodies)
        assert [quote.instrument_id for quote in batch.quotes] == [0]
        assert {names[pk]: type(fault) for pk, fault in batch.faults.items()} == {
            **dict.fromkeys(["EMPTY", "GONE"], base.SymbolUnknown),
            **dict.fromkeys(["WRONG", "NEGATIVE", "NAN", "ABSURD", "DAYLESS"], base.BadAnswer),
        }
        assert batch.calls == 8

    def test_a_currency_it_cannot_be_sure_of_is_not_asked_for(self, vendor, provider):
        wanted = [
            ref("TSCO.LON", "GBP", number=1),
            ref("6190.HKG", "HKD", number=2),
            ref("MBG.DEX", "USD", number=3),
            ref("IBM", "EUR", number=4),
            ref("", number=5),
        ]
        batch = provider.quotes(wanted, NOW)
        assert [type(batch.faults[n]) for n in range(1, 6)] == [
            base.NotOffered,
            base.NotOffered,
            base.WrongCurrency,
            base.WrongCurrency,
            base.SymbolUnknown,
        ]
        assert vendor.asked == []

    def test_a_limit_ends_it_and_keeps_what_has_come(self, vendor, provider):
        vendor.on("/query", [Reply(quote("A")), Reply(MINUTE_LIMIT)])
        batch = provider.quotes([ref("A", number=1), ref("B", number=2), ref("C", number=3)], NOW)
        assert [found.instrument_id for found in batch.quotes] == [1]
        assert {type(fault) for fault in batch.faults.values()} == {base.RateLimited}
        assert len(vendor.asked) == 2


class TestSentencesWithStatus200:
    @pytest.mark.parametrize(
        ("body", "expected"),
        [
            (DAILY_LIMIT, base.RateLimited),
            (MINUTE_LIMIT, base.RateLimited),
            (
                {
                    "Information": "Please consider spreading out your free API requests more sparingly (1 request per second)."
                },
                base.RateLimited,
            ),
            (PREMIUM, base.NotAuthorised),
            ({"Information": "The **demo** API key is for demo purposes only."}, base.NotAuthorised),
            ({"Error Message": "the parameter apikey is invalid or missing."}, base.NotAuthorised),
            ({"Information": "Something new."}, base.BadAnswer),
        ],
    )
    def test_are_recognised(self, vendor, provider, body, expected):
        vendor.on("/query", body)
        with pytest.raises(expected):
            provider.search("IBM")

    def test_the_key_is_in_no_message(self, vendor, provider):
        vendor.on("/query", DAILY_LIMIT)
        with pytest.raises(base.RateLimited) as caught:
            provider.search("IBM")
        assert KEY not in str(caught.value)
        assert caught.value.retry_after == 3600
        vendor.close()
        with pytest.raises(base.ProviderUnavailable) as gone:
            AlphaVantageProvider(timeout=0.3, base_url=vendor.url, api_key=KEY).search("IBM")
        assert KEY not in str(gone.value)

    def test_a_full_minute_is_over_in_one(self, vendor, provider):
        vendor.on("/query", MINUTE_LIMIT)
        with pytest.raises(base.RateLimited) as caught:
            provider.search("IBM")
        assert caught.value.retry_after == 60


class TestHistory:
    def test_a_few_weeks_come_with_the_short_answer(self, vendor, provider):
        vendor.on("/query", days(("2026-11-18", "131.9800"), ("2026-11-17", "131.5"), ("2026-07-01", "120")))
        found = provider.history(ref("IBM"), date(2026, 11, 1), date(2026, 11, 19))
        assert [(bar.date.day, bar.close) for bar in found.bars] == [
            (17, Decimal("131.5")),
            (18, Decimal("131.98")),
        ]
        assert found.bars[0].volume == 4012373
        assert [asked.query["outputsize"] for asked in vendor.asked] == ["compact"]

    def test_without_a_paid_plan_a_long_one_is_short_and_says_so(self, vendor, provider):
        vendor.on(
            "/query",
            lambda asked: Reply(
                PREMIUM if asked.query["outputsize"] == "full" else days(("2026-11-18", "131.98"))
            ),
        )
        found = provider.history(ref("IBM"), date(2016, 1, 1), date(2026, 11, 19))
        assert len(found.bars) == 1
        assert "only from 2026-11-18 on" in found.faults[0]

    def test_impossible_days_are_left_out_and_told(self, vendor, provider):
        body = days(
            ("2026-11-19", "131.98"), ("2026-11-18", "-1"), ("2026-11-17", "NaN"), ("2026-01-01", "1")
        )
        body["Time Series (Daily)"]["2026-11-19"]["2. high"] = "100"
        vendor.on("/query", body)
        found = provider.history(ref("IBM"), date(2026, 11, 10), date(2026, 11, 19))
        assert [(bar.date.day, bar.open, bar.close) for bar in found.bars] == [(19, None, Decimal("131.98"))]
        assert len(found.faults) == 3

    def test_days_of_another_symbol_are_refused(self, vendor, provider):
        vendor.on("/query", days(("2026-11-18", "1"), symbol="SPY"))
        with pytest.raises(base.BadAnswer, match="another symbol"):
            provider.history(ref("IBM"), date(2026, 11, 10), date(2026, 11, 19))


class TestRates:
    def test_are_of_now_against_the_euro(self, vendor, provider):
        def answer(asked):
            code = asked.query["to_currency"]
            if code == "XXX":
                return Reply({"Error Message": "Invalid API call."})
            return Reply(
                {
                    "Realtime Currency Exchange Rate": {
                        "1. From_Currency Code": "USD" if code == "ARS" else "EUR",
                        "3. To_Currency Code": code,
                        "5. Exchange Rate": "34.51230000",
                        "6. Last Refreshed": "2026-11-19 19:23:21",
                    }
                }
            )

        vendor.on("/query", answer)
        found = provider.rates(["EUR", "TWD", "XXX", "ARS"], date(2026, 11, 1), date(2026, 11, 20))
        assert [(rate.base, rate.quote, rate.date.day, rate.rate) for rate in found] == [
            ("EUR", "TWD", 19, Decimal("34.5123"))
        ]


class TestSearch:
    def test_tells_exchange_and_currency(self, vendor, provider):
        vendor.on(
            "/query",
            {
                "bestMatches": [
                    {
                        "1. symbol": "TSCO.LON",
                        "2. name": "Tesco PLC",
                        "3. type": "Equity",
                        "8. currency": "GBX",
                    },
                    {"1. symbol": "IBM", "2. name": "IBM", "3. type": "Equity", "8. currency": "USD"},
                    {"1. symbol": "W", "3. type": "Warrant", "8. currency": "USD"},
                ]
            },
        )
        tesco, ibm = provider.search("t")
        assert (tesco.symbol, tesco.exchange, tesco.currency, tesco.quoted_in) == (
            "TSCO",
            "XLON",
            "GBP",
            "GBX",
        )
        assert (ibm.provider_symbol, ibm.currency, ibm.quoted_in) == ("IBM", "USD", "")


class TestWithoutAKey:
    def test_it_offers_nothing_and_asks_nothing(self, vendor):
        provider = AlphaVantageProvider(base_url=vendor.url)
        assert provider.capabilities == frozenset()
        with pytest.raises(base.NotAuthorised):
            provider.quotes([ref("IBM")], NOW)
        assert vendor.asked == []


@pytest.mark.parametrize(
    ("symbol", "exchange", "asset_class", "currency", "expected"),
    [
        ("IBM", "XNYS", "equity", "USD", "IBM"),
        ("BRK.B", "XNYS", "equity", "USD", "BRK-B"),
        ("SAP.DE", "XETR", "equity", "EUR", "SAP.DEX"),
        ("SHOP", "XTSE", "equity", "CAD", "SHOP.TRT"),
        ("NESN.SW", "XSWX", "equity", "CHF", ""),
        ("BTC", "", "crypto", "USD", ""),
    ],
)
def test_names_what_nobody_has_mapped(provider, symbol, exchange, asset_class, currency, expected):
    named = provider.symbol_for(symbol=symbol, exchange=exchange, asset_class=asset_class, currency=currency)
    assert named == expected


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("question", ["quotes", "history", "search"])
def test_whatever_comes_back_is_an_error_of_the_port(vendor, provider, fault, question):
    vendor.on("/", FAULTS[fault])
    ask = {
        "quotes": lambda: provider.quotes([ref("IBM")], NOW).faults[1],
        "history": lambda: provider.history(ref("IBM"), NOW.date(), NOW.date()),
        "search": lambda: provider.search("bit"),
    }[question]
    try:
        outcome = ask()
    except base.ProviderError as error:
        outcome = error
    assert isinstance(outcome, base.ProviderError)
