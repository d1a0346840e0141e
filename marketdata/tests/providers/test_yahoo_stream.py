"""Yahoo's live stream through yfinance's own WebSocket client, against a server on this machine."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from marketdata.providers import base
from marketdata.providers.yahoo import YahooProvider, stream
from marketdata.tests.providers.conftest import ref
from marketdata.tests.support.stream import frame, stream_server

__all__ = ["stream_server"]

APPLE = ref("AAPL", number=1)
OCADO = ref("OCDO.L", "GBP", number=2, quoted_in="GBp")
BITCOIN = ref("BTC-USD", number=3, asset_class="crypto")


@pytest.fixture
def opened(stream_server):
    live = YahooProvider(stream_url=stream_server.url).open_stream([APPLE, OCADO, BITCOIN])
    assert stream_server.said.get(timeout=5) == {"subscribe": ["AAPL", "BTC-USD", "OCDO.L"]}
    yield live
    live.close()


def received(live: base.QuoteStream, wanted: int) -> list[base.QuoteData]:
    found: list[base.QuoteData] = []
    for _ in range(50):
        found += live.receive(0.1).quotes
        if len(found) >= wanted:
            break
    return found


class TestTicks:
    def test_become_quotes_with_the_digits_that_were_meant(self, stream_server, opened):
        stream_server.send(
            frame("AAPL", 244.87, day_volume=32129951, bid=244.86, ask=244.88, previous_close=244.47),
            frame("OCDO.L", 308.8, currency="GBp", bid=308.5, ask=308.8),
            frame("BTC-USD", 96077.45, currency="", day_volume=21228961792),
        )
        apple, ocado, bitcoin = received(opened, 3)
        assert (apple.last, apple.bid, apple.ask) == (Decimal("244.87"), Decimal("244.86"), Decimal("244.88"))
        assert (apple.previous_close, apple.volume) == (Decimal("244.47"), Decimal(32129951))
        assert apple.quoted_at.isoformat() == "2026-11-20T19:30:00+00:00"
        assert apple.source == "yahoo stream"
        assert (ocado.last, ocado.bid) == (Decimal("3.088"), Decimal("3.085"))
        assert (bitcoin.last, bitcoin.volume) == (Decimal("96077.45"), None)

    def test_before_and_after_hours_are_left_out(self, stream_server, opened):
        stream_server.send(*(frame("AAPL", 200.0 + hours, market_hours=hours) for hours in (0, 2, 3, 4, 1)))
        assert [quote.last for quote in received(opened, 1)] == [201]

    def test_at_fault_are_told_and_the_others_kept(self, stream_server, opened):
        stream_server.send(
            frame("OCDO.L", 308.8, currency="USD"),
            frame("BTC-USD", -1.0),
            frame("AAPL", float("nan")),
            frame("AAPL", 245.0),
        )
        quotes, faults = [], {}
        for _ in range(50):
            batch = opened.receive(0.1)
            quotes += batch.quotes
            faults.update(batch.faults)
            if quotes:
                break
        assert [quote.last for quote in quotes] == [245]
        assert {pk: type(fault) for pk, fault in faults.items()} == {
            1: base.BadAnswer,
            2: base.WrongCurrency,
            3: base.BadAnswer,
        }

    @pytest.mark.parametrize(
        "junk",
        [
            "",
            "nothing",
            "[]",
            "{}",
            '{"message": 5}',
            '{"message": "%%%"}',
            '{"message": "////"}',
            b"\xff\xfe",
        ],
    )
    def test_junk_in_between_is_passed_over(self, stream_server, opened, junk):
        stream_server.send(junk, frame("AAPL", 245.0))
        assert [quote.last for quote in received(opened, 1)] == [245]

    def test_of_what_nobody_asked_for_are_passed_over(self, stream_server, opened):
        stream_server.send(frame("MSFT", 400.0), frame("AAPL", 245.0))
        assert [quote.instrument_id for quote in received(opened, 1)] == [1]

    def test_a_share_without_a_currency_is_not_guessed_at(self):
        with pytest.raises(base.WrongCurrency):
            stream.quote_of(OCADO, {"price": 308.8, "time": "1795203000000", "market_hours": 1})

    def test_a_tick_without_a_price_is_refused(self):
        with pytest.raises(base.BadAnswer):
            stream.quote_of(APPLE, {"currency": "USD", "time": "1795203000000"})


class TestConnection:
    def test_quiet_is_no_fault(self, opened):
        assert opened.receive(0.05).quotes == []

    def test_another_list_replaces_the_first(self, stream_server, opened):
        opened.watch([APPLE])
        assert stream_server.said.get(timeout=5) == {"unsubscribe": ["BTC-USD", "OCDO.L"]}
        assert stream_server.said.get(timeout=5) == {"subscribe": ["AAPL"]}
        stream_server.send(frame("BTC-USD", 1.0), frame("AAPL", 245.0))
        assert [quote.instrument_id for quote in received(opened, 1)] == [1]

    def test_what_is_watched_is_said_again(self, stream_server, opened, monkeypatch):
        monkeypatch.setattr(stream, "REPEAT_SECONDS", 0.0)
        opened.receive(0.01)
        assert json.dumps(stream_server.said.get(timeout=5)) == '{"subscribe": ["AAPL", "BTC-USD", "OCDO.L"]}'

    def test_broken_off_is_an_error_of_the_port(self, stream_server, opened):
        stream_server.hang_up()
        with pytest.raises(base.ProviderUnavailable, match="broke off"):
            received(opened, 1)

    def test_closed_twice_is_closed(self, opened):
        opened.close()
        opened.close()
        with pytest.raises(base.ProviderUnavailable):
            opened.receive(0.01)

    def test_nobody_there(self, stream_server):
        stream_server.close()
        with pytest.raises(base.ProviderUnavailable):
            YahooProvider(stream_url=stream_server.url).open_stream([APPLE])

    def test_nothing_to_watch_waits_without_a_connection(self, stream_server):
        live = YahooProvider(stream_url=stream_server.url).open_stream([])
        assert live.receive(0.01) == base.QuoteBatch(calls=0)
