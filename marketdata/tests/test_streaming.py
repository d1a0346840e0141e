"""Live streams: ticks are stored together, connections come back, and nothing is left behind at the end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from devkit.paths import ROOT
from marketdata import operations
from marketdata.models import Instrument, Quote
from marketdata.operations import interest, streaming
from marketdata.operations.quotes import claims
from marketdata.operations.streaming import Streamer
from marketdata.providers.base import (
    Capability,
    InstrumentRef,
    Limits,
    ProviderError,
    ProviderUnavailable,
    QuoteBatch,
    QuoteData,
)
from marketdata.queries.provider_state import stream_states
from marketdata.tests.scripted import ScriptedProvider, forget_gateway, install
from marketdata.tests.support.stream import StreamServer, frame
from portfolio_site.kernel import valkey
from portfolio_site.kernel.models import OutboxEvent
from tests.support.live_site import test_database_url as database_url
from tests.support.own_valkey import OwnValkey

D = Decimal


class ScriptedStream:
    """Gives out what it was filled with: batches, an error that breaks it off, or `None` for nothing."""

    def __init__(self, provider: StreamingProvider) -> None:
        self.provider = provider
        self.is_closed = False

    def watch(self, instruments: Sequence[InstrumentRef]) -> None:
        self.provider.watched.append(sorted(ref.symbol for ref in instruments))

    def receive(self, timeout: float) -> QuoteBatch:
        if not self.provider.script_of_stream:
            self.provider.is_empty.set()
            time.sleep(0.01)
            return QuoteBatch(calls=0)
        item = self.provider.script_of_stream.pop(0)
        if isinstance(item, Exception):
            raise item
        return item or QuoteBatch(calls=0)

    def close(self) -> None:
        self.is_closed = True


class StreamingProvider(ScriptedProvider):
    """A scripted provider with a stream."""

    capabilities = frozenset({Capability.QUOTES, Capability.STREAM})

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.limits = Limits(quotes_per_call=50)
        self.script_of_stream: list[Any] = []
        self.opened: list[ScriptedStream] = []
        self.watched: list[list[str]] = []
        self.is_empty = threading.Event()
        self.refuses: ProviderError | None = None

    def open_stream(self, instruments: Sequence[InstrumentRef]) -> ScriptedStream:
        if self.refuses is not None:
            raise self.refuses
        made = ScriptedStream(self)
        made.watch(instruments)
        self.opened.append(made)
        return made


@pytest.fixture
def vendor(monkeypatch: pytest.MonkeyPatch) -> StreamingProvider:
    forget_gateway()
    claims.forget()
    monkeypatch.setattr(interest, "_sources", {})
    monkeypatch.setattr(streaming, "_FIRST_PAUSE", 0.02)
    monkeypatch.setattr(streaming, "_LONGEST_PAUSE", 0.05)
    monkeypatch.setattr(streaming, "FLUSH_SECONDS", 0.0)
    made = StreamingProvider("vendor")
    install(monkeypatch, "vendor")
    from marketdata.providers import registry

    monkeypatch.setitem(registry._PROVIDERS, "vendor", lambda _options: made)
    registry._made.cache_clear()
    return made


@pytest.fixture
def share(make_instrument: Any, vendor: StreamingProvider) -> Instrument:
    made: Instrument = make_instrument("ACME", provider="vendor", asset_class="crypto")
    interest.register_interest("test", lambda: Instrument.objects.values_list("pk", flat=True))
    return made


def tick(instrument: Instrument, last: str, seconds: float = 0) -> QuoteBatch:
    at = timezone.now() - timedelta(minutes=1) + timedelta(seconds=seconds)
    return QuoteBatch(
        quotes=[QuoteData(instrument_id=instrument.pk, last=D(last), quoted_at=at, source="vendor stream")],
        calls=0,
    )


def stream_until_empty(vendor: StreamingProvider, *, then: Any = None) -> Streamer:
    """Run a streamer in this thread until the script is played."""
    stop = threading.Event()
    streamer = Streamer("vendor", stop)

    def end() -> None:
        vendor.is_empty.wait(10)
        if then is not None:
            then()
        time.sleep(0.05)
        stop.set()

    helper = threading.Thread(target=end)
    helper.start()
    streamer.run()
    helper.join()
    return streamer


@pytest.mark.django_db
class TestStreamer:
    def test_stores_what_comes_in(self, vendor: StreamingProvider, share: Instrument) -> None:
        vendor.script_of_stream = [tick(share, "100"), tick(share, "101", 1)]
        streamer = stream_until_empty(vendor)
        assert Quote.objects.get().last == 101
        assert streamer.stored == 2
        assert vendor.opened[0].is_closed

    def test_what_moves_often_is_stored_now_and_then(
        self, vendor: StreamingProvider, share: Instrument, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(streaming, "FLUSH_SECONDS", 30.0)
        vendor.script_of_stream = [tick(share, str(100 + n / 100), n / 1000) for n in range(200)]
        stream_until_empty(vendor)
        assert OutboxEvent.objects.count() <= 2
        assert Quote.objects.get().last == D("101.99"), "what was waiting is stored at the end"

    def test_an_earlier_tick_does_not_replace_a_later_one(
        self, vendor: StreamingProvider, share: Instrument, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(streaming, "FLUSH_SECONDS", 30.0)
        vendor.script_of_stream = [tick(share, "101", 5), tick(share, "100", 1)]
        stream_until_empty(vendor)
        assert Quote.objects.get().last == 101

    def test_comes_back_when_it_breaks_off(self, vendor: StreamingProvider, share: Instrument) -> None:
        vendor.script_of_stream = [tick(share, "100"), ProviderUnavailable("gone"), tick(share, "102", 1)]
        stream_until_empty(vendor)
        assert len(vendor.opened) == 2
        assert all(stream.is_closed for stream in vendor.opened)
        assert Quote.objects.get().last == 102

    def test_one_that_cannot_be_opened_is_tried_again(
        self, vendor: StreamingProvider, share: Instrument
    ) -> None:
        vendor.refuses = ProviderUnavailable("no internet")
        stop = threading.Event()
        streamer = Streamer("vendor", stop)
        threading.Timer(0.3, stop.set).start()
        streamer.run()
        assert vendor.opened == []

    def test_what_it_brought_is_not_asked_for(
        self, vendor: StreamingProvider, share: Instrument, settings: Any
    ) -> None:
        settings.QUOTE_POLL_SECONDS = 15
        vendor.script_of_stream = [tick(share, "100")]
        stream_until_empty(vendor)
        operations.refresh_quotes(now=timezone.now(), providers=["vendor"])
        assert vendor.asked == []

    def test_follows_what_matters(
        self,
        vendor: StreamingProvider,
        share: Instrument,
        make_instrument: Any,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(streaming, "LOOK_SECONDS", 0.0)
        other = make_instrument("OTHER", provider="vendor", asset_class="crypto")
        matters = [share.pk]
        interest.register_interest("test", lambda: list(matters))
        vendor.script_of_stream = [tick(share, "100"), None, None]
        stream_until_empty(vendor, then=lambda: matters.append(other.pk))
        assert vendor.watched[0] == ["ACME"]
        assert vendor.watched[-1] == ["ACME", "OTHER"]

    def test_a_silent_one_is_hung_up(
        self, vendor: StreamingProvider, share: Instrument, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(streaming, "LOOK_SECONDS", 0.0)
        monkeypatch.setattr(streaming, "SILENCE_SECONDS", 0.05)
        stop = threading.Event()
        threading.Timer(0.6, stop.set).start()
        Streamer("vendor", stop).run()
        assert len(vendor.opened) > 1

    def test_a_jump_is_held_like_any_other(self, vendor: StreamingProvider, share: Instrument) -> None:
        vendor.script_of_stream = [tick(share, "100"), tick(share, "900", 1)]
        stream_until_empty(vendor)
        assert Quote.objects.get().last == 100

    def test_of_two_processes_one_streams(self, vendor: StreamingProvider, share: Instrument) -> None:
        valkey.client().set("hf:gateway:stream:vendor", "f" * 16 + '{"since":null,"watched":3,"stored":1}')
        stop = threading.Event()
        threading.Timer(0.2, stop.set).start()
        Streamer("vendor", stop).run()
        assert vendor.opened == []
        assert stream_states(["vendor"])["vendor"].watched == 3

    def test_its_state_can_be_seen_and_goes_with_it(
        self, vendor: StreamingProvider, share: Instrument, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(streaming, "LOOK_SECONDS", 0.0)
        seen: list[Any] = []
        vendor.script_of_stream = [tick(share, "100"), None, None]
        stream_until_empty(vendor, then=lambda: seen.append(stream_states(["vendor"])))
        assert seen[0]["vendor"].watched == 1
        assert seen[0]["vendor"].since is not None
        assert stream_states(["vendor"]) == {}

    def test_goes_on_without_valkey(
        self, vendor: StreamingProvider, share: Instrument, own_valkey: OwnValkey, settings: Any
    ) -> None:
        settings.REDIS_LOCATION = own_valkey.url
        own_valkey.kill()
        vendor.script_of_stream = [tick(share, "100")]
        stream_until_empty(vendor)
        assert Quote.objects.get().last == 100

    def test_nothing_to_stream_is_waited_out(self, vendor: StreamingProvider, db: None) -> None:
        stop = threading.Event()
        threading.Timer(0.1, stop.set).start()
        Streamer("vendor", stop).run()
        assert vendor.opened == []


class TestCommand:
    def test_knows_who_has_a_stream(self, db: None) -> None:
        with pytest.raises(CommandError, match="yahoo"):
            call_command("stream_quotes", "--provider", "simulated")

    @pytest.mark.django_db(transaction=True)
    def test_streams_from_the_real_client_until_it_is_told_to_stop(
        self, own_valkey: OwnValkey, tmp_path: Path
    ) -> None:
        share = Instrument.objects.create(
            symbol="AAPL", name="Apple", currency="USD", exchange="XNAS", provider="yahoo"
        )
        from django.contrib.auth import get_user_model

        person = get_user_model().objects.create_user("watcher@example.com")
        now = timezone.now()
        made = operations.create_watchlist(owner=person, name="Mine", now=now)
        operations.add_to_watchlist(watchlist_id=made.id, instrument_id=share.pk, actor=person, now=now)
        connection.close()
        server = StreamServer()
        process = subprocess.Popen(
            [
                sys.executable,
                "manage.py",
                "stream_quotes",
                "--provider",
                "yahoo",
                "--heartbeat",
                str(tmp_path / "alive"),
            ],
            cwd=ROOT,
            env={
                **os.environ,
                "DATABASE_URL": database_url(),
                "REDIS_URL": own_valkey.url,
                "YAHOO_STREAM_URL": server.url,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            assert server.said.get(timeout=40) == {"subscribe": ["AAPL"]}
            for number in range(3):
                server.send(frame("AAPL", 190.25 + number, time=int(time.time() * 1000) + number))
            deadline = time.monotonic() + 20
            while time.monotonic() < deadline and not Quote.objects.filter(last=D("192.25")).exists():
                time.sleep(0.1)
            assert Quote.objects.get().last == D("192.25")
            process.send_signal(signal.SIGTERM)
            output, _ = process.communicate(timeout=20)
        finally:
            process.kill()
            process.wait()
            server.close()
        assert process.returncode == 0, output
        assert "Stopped." in output
        assert (tmp_path / "alive").exists()
