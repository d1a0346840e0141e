"""Yahoo through the real yfinance client, against a vendor on this machine: quotes, crumbs, search, faults."""

from __future__ import annotations

import time
from decimal import Decimal

import pytest

from marketdata.providers import base
from marketdata.providers.yahoo import CHARTS_AT_ONCE, YahooProvider, exchanges
from marketdata.tests.providers.conftest import NOW, ref
from marketdata.tests.support import yahoo
from marketdata.tests.support.vendor import FAULTS, Reply

QUOTES = "/v7/finance/quote"
CHARTS = "/v8/finance/chart/"
SEARCH = "/v1/finance/search"


@pytest.fixture
def provider(vendor):
    vendor.on("/", Reply("", status=404, headers={"Set-Cookie": "A3=here; Path=/"}))
    vendor.on("/v1/test/getcrumb", Reply("crumb-1"))
    return YahooProvider(timeout=0.3, base_url=vendor.url)


class TestQuotes:
    def test_hundreds_come_in_one_answer_with_cookie_and_crumb(self, vendor, provider):
        instruments = [ref(f"S{n}", number=n) for n in range(150)]
        vendor.on(QUOTES, yahoo.quotes(*(yahoo.quote(f"S{n}", 100 + n) for n in range(150))))
        batch = provider.quotes(instruments, NOW)
        assert [quote.last for quote in batch.quotes] == [Decimal(100 + n) for n in range(150)]
        (asked,) = vendor.asked_for(QUOTES)
        assert asked.query["crumb"] == "crumb-1"
        assert "A3=here" in asked.headers["cookie"]
        assert batch.calls == 1

    def test_a_quote_has_price_market_day_and_time(self, vendor, provider):
        vendor.on(QUOTES, yahoo.quotes(yahoo.quote()))
        (quote,) = provider.quotes([ref()], NOW).quotes
        assert (quote.last, quote.bid, quote.ask) == (Decimal("244.6"), Decimal("244.5"), Decimal("244.7"))
        assert (quote.previous_close, quote.volume) == (Decimal("241.53"), Decimal(40896227))
        assert quote.quoted_at.isoformat() == "2026-11-20T19:25:00+00:00"
        assert (quote.source, quote.is_simulated) == ("yahoo", False)
        assert quote.bid_size is None

    def test_the_crumb_is_fetched_once(self, vendor, provider):
        vendor.on(QUOTES, yahoo.quotes(yahoo.quote()))
        for _ in range(3):
            provider.quotes([ref()], NOW)
        assert len(vendor.asked_for("/v1/test/getcrumb")) == 1

    def test_a_refused_crumb_is_renewed(self, vendor, provider):
        vendor.on("/v1/test/getcrumb", [Reply("crumb-1"), Reply("crumb-2")])
        vendor.on(
            QUOTES,
            lambda asked: (
                Reply(yahoo.quotes(yahoo.quote()))
                if asked.query.get("crumb") == "crumb-2"
                else Reply(yahoo.INVALID_CRUMB, status=401)
            ),
        )
        assert provider.quotes([ref()], NOW).quotes[0].last == Decimal("244.6")

    def test_pence_become_pounds(self, vendor, provider):
        vendor.on(
            QUOTES,
            yahoo.quotes(
                yahoo.quote(
                    "OCDO.L", 308.8, currency="GBp", bid=308.5, ask=308.8, regularMarketPreviousClose=315.2
                ),
                yahoo.quote("NPN.JO", 412345.0, currency="ZAc"),
                yahoo.quote("TEVA.TA", 5678.0, currency="ILA"),
                yahoo.quote("VUSA.L", 92.5, currency="GBP"),
            ),
        )
        wanted = [
            ref("OCDO.L", "GBP", quoted_in="GBp"),
            ref("NPN.JO", "ZAR", number=2),
            ref("TEVA.TA", "ILS", number=3),
            ref("VUSA.L", "GBP", number=4),
        ]
        found = {quote.instrument_id: quote for quote in provider.quotes(wanted, NOW).quotes}
        assert (found[1].last, found[1].bid, found[1].previous_close) == (
            Decimal("3.088"),
            Decimal("3.085"),
            Decimal("3.152"),
        )
        assert [found[n].last for n in (2, 3, 4)] == [Decimal("4123.45"), Decimal("56.78"), Decimal("92.5")]

    def test_one_bad_symbol_does_not_lose_the_others(self, vendor, provider):
        rows = [
            yahoo.quote("GOOD"),
            yahoo.quote("NEGATIVE", -3),
            yahoo.quote("ZERO", 0),
            yahoo.quote("ABSURD", 1e300),
            yahoo.quote("TEXT", "many"),
            yahoo.quote("TRUE", True),
            yahoo.quote("OTHER", currency="EUR"),
            yahoo.quote("NONE", currency=None),
            yahoo.quote("EMPTY", None),
            yahoo.quote("TIMELESS", regularMarketTime=None),
        ]
        text = Reply(yahoo.quotes(*rows)).content().decode().replace('"many"', "NaN")
        vendor.on(QUOTES, Reply(text))
        names = [
            "GOOD",
            "NEGATIVE",
            "ZERO",
            "ABSURD",
            "TEXT",
            "TRUE",
            "OTHER",
            "NONE",
            "EMPTY",
            "TIMELESS",
            "GONE",
            "",
        ]
        batch = provider.quotes([ref(name, number=n) for n, name in enumerate(names)], NOW)
        assert [quote.instrument_id for quote in batch.quotes] == [0]
        kinds = {names[pk]: type(fault) for pk, fault in batch.faults.items()}
        assert kinds == {
            **dict.fromkeys(["NEGATIVE", "ZERO", "ABSURD", "TEXT", "TRUE", "TIMELESS"], base.BadAnswer),
            **dict.fromkeys(["OTHER", "NONE"], base.WrongCurrency),
            **dict.fromkeys(["EMPTY", "GONE", ""], base.SymbolUnknown),
        }
        assert "finite" in str(batch.faults[4])

    @pytest.mark.parametrize(
        "fields",
        [
            {"bid": 0, "ask": 0},
            {"bid": 244.5, "ask": 0},
            {"bid": 245.0, "ask": 244.0},
            {"bid": 100.0, "ask": 244.7},
            {"bid": 244.5, "ask": 400.0},
            {"marketState": "POST"},
            {"bid": "x"},
        ],
    )
    def test_what_is_no_market_is_left_out_and_the_price_kept(self, vendor, provider, fields):
        vendor.on(QUOTES, yahoo.quotes(yahoo.quote(**fields)))
        (quote,) = provider.quotes([ref()], NOW).quotes
        assert (quote.bid, quote.ask, quote.last) == (None, None, Decimal("244.6"))

    def test_volume_in_money_is_no_volume(self, vendor, provider):
        vendor.on(QUOTES, yahoo.quotes(yahoo.quote("BTC-USD", 96077.45, regularMarketVolume=21228961792)))
        (quote,) = provider.quotes([ref("BTC-USD", asset_class="crypto")], NOW).quotes
        assert (quote.last, quote.volume) == (Decimal("96077.45"), None)

    def test_numbers_keep_every_digit(self, vendor, provider):
        text = Reply(yahoo.quotes(yahoo.quote("SHIB-USD", "PRICE"))).content().decode()
        vendor.on(QUOTES, Reply(text.replace('"PRICE"', "0.0000123456789012345678")))
        (quote,) = provider.quotes([ref("SHIB-USD", asset_class="crypto")], NOW).quotes
        assert quote.last == Decimal("0.0000123456789012345678")


class TestRefusedList:
    """Where Yahoo does not give the list of quotes, prices come from charts, one by one."""

    @pytest.fixture
    def refused(self, vendor, provider):
        vendor.on(QUOTES, Reply(yahoo.NO_ACCESS, status=401))
        return provider

    def test_prices_come_from_charts(self, vendor, refused):
        vendor.on(CHARTS, yahoo.chart([]))
        batch = refused.quotes([ref()], NOW)
        (quote,) = batch.quotes
        assert (quote.last, quote.previous_close, quote.volume) == (
            Decimal("244.87"),
            Decimal("243.5"),
            Decimal(32129951),
        )
        assert batch.calls == 2

    def test_unknown_symbols_do_not_end_it(self, vendor, refused):
        vendor.on(CHARTS, yahoo.chart([]))
        vendor.on(CHARTS + "GONE", Reply(yahoo.NO_DATA, status=404))
        batch = refused.quotes([ref("GONE", number=1), ref("AAPL", number=2)], NOW)
        assert [quote.instrument_id for quote in batch.quotes] == [2]
        assert isinstance(batch.faults[1], base.SymbolUnknown)

    def test_a_limit_ends_it_and_keeps_what_has_come(self, vendor, refused):
        vendor.on(CHARTS, [Reply(yahoo.chart([])), FAULTS["429 with Retry-After"]])
        batch = refused.quotes([ref(f"S{n}", number=n) for n in range(5)], NOW)
        assert len(batch.quotes) == 1
        assert {fault.retry_after for fault in batch.faults.values()} == {53.0}
        assert len(batch.faults) == 4

    def test_not_all_of_hundreds_at_once_and_all_in_turn(self, vendor, refused):
        vendor.on(CHARTS, yahoo.chart([]))
        instruments = [ref(f"S{n}", number=n) for n in range(CHARTS_AT_ONCE + 10)]
        batch = refused.quotes(instruments, NOW)
        assert len(batch.quotes) == CHARTS_AT_ONCE
        assert all(isinstance(fault, base.NotAuthorised) for fault in batch.faults.values())
        assert len(batch.faults) == 10


class TestSearch:
    def test_finds_what_there_is_with_exchange_and_currency(self, vendor, provider):
        vendor.on(
            SEARCH,
            {
                "quotes": [
                    {
                        "symbol": "OCDO.L",
                        "quoteType": "EQUITY",
                        "exchange": "LSE",
                        "longname": "Ocado Group plc",
                    },
                    {
                        "symbol": "BRK-B",
                        "quoteType": "EQUITY",
                        "exchange": "NYQ",
                        "shortname": "Berkshire B",
                        "sector": "Financial",
                    },
                    {"symbol": "AAPL240621C1", "quoteType": "OPTION", "exchange": "OPR"},
                    {"index": "not a symbol"},
                    "nonsense",
                ]
            },
        )
        vendor.on(
            QUOTES,
            yahoo.quotes({"symbol": "OCDO.L", "currency": "GBp"}, {"symbol": "BRK-B", "currency": "USD"}),
        )
        ocado, berkshire = provider.search("o")
        assert (ocado.symbol, ocado.exchange, ocado.currency, ocado.quoted_in) == (
            "OCDO.L",
            "XLON",
            "GBP",
            "GBp",
        )
        assert (berkshire.symbol, berkshire.provider_symbol) == ("BRK.B", "BRK-B")
        assert (berkshire.currency, berkshire.name, berkshire.sector) == ("USD", "Berkshire B", "Financial")

    def test_what_was_found_by_isin_has_it(self, vendor, provider):
        vendor.on(SEARCH, {"quotes": [{"symbol": "AAPL", "quoteType": "EQUITY", "exchange": "NMS"}]})
        assert provider.search("us0378331005")[0].isin == "US0378331005"

    def test_hits_without_currencies_are_still_hits(self, vendor, provider):
        vendor.on(SEARCH, {"quotes": [{"symbol": "AAPL", "quoteType": "EQUITY", "exchange": "NMS"}]})
        vendor.on(QUOTES, FAULTS["500"])
        (hit,) = provider.search("apple")
        assert (hit.symbol, hit.currency) == ("AAPL", "")

    def test_nothing_typed_asks_nothing(self, vendor, provider):
        assert provider.search("  ") == []
        assert vendor.asked == []


@pytest.mark.parametrize("fault", FAULTS)
class TestFaults:
    """Whatever comes back: an error of the port, no price, in time."""

    def test_quotes(self, vendor, provider, fault):
        vendor.on(QUOTES, FAULTS[fault])
        vendor.on(CHARTS, FAULTS[fault])
        with pytest.raises(base.ProviderError):
            provider.quotes([ref()], NOW)

    def test_history(self, vendor, provider, fault):
        vendor.on(CHARTS, FAULTS[fault])
        with pytest.raises(base.ProviderError):
            provider.history(ref(), NOW.date(), NOW.date())

    def test_minutes(self, vendor, provider, fault):
        vendor.on(CHARTS, FAULTS[fault])
        with pytest.raises(base.ProviderError):
            provider.intraday(ref(), NOW.replace(hour=1), NOW)

    def test_search(self, vendor, provider, fault):
        vendor.on(SEARCH, FAULTS[fault])
        with pytest.raises(base.ProviderError):
            provider.search("apple")

    def test_everything_at_once(self, vendor, provider, fault):
        """Cookie and crumb fail as well."""
        vendor.on("/", FAULTS[fault])
        vendor.on("/v1/test/getcrumb", FAULTS[fault])
        with pytest.raises(base.ProviderError):
            provider.quotes([ref()], NOW)


class TestLimits:
    def test_a_limit_says_when_to_ask_again_and_is_not_asked_again(self, vendor, provider):
        vendor.on(CHARTS, FAULTS["429 with Retry-After"])
        with pytest.raises(base.RateLimited) as caught:
            provider.history(ref(), NOW.date(), NOW.date())
        assert caught.value.retry_after == 53
        vendor.on(QUOTES, FAULTS["429 with a date"])
        with pytest.raises(base.RateLimited) as caught:
            provider.quotes([ref()], NOW)
        assert caught.value.retry_after == 120
        assert len(vendor.asked_for("/v")) == 3  # chart, crumb, quotes

    def test_a_limit_without_a_time_has_none(self, vendor, provider):
        vendor.on(QUOTES, FAULTS["429"])
        with pytest.raises(base.RateLimited) as caught:
            provider.quotes([ref()], NOW)
        assert caught.value.retry_after is None

    @pytest.mark.parametrize("fault", ["hangs", "drips"])
    def test_who_hangs_is_left_after_the_time_limit(self, vendor, provider, fault):
        vendor.on(CHARTS, FAULTS[fault])
        began = time.monotonic()
        with pytest.raises(base.ProviderUnavailable, match="no answer within"):
            provider.history(ref(), NOW.date(), NOW.date())
        assert time.monotonic() - began < 3

    def test_the_limit_is_for_the_whole_question_cookie_and_crumb_included(self, vendor, provider):
        vendor.on("/", FAULTS["hangs"])
        began = time.monotonic()
        with pytest.raises(base.ProviderUnavailable):
            provider.quotes([ref()], NOW)
        assert time.monotonic() - began < 0.3 * 2.5

    def test_nobody_there(self, vendor):
        vendor.close()
        with pytest.raises(base.ProviderUnavailable, match="cannot be reached"):
            YahooProvider(timeout=1, base_url=vendor.url).quotes([ref()], NOW)


class TestSymbols:
    @pytest.mark.parametrize(
        ("symbol", "exchange", "asset_class", "currency", "expected"),
        [
            ("AAPL", "XNAS", "equity", "USD", "AAPL"),
            ("BRK.B", "XNYS", "equity", "USD", "BRK-B"),
            ("SAP", "XETR", "equity", "EUR", "SAP.DE"),
            ("SAP.DE", "XETR", "equity", "EUR", "SAP.DE"),
            ("BT.A", "XLON", "equity", "GBP", "BT-A.L"),
            ("BTC", "", "crypto", "USD", "BTC-USD"),
            ("BTC-EUR", "", "crypto", "EUR", "BTC-EUR"),
            ("EURUSD", "", "currency", "USD", "EURUSD=X"),
            ("^GSPC", "", "index", "USD", "^GSPC"),
            ("VFIAX", "", "fund", "USD", "VFIAX"),
            ("DWSTD", "", "fund", "EUR", ""),
            ("US91282CLW90", "", "bond", "USD", ""),
            ("HOUSE", "", "real_estate", "USD", ""),
        ],
    )
    def test_names_what_nobody_has_mapped(self, provider, symbol, exchange, asset_class, currency, expected):
        named = provider.symbol_for(
            symbol=symbol, exchange=exchange, asset_class=asset_class, currency=currency
        )
        assert named == expected

    def test_every_ending_belongs_to_an_exchange_it_can_be_found_on(self):
        assert set(exchanges.SUFFIXES) <= set(exchanges.MICS.values())
        assert all(len(mic) == 4 for mic in exchanges.MICS.values())
        assert len(set(exchanges.SUFFIXES.values())) == len(exchanges.SUFFIXES)
