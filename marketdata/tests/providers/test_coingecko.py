"""CoinGecko against a vendor on this machine."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from marketdata.providers import base
from marketdata.providers.coingecko import CoinGeckoProvider
from marketdata.tests.providers.conftest import NOW, ref
from marketdata.tests.support.vendor import FAULTS, Reply

PRICES = "/simple/price"
CHART = "/coins/bitcoin/market_chart/range"
UPDATED = int(NOW.timestamp()) - 20


def coin(symbol: str = "bitcoin", currency: str = "USD", number: int = 1) -> base.InstrumentRef:
    return ref(symbol, currency, number=number, asset_class="crypto")


def point(day: str, price: object, *, late: int = 0) -> list[object]:
    at = datetime.fromisoformat(day).replace(tzinfo=UTC)
    return [int(at.timestamp() * 1000) + late * 1000, price]


@pytest.fixture
def provider(vendor):
    return CoinGeckoProvider(timeout=0.3, base_url=vendor.url)


class TestQuotes:
    def test_many_coins_in_several_currencies_come_in_one_answer(self, vendor, provider):
        vendor.on(
            PRICES,
            {
                "bitcoin": {
                    "usd": 96077,
                    "eur": 91500.25,
                    "usd_24h_change": 25,
                    "last_updated_at": UPDATED,
                    "usd_market_cap": 1904783523840.5,
                },
                "shiba-inu": {"usd": 1.23456789012e-05, "usd_24h_change": None, "last_updated_at": UPDATED},
            },
        )
        batch = provider.quotes([coin(), coin(currency="EUR", number=2), coin("shiba-inu", number=3)], NOW)
        bitcoin, euros, shiba = batch.quotes
        assert (bitcoin.last, bitcoin.previous_close) == (Decimal(96077), Decimal(76862))
        assert bitcoin.market_cap == Decimal("1904783523840.5")
        assert bitcoin.quoted_at == datetime.fromtimestamp(UPDATED, UTC)
        assert (euros.last, euros.previous_close) == (Decimal("91500.25"), None)
        assert shiba.last == Decimal("0.0000123456789012")
        assert bitcoin.source == "coingecko"
        (asked,) = vendor.asked
        assert asked.query["ids"] == "bitcoin,shiba-inu"
        assert asked.query["vs_currencies"] == "eur,usd"
        assert asked.query["include_market_cap"] == "true"

    def test_one_bad_coin_does_not_lose_the_others(self, vendor, provider):
        body = {
            "good": {"usd": 1.5, "last_updated_at": UPDATED},
            "nan": {"usd": "NAN", "last_updated_at": UPDATED},
            "negative": {"usd": -1, "last_updated_at": UPDATED},
            "absurd": {"usd": 1e30, "last_updated_at": UPDATED},
            "timeless": {"usd": 1},
            "dead": {},
            "null": {"usd": None, "last_updated_at": UPDATED},
            "elsewhere": {"eur": 1, "last_updated_at": UPDATED},
        }
        vendor.on(PRICES, Reply(Reply(body).content().decode().replace('"NAN"', "NaN")))
        names = [*body, "gone", ""]
        batch = provider.quotes([coin(name, number=n) for n, name in enumerate(names)], NOW)
        assert [quote.instrument_id for quote in batch.quotes] == [0]
        assert {names[pk]: type(fault) for pk, fault in batch.faults.items()} == {
            **dict.fromkeys(["nan", "negative", "absurd", "timeless"], base.BadAnswer),
            **dict.fromkeys(["dead", "null", "gone", ""], base.SymbolUnknown),
            "elsewhere": base.WrongCurrency,
        }

    def test_hundreds_are_asked_for_in_batches_and_a_limit_keeps_what_has_come(self, vendor, provider):
        vendor.on(
            PRICES,
            [
                lambda asked: Reply(
                    {name: {"usd": 1, "last_updated_at": UPDATED} for name in asked.query["ids"].split(",")}
                ),
                FAULTS["429 with Retry-After"],
            ],
        )
        batch = provider.quotes([coin(f"c{n}", number=n) for n in range(300)], NOW)
        assert (len(batch.quotes), len(batch.faults), batch.calls) == (250, 50, 2)
        assert batch.faults[299].retry_after == 53

    @pytest.mark.parametrize(("plan", "header"), [("demo", "x-cg-demo-api-key"), ("pro", "x-cg-pro-api-key")])
    def test_a_key_goes_into_its_header(self, vendor, plan, header):
        vendor.on(PRICES, {"bitcoin": {"usd": 1, "last_updated_at": UPDATED}})
        CoinGeckoProvider(base_url=vendor.url, api_key="secret", plan=plan).quotes([coin()], NOW)
        (asked,) = vendor.asked
        assert asked.headers[header] == "secret"
        assert "secret" not in str(asked.query)

    def test_without_a_key_no_header_and_few_questions(self, vendor, provider):
        vendor.on(PRICES, {"bitcoin": {"usd": 1, "last_updated_at": UPDATED}})
        provider.quotes([coin()], NOW)
        assert not any("api-key" in name for name in vendor.asked[0].headers)
        assert provider.limits.calls_per_minute == 5
        assert CoinGeckoProvider(api_key="k").limits.calls_per_minute == 30


class TestErrorsWithAnyStatus:
    @pytest.mark.parametrize(
        ("body", "status", "expected"),
        [
            (
                {"status": {"error_code": 429, "error_message": "You've exceeded the Rate Limit."}},
                200,
                base.RateLimited,
            ),
            ({"status": {"error_code": 429, "error_message": "…"}}, 429, base.RateLimited),
            (
                {
                    "error": {
                        "status": {"error_code": 10012, "error_message": "exceeds the allowed time range"}
                    }
                },
                401,
                base.NotAuthorised,
            ),
            ({"status": {"error_code": 10002, "error_message": "API Key Missing"}}, 200, base.NotAuthorised),
            ({"status": {"error_code": 10005, "error_message": "paid plans"}}, 200, base.NotAuthorised),
            ({"status": {"error_code": 500, "error_message": "oops"}}, 200, base.ProviderUnavailable),
            ({"status": 400, "error": "Bad Request"}, 400, base.BadAnswer),
            ({"error": "coin not found"}, 404, base.SymbolUnknown),
            ({"error": "Missing parameter vs_currency"}, 422, base.BadAnswer),
        ],
    )
    def test_are_recognised(self, vendor, provider, body, status, expected):
        vendor.on("/", Reply(body, status=status))
        with pytest.raises(expected):
            provider.quotes([coin()], NOW)
        with pytest.raises(expected):
            provider.history(coin(), NOW.date(), NOW.date())

    def test_a_coin_may_be_called_status(self, vendor, provider):
        vendor.on(PRICES, {"status": {"usd": 0.0215, "last_updated_at": UPDATED}})
        assert provider.quotes([coin("status")], NOW).quotes[0].last == Decimal("0.0215")


class TestHistory:
    def test_a_midnight_is_the_close_of_the_day_before(self, vendor, provider):
        vendor.on(
            CHART,
            {
                "prices": [
                    point("2026-11-18", 90000.5),
                    point("2026-11-19", 91000),
                    point("2026-11-19T15:07:00", 91500),
                ]
            },
        )
        found = provider.history(coin(), date(2026, 11, 17), date(2026, 11, 19))
        assert [(bar.date, bar.close, bar.open, bar.volume) for bar in found.bars] == [
            (date(2026, 11, 17), Decimal("90000.5"), None, None),
            (date(2026, 11, 18), Decimal(91000), None, None),
        ]
        (asked,) = vendor.asked
        assert asked.query["from"] == str(int(datetime(2026, 11, 18, tzinfo=UTC).timestamp()))
        assert (asked.query["interval"], asked.query["vs_currency"]) == ("daily", "usd")

    def test_finer_points_than_asked_for_give_the_same_days(self, vendor, provider):
        hours = [point(f"2026-11-18T{hour:02}:00:00", 100 + hour, late=70) for hour in range(24)]
        vendor.on(
            CHART, {"prices": [*hours, point("2026-11-19", 200, late=70), point("2026-11-19T00:05:00", 201)]}
        )
        found = provider.history(coin(), date(2026, 11, 17), date(2026, 11, 19))
        assert [(bar.date.day, bar.close) for bar in found.bars] == [(17, 100), (18, 200)]

    def test_impossible_closes_are_left_out_and_told(self, vendor, provider):
        points = [
            point("2026-11-17", -1),
            point("2026-11-18", "X"),
            point("2026-11-19", 5),
            point("2026-11-19", 6),
            point("2026-11-20", None),
        ]
        vendor.on(CHART, Reply(Reply({"prices": points}).content().decode().replace('"X"', "Infinity")))
        found = provider.history(coin(), date(2026, 11, 1), date(2026, 11, 19))
        assert [(bar.date.day, bar.close) for bar in found.bars] == [(18, 5)]
        assert len(found.faults) == 3

    def test_unordered_points_are_sorted(self, vendor, provider):
        vendor.on(CHART, {"prices": [point("2026-11-19", 2), point("2026-11-18", 1)]})
        assert [bar.close for bar in provider.bars(coin(), date(2026, 11, 1), date(2026, 11, 19))] == [1, 2]

    def test_reaches_back_a_year_without_a_paid_key_and_says_so(self, vendor, provider):
        vendor.on(CHART, {"prices": []})
        found = provider.history(coin(), date(2016, 1, 1), date(2026, 11, 19))
        assert "last 365 days" in found.faults[0]
        assert vendor.asked[0].query["from"] == str(int(datetime(2025, 11, 22, tzinfo=UTC).timestamp()))

    def test_reaches_back_to_the_beginning_with_one(self, vendor):
        vendor.on(CHART, {"prices": []})
        provider = CoinGeckoProvider(base_url=vendor.url, api_key="k", plan="pro")
        assert provider.history(coin(), date(2016, 1, 1), date(2026, 11, 19)).faults == []
        assert vendor.asked[0].query["from"] == str(int(datetime(2016, 1, 2, tzinfo=UTC).timestamp()))


class TestSearch:
    def test_finds_coins_and_their_ids(self, vendor, provider):
        vendor.on(
            "/search",
            {"coins": [{"id": "bitcoin", "name": "Bitcoin", "symbol": "BTC"}, {"id": ""}, 5], "nfts": []},
        )
        (hit,) = provider.search("bit")
        assert (hit.symbol, hit.provider_symbol, hit.asset_class, hit.currency) == (
            "BTC-USD",
            "bitcoin",
            "crypto",
            "USD",
        )

    def test_the_whole_list_can_be_had(self, vendor, provider):
        vendor.on(
            "/coins/list",
            [{"id": "bitcoin", "name": "Bitcoin", "symbol": "btc"}, {"id": "x", "symbol": "x", "name": ""}],
        )
        assert [hit.provider_symbol for hit in provider.listing()] == ["bitcoin", "x"]


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("question", ["quotes", "history", "search"])
def test_whatever_comes_back_is_an_error_of_the_port(vendor, provider, fault, question):
    vendor.on("/", FAULTS[fault])
    ask = {
        "quotes": lambda: provider.quotes([coin()], NOW),
        "history": lambda: provider.history(coin(), NOW.date(), NOW.date()),
        "search": lambda: provider.search("bit"),
    }[question]
    with pytest.raises(base.ProviderError):
        ask()


def test_a_plan_there_is_not_is_refused():
    with pytest.raises(ValueError, match="demo or pro"):
        CoinGeckoProvider(api_key="k", plan="gold")
