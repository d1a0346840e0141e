"""The official SDK against the running site: clock, calendar, assets, watchlists and market data."""

from __future__ import annotations

import time
import uuid
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from alpaca.common.enums import Sort
from alpaca.common.exceptions import APIError
from alpaca.data.enums import Adjustment, DataFeed
from alpaca.data.historical import StockHistoricalDataClient
from alpaca.data.requests import (
    CryptoBarsRequest,
    CryptoLatestBarRequest,
    CryptoLatestOrderbookRequest,
    CryptoLatestQuoteRequest,
    CryptoLatestTradeRequest,
    CryptoQuoteRequest,
    CryptoSnapshotRequest,
    CryptoTradesRequest,
    StockBarsRequest,
    StockLatestBarRequest,
    StockLatestQuoteRequest,
    StockLatestTradeRequest,
    StockQuotesRequest,
    StockSnapshotRequest,
    StockTradesRequest,
)
from alpaca.data.timeframe import TimeFrame, TimeFrameUnit
from alpaca.trading.client import TradingClient
from alpaca.trading.enums import (
    AssetClass,
    AssetExchange,
    AssetStatus,
    CorporateActionSubType,
    CorporateActionType,
)
from alpaca.trading.requests import (
    CreateWatchlistRequest,
    GetAssetsRequest,
    GetCalendarRequest,
    GetCorporateAnnouncementsRequest,
    UpdateWatchlistRequest,
)

from marketdata.models import CorporateAction, IntradayBar, PriceBar
from trading.tests.support import make_instrument, set_quote
from trading.wire.data.forms import day_starts
from trading.wire.tests.support import make_bot
from trading.wire.values import NEW_YORK


def make_days(instrument, first, closes):
    for offset, close in enumerate(closes):
        PriceBar.objects.create(
            instrument=instrument,
            date=first + timedelta(days=offset),
            open=Decimal(close),
            high=Decimal(close) + 1,
            low=Decimal(close) - 1,
            close=Decimal(close),
            volume=Decimal(1000 + offset),
            source="simulated",
        )


@pytest.fixture
def acme(live_site):
    share = make_instrument("ACME")
    set_quote(share, "100.00", "100.02", "100.01", at=datetime.now(UTC))
    make_days(share, date(2026, 1, 5), ["10", "11", "12", "13", "14"])
    return share


@pytest.fixture
def bitcoin(live_site):
    coin = make_instrument("BTC-USD", asset_class="crypto", exchange="", quantity_step="0.00000001")
    set_quote(coin, "50000", "50010", "50005", at=datetime.now(UTC))
    make_days(coin, date(2026, 1, 3), ["50000", "50100"])
    return coin


class TestClient:
    def test_a_base_with_a_slash_at_its_end_works(self, sdk, acme):
        client = TradingClient(sdk.bot.key_id, sdk.bot.secret, url_override=sdk.base + "/")
        assert client.get_asset("ACME").symbol == "ACME"

    def test_bearer_and_basic(self, sdk, acme):
        token = f"{sdk.bot.key_id}:{sdk.bot.secret}"
        assert TradingClient(oauth_token=token, url_override=sdk.base).get_clock().is_open
        basic = StockHistoricalDataClient(
            sdk.bot.key_id, sdk.bot.secret, use_basic_auth=True, url_override=sdk.base
        )
        assert "ACME" in basic.get_stock_latest_quote(StockLatestQuoteRequest(symbol_or_symbols="ACME"))

    def test_errors_have_code_and_message(self, sdk):
        with pytest.raises(APIError) as unknown:
            sdk.trading.get_asset("NOSUCH")
        assert (unknown.value.code, unknown.value.status_code) == (40410000, 404)
        assert "NOSUCH" in unknown.value.message
        with pytest.raises(APIError) as refused:
            TradingClient("PKNOBODY", "secret", url_override=sdk.base).get_clock()
        assert (refused.value.code, refused.value.status_code) == (40110000, 401)
        with pytest.raises(APIError) as no_such_address:
            sdk.trading.get("/options/contracts", {})
        assert no_such_address.value.code == 40410000
        with pytest.raises(APIError) as no_such_method:
            sdk.trading.patch("/clock", {})
        assert no_such_method.value.code == 40510000

    def test_waits_and_tries_again_by_itself_when_it_asked_too_often(self, live_site):
        bot = make_bot(rate_limit=60)
        client = TradingClient(bot.key_id, bot.secret, url_override=f"{live_site.url}/alpaca")
        client._retry_wait = 2
        for _ in range(62):
            assert client.get_clock() is not None


class TestClock:
    def test_says_open_at_any_hour_where_the_market_never_closes(self, sdk, acme):
        clock = sdk.trading.get_clock()
        assert clock.is_open
        assert clock.timestamp.utcoffset() in {timedelta(hours=-5), timedelta(hours=-4)}
        assert clock.timestamp < clock.next_close <= clock.next_open
        assert sdk.raw.get_clock()["timestamp"].endswith(("-05:00", "-04:00"))

    def test_calendar_has_early_closes_and_both_bounds(self, sdk):
        days = sdk.trading.get_calendar(GetCalendarRequest(start=date(2026, 11, 25), end=date(2026, 11, 30)))
        assert [day.date for day in days] == [date(2026, 11, 25), date(2026, 11, 27), date(2026, 11, 30)]
        assert [day.close.hour for day in days] == [16, 13, 16]
        raw = sdk.raw.get_calendar(GetCalendarRequest(start=date(2026, 11, 25), end=date(2026, 11, 25)))
        assert raw == [
            {
                "date": "2026-11-25",
                "open": "09:30",
                "close": "16:00",
                "session_open": "0400",
                "session_close": "2000",
                "settlement_date": "2026-11-27",
            }
        ]
        assert len(sdk.trading.get_calendar()) > 15_000


class TestAssets:
    def test_are_found_by_every_spelling_and_by_id(self, sdk, acme, bitcoin):
        berkshire = make_instrument("BRK-B", exchange="XNYS")
        for name in ("ACME", "acme", str(acme.public_id), acme.public_id):
            assert sdk.trading.get_asset(name).id == acme.public_id
        for name in ("BTC/USD", "BTCUSD", "BTC%2FUSD", "btc-usd", bitcoin.public_id):
            assert sdk.trading.get_asset(name).symbol == "BTC/USD"
        for name in ("BRK.B", "BRK-B"):
            found = sdk.trading.get_asset(name)
            assert (found.id, found.symbol) == (berkshire.public_id, "BRK.B")
        for name in ("BTC", "ACMEUSD", "ACME/USD", str(uuid.uuid4()), "%00", "x" * 300):
            with pytest.raises(APIError) as unknown:
                sdk.trading.get_asset(name)
            assert unknown.value.status_code == 404

    def test_tell_their_class_and_exchange_by_the_sdks_lists(self, sdk, acme, bitcoin):
        make_instrument("SAP.DE", exchange="XETR", currency="EUR")
        make_instrument("SPY", exchange="ARCX", asset_class="etf")
        make_instrument("GONE", is_active=False)
        make_instrument("^GSPC", asset_class="index")
        assets = {asset.symbol: asset for asset in sdk.trading.get_all_assets()}
        assert set(assets) == {"ACME", "SAP.DE", "SPY", "GONE"}
        assert assets["ACME"].exchange == AssetExchange.NASDAQ
        assert assets["SPY"].exchange == AssetExchange.ARCA
        assert assets["SAP.DE"].exchange == AssetExchange.EMPTY
        assert assets["GONE"].status == AssetStatus.INACTIVE
        assert not assets["GONE"].tradable
        assert "simulated" in assets["ACME"].attributes
        (coin,) = sdk.trading.get_all_assets(GetAssetsRequest(asset_class=AssetClass.CRYPTO))
        assert (coin.symbol, coin.exchange, coin.min_order_size) == (
            "BTC/USD",
            AssetExchange.CRYPTO,
            0.00000001,
        )
        assert not coin.marginable
        assert not coin.shortable
        active = sdk.trading.get_all_assets(
            GetAssetsRequest(status=AssetStatus.ACTIVE, exchange=AssetExchange.NASDAQ)
        )
        assert [asset.symbol for asset in active] == ["ACME"]
        assert sdk.raw.get_asset("ACME")["class"] == "us_equity"


class TestAnnouncements:
    def test_dividends_and_splits(self, sdk, acme):
        for kind, day, value in (("dividend", 5, "0.24"), ("split", 7, "4"), ("split", 9, "0.1")):
            CorporateAction.objects.create(
                instrument=acme, ex_date=date(2026, 1, day), kind=kind, value=Decimal(value), source="test"
            )
        asked = GetCorporateAnnouncementsRequest(
            ca_types=[CorporateActionType.DIVIDEND, CorporateActionType.SPLIT],
            since=date(2026, 1, 1),
            until=date(2026, 3, 1),
            symbol="ACME",
        )
        with pytest.warns(DeprecationWarning, match="deprecated"):
            paid, split, reverse = sdk.trading.get_corporate_announcements(asked)
        assert (paid.ca_type, paid.ca_sub_type, paid.cash, paid.ex_date) == (
            CorporateActionType.DIVIDEND, CorporateActionSubType.CASH, 0.24, date(2026, 1, 5),
        )  # fmt: skip
        assert (split.ca_sub_type, split.new_rate, split.old_rate) == (
            CorporateActionSubType.STOCK_SPLIT,
            4,
            1,
        )
        assert (reverse.ca_sub_type, reverse.new_rate, reverse.old_rate) == (
            CorporateActionSubType.REVERSE_SPLIT, 1, 10,
        )  # fmt: skip
        assert sdk.trading.get_corporate_announcement_by_id(paid.id) == paid
        for nonsense in (uuid.uuid4(), uuid.UUID(int=paid.id.int + 999)):
            with pytest.raises(APIError) as unknown:
                sdk.trading.get_corporate_announcement_by_id(nonsense)
            assert unknown.value.status_code == 404


class TestWatchlists:
    def test_live_through_every_call(self, sdk, acme, bitcoin):
        made = sdk.trading.create_watchlist(CreateWatchlistRequest(name="Mine", symbols=["ACME"]))
        assert [asset.symbol for asset in made.assets] == ["ACME"]
        grown = sdk.trading.add_asset_to_watchlist_by_id(made.id, "BTC/USD")
        assert [asset.symbol for asset in grown.assets] == ["ACME", "BTC/USD"]
        shrunk = sdk.trading.remove_asset_from_watchlist_by_id(made.id, "BTC/USD")
        assert [asset.symbol for asset in shrunk.assets] == ["ACME"]
        changed = sdk.trading.update_watchlist_by_id(
            made.id, UpdateWatchlistRequest(name="Ours", symbols=["BTCUSD", "ACME"])
        )
        assert (changed.name, [asset.symbol for asset in changed.assets]) == ("Ours", ["BTC/USD", "ACME"])
        (listed,) = sdk.trading.get_watchlists()
        assert (listed.id, listed.assets) == (made.id, None)
        assert sdk.trading.get_watchlist_by_id(made.id).name == "Ours"
        assert sdk.trading.get("/watchlists:by_name", {"name": "ours"})["id"] == str(made.id)
        assert sdk.trading.delete_watchlist_by_id(made.id) is None
        assert sdk.trading.get_watchlists() == []

    def test_refusals(self, sdk, acme, stranger_list):
        sdk.trading.create_watchlist(CreateWatchlistRequest(name="Mine", symbols=["ACME"]))
        for name, symbols, status in (("mine", [], 422), ("x" * 65, [], 422), ("New", ["NOSUCH"], 404)):
            with pytest.raises(APIError) as refused:
                sdk.trading.create_watchlist(CreateWatchlistRequest(name=name, symbols=symbols))
            assert refused.value.status_code == status
        for unknown in (stranger_list, uuid.uuid4()):
            for call in (
                sdk.trading.get_watchlist_by_id,
                sdk.trading.delete_watchlist_by_id,
                lambda pk: sdk.trading.add_asset_to_watchlist_by_id(pk, "ACME"),
                lambda pk: sdk.trading.remove_asset_from_watchlist_by_id(pk, "ACME"),
                lambda pk: sdk.trading.update_watchlist_by_id(pk, UpdateWatchlistRequest(name="taken")),
            ):
                with pytest.raises(APIError) as refused:
                    call(unknown)
                assert refused.value.status_code == 404

    @pytest.fixture
    def stranger_list(self, live_site):
        from marketdata.operations import create_watchlist

        stranger = make_bot()
        made = create_watchlist(owner=stranger.user, name="Theirs", now=datetime.now(UTC), instrument_ids=[])
        return made.id


class TestStockData:
    def test_daily_bars_page_through_all_symbols(self, sdk, acme):
        other = make_instrument("OTHER")
        make_days(other, date(2026, 1, 5), ["20", "21"])
        wanted = StockBarsRequest(
            symbol_or_symbols=["OTHER", "ACME", "NOSUCH"],
            timeframe=TimeFrame.Day,
            start=datetime(2026, 1, 5, tzinfo=UTC),
            end=datetime(2026, 1, 31, tzinfo=UTC),
            feed=DataFeed.IEX,
        )
        whole = sdk.stocks.get_stock_bars(wanted)
        assert {symbol: len(bars) for symbol, bars in whole.data.items()} == {"ACME": 5, "OTHER": 2}
        first = whole["ACME"][0]
        assert (first.timestamp, first.open, first.high, first.low, first.close, first.volume) == (
            datetime(2026, 1, 5, 5, tzinfo=UTC), 10, 11, 9, 10, 1000,
        )  # fmt: skip
        assert first.trade_count is None
        wanted.limit = 6
        limited = sdk.stocks.get_stock_bars(wanted)
        assert {symbol: len(bars) for symbol, bars in limited.data.items()} == {"ACME": 5, "OTHER": 1}

    def test_pages_are_ordered_by_symbol_and_time_and_end(self, sdk, acme):
        other = make_instrument("OTHER")
        make_days(other, date(2026, 1, 5), ["20", "21"])
        seen, token, pages = [], None, 0
        while True:
            page = sdk.stocks.get(
                "/stocks/bars",
                {
                    "symbols": "OTHER,ACME",
                    "timeframe": "1Day",
                    "start": "2026-01-05",
                    "end": "2026-02-01",
                    "limit": 2,
                    "page_token": token,
                },
            )
            seen += [(symbol, bar["t"]) for symbol, bars in page["bars"].items() for bar in bars]
            token, pages = page["next_page_token"], pages + 1
            if token is None:
                break
        assert (pages, len(seen)) == (4, 7)
        assert seen == sorted(seen)
        assert len(set(seen)) == 7

    def test_weeks_months_order_and_adjustment(self, sdk, acme):
        CorporateAction.objects.create(
            instrument=acme, ex_date=date(2026, 1, 8), kind="split", value=Decimal(2), source="test"
        )
        CorporateAction.objects.create(
            instrument=acme, ex_date=date(2026, 1, 7), kind="dividend", value=Decimal(1), source="test"
        )

        def bars(**fields):
            # Ends before today: the simulated market has a bar of every day that is not over.
            fields = {"timeframe": TimeFrame.Day, "end": datetime(2026, 2, 1, tzinfo=UTC), **fields}
            return sdk.stocks.get_stock_bars(
                StockBarsRequest(symbol_or_symbols="ACME", start=datetime(2026, 1, 5, tzinfo=UTC), **fields)
            )["ACME"]

        (week,) = bars(timeframe=TimeFrame.Week)
        assert (week.timestamp, week.open, week.high, week.low, week.close, week.volume) == (
            datetime(2026, 1, 5, 5, tzinfo=UTC), 10, 15, 9, 14, 5010,
        )  # fmt: skip
        assert [bar.close for bar in bars(sort=Sort.DESC)] == [14, 13, 12, 11, 10]
        assert [bar.close for bar in bars(adjustment=Adjustment.SPLIT)] == [5, 5.5, 6, 13, 14]
        assert [bar.volume for bar in bars(adjustment=Adjustment.SPLIT)] == [2000, 2002, 2004, 1003, 1004]
        paid = 12 / 13
        assert [bar.close for bar in bars(adjustment=Adjustment.DIVIDEND)] == pytest.approx(
            [10 * paid, 11 * paid, 12, 13, 14], abs=1e-5
        )
        assert [bar.close for bar in bars(adjustment=Adjustment.ALL)] == pytest.approx(
            [5 * paid, 5.5 * paid, 6, 13, 14], abs=1e-5
        )
        with pytest.raises(KeyError):
            # The quarter began before the span.
            bars(timeframe=TimeFrame(3, TimeFrameUnit.Month), end=datetime(2026, 3, 1, tzinfo=UTC))

    def test_latest_and_snapshots(self, sdk, acme):
        quote = sdk.stocks.get_stock_latest_quote(StockLatestQuoteRequest(symbol_or_symbols="ACME"))["ACME"]
        assert (quote.bid_price, quote.ask_price) == (100, 100.02)
        trade = sdk.stocks.get_stock_latest_trade(
            StockLatestTradeRequest(symbol_or_symbols=["ACME", "NOSUCH"])
        )
        assert {symbol: found.price for symbol, found in trade.items()} == {"ACME": 100.01}
        shot = sdk.stocks.get_stock_snapshot(StockSnapshotRequest(symbol_or_symbols="ACME"))["ACME"]
        assert shot.latest_quote.bid_price == 100
        assert shot.latest_trade.price == 100.01

    def test_ticks_in_a_span_are_the_latest_one(self, sdk, acme):
        start = datetime.now(UTC) - timedelta(hours=1)
        quotes = sdk.stocks.get_stock_quotes(StockQuotesRequest(symbol_or_symbols="ACME", start=start))
        assert [quote.ask_price for quote in quotes["ACME"]] == [100.02]
        trades = sdk.stocks.get_stock_trades(
            StockTradesRequest(symbol_or_symbols="ACME", start=start - timedelta(days=9), end=start)
        )
        assert trades.data == {}


class TestMinutes:
    def test_bars_within_a_day_and_the_day_that_is_not_over(self, sdk, acme):
        # The minutes of the simulated market are worked out; these are told by a source.
        told = make_instrument("TOLD", provider="manual")
        set_quote(told, "100.00", "100.02", "100.01", at=datetime.now(UTC))
        now = datetime.now(UTC).replace(second=0, microsecond=0)
        if now == day_starts(now.astimezone(NEW_YORK).date()):
            time.sleep(60)
            now += timedelta(minutes=1)
        begun = day_starts(now.astimezone(NEW_YORK).date())
        first = max(begun, now - timedelta(minutes=7))
        places = [first + timedelta(minutes=n) for n in range(int((now - first).total_seconds()) // 60)]
        for number, at in enumerate(places):
            price = Decimal(100 + number)
            IntradayBar.objects.create(
                instrument=told, at=at, open=price, high=price + 1, low=price - 1, close=price, volume=Decimal(5),
                quoted_at=at, seen_at=at, source="test",
            )  # fmt: skip
        asked = StockBarsRequest(symbol_or_symbols="TOLD", timeframe=TimeFrame.Minute, start=first)
        bars = sdk.stocks.get_stock_bars(asked)["TOLD"]
        assert [(bar.timestamp, bar.open, bar.close) for bar in bars] == [
            (at, 100 + number, 100 + number) for number, at in enumerate(places)
        ]
        hours = sdk.stocks.get_stock_bars(
            StockBarsRequest(symbol_or_symbols="TOLD", timeframe=TimeFrame.Hour, start=begun)
        )["TOLD"]
        assert sum(hour.volume for hour in hours) == 5 * len(places)
        assert all(hour.timestamp.minute == 0 for hour in hours)
        today = sdk.stocks.get_stock_bars(
            StockBarsRequest(symbol_or_symbols="TOLD", timeframe=TimeFrame.Day, start=begun)
        )["TOLD"][-1]
        assert (today.timestamp, today.open, today.close) == (begun, 100, 100 + len(places) - 1)
        latest = sdk.stocks.get_stock_latest_bar(StockLatestBarRequest(symbol_or_symbols="TOLD"))["TOLD"]
        assert latest.timestamp == places[-1]
        shot = sdk.stocks.get_stock_snapshot(StockSnapshotRequest(symbol_or_symbols="TOLD"))["TOLD"]
        assert shot.minute_bar.timestamp == places[-1]
        assert (shot.daily_bar.timestamp, shot.previous_daily_bar) == (begun, None)


class TestCoinData:
    def test_needs_no_key(self, sdk, bitcoin):
        bars = sdk.coins.get_crypto_bars(
            CryptoBarsRequest(
                symbol_or_symbols="BTC/USD",
                timeframe=TimeFrame.Day,
                start=datetime(2026, 1, 1, tzinfo=UTC),
                end=datetime(2026, 2, 1, tzinfo=UTC),
            )
        )
        assert [bar.close for bar in bars["BTC/USD"]] == [50000, 50100]
        quote = sdk.coins.get_crypto_latest_quote(CryptoLatestQuoteRequest(symbol_or_symbols="BTC/USD"))
        assert quote["BTC/USD"].ask_price == 50010
        trade = sdk.coins.get_crypto_latest_trade(CryptoLatestTradeRequest(symbol_or_symbols="BTC/USD"))
        assert trade["BTC/USD"].price == 50005
        book = sdk.coins.get_crypto_latest_orderbook(
            CryptoLatestOrderbookRequest(symbol_or_symbols="BTC/USD")
        )["BTC/USD"]
        assert (book.bids[0].price, book.asks[0].price) == (50000, 50010)
        shot = sdk.coins.get_crypto_snapshot(CryptoSnapshotRequest(symbol_or_symbols="BTC/USD"))
        assert shot["BTC/USD"].latest_trade.price == 50005

    def test_every_other_call_of_its_client(self, sdk, bitcoin):
        start = datetime.now(UTC) - timedelta(hours=1)
        quotes = sdk.coins.get_crypto_quotes(CryptoQuoteRequest(symbol_or_symbols=["BTC/USD"], start=start))
        assert quotes["BTC/USD"][0].bid_price > 0
        trades = sdk.coins.get_crypto_trades(CryptoTradesRequest(symbol_or_symbols="BTC/USD", start=start))
        assert trades["BTC/USD"][0].price > 0
        latest = sdk.coins.get_crypto_latest_bar(CryptoLatestBarRequest(symbol_or_symbols="BTC/USD"))[
            "BTC/USD"
        ]
        assert latest.timestamp > start
        assert latest.high >= latest.low
        minutes = sdk.coins.get_crypto_bars(
            CryptoBarsRequest(symbol_or_symbols="BTC/USD", timeframe=TimeFrame.Minute, start=start, limit=10)
        )
        assert len(minutes["BTC/USD"]) == 10
        unknown = sdk.coins.get_crypto_latest_bar(CryptoLatestBarRequest(symbol_or_symbols="NO/SUCH"))
        assert unknown == {}
