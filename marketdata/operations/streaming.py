"""Market data operations: live prices as they are made, from a provider's stream, instead of asking every few seconds."""

from __future__ import annotations

import random
import secrets
import time
from dataclasses import dataclass, field
from datetime import datetime
from threading import Event
from typing import Any, Final

import orjson
import structlog
from django.db import DatabaseError, InterfaceError, connection

from marketdata.models import Instrument
from marketdata.operations.providing import names_with, provider_named, ref_of
from marketdata.operations.quotes import apply_quotes, claims
from marketdata.operations.quotes.candidates import served_first_by
from marketdata.providers.base import Capability, ProviderError, QuoteData, QuoteStream
from marketdata.queries import is_market_open
from marketdata.queries.provider_state import stream_key
from portfolio_site.kernel import clock, valkey

log = structlog.get_logger(__name__)

#: Ticks are stored together at most so often: what moves several times in between is stored once.
FLUSH_SECONDS: Final = 0.25
#: How often the list of what matters is looked at.
LOOK_SECONDS: Final = 10.0
#: A stream of open markets that says nothing for so long is taken for dead.
SILENCE_SECONDS: Final = 120.0
#: The most instruments that one stream watches; the others are polled.
MOST_WATCHED: Final = 1000
#: A connection that lived this long was a good one: the next pause is short again.
_GOOD_SECONDS: Final = 60.0
_FIRST_PAUSE: Final = 1.0
_LONGEST_PAUSE: Final = 60.0
#: Opening a connection and a pause together take less.
_LONGEST_TURN: Final = 180.0
#: Of several processes one streams; the others wait for its lease to run out.
_LEASE_SECONDS: Final = 30

# KEYS: the lease. ARGV: our token, what to say, seconds. Takes or renews it; 0: somebody else has it.
_LEASE = """
local known = redis.call('GET', KEYS[1])
if known and string.sub(known, 1, string.len(ARGV[1])) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1] .. ARGV[2], 'EX', ARGV[3])
return 1
"""
_RELEASE = """
local known = redis.call('GET', KEYS[1])
if known and string.sub(known, 1, string.len(ARGV[1])) == ARGV[1] then redis.call('DEL', KEYS[1]) end
"""


@dataclass
class Streamer:
    """Keeps one provider's stream open for what matters, until `stop` is set."""

    provider: str
    stop: Event
    stored: int = 0
    _pending: dict[int, QuoteData] = field(default_factory=dict)
    _watched: dict[int, Instrument] = field(default_factory=dict)
    _token: str = field(default_factory=lambda: secrets.token_hex(8))
    _flushed_at: float = 0.0
    _looked_at: float = 0.0
    _heard_at: float = 0.0
    _connected_at: datetime | None = None
    _turned_at: float = field(default_factory=time.monotonic)

    @property
    def is_turning(self) -> bool:
        """Whether it has gone on lately: neither hung nor dead, whatever its provider does."""
        return time.monotonic() - self._turned_at < _LONGEST_TURN

    def run(self) -> None:
        """Stream until told to stop: connect, take ticks, connect again with growing pauses when it breaks off."""
        pause = _FIRST_PAUSE
        while not self.stop.is_set():
            begun = self._turned_at = time.monotonic()
            try:
                self._stream_once()
            except ProviderError as error:
                log.warning("stream_broke_off", provider=self.provider, error=str(error))
            except (DatabaseError, InterfaceError) as error:
                # A database that restarts must not end a process that nobody watches.
                log.warning("stream_database_away", provider=self.provider, error=str(error)[:200])
                connection.close()
            if time.monotonic() - begun > _GOOD_SECONDS:
                pause = _FIRST_PAUSE
            self.stop.wait(random.uniform(pause / 2, pause))  # noqa: S311 - a pause, not a secret
            pause = min(pause * 2, _LONGEST_PAUSE)
        self._release()

    def _stream_once(self) -> None:
        """One connection, from opening it to its end. Returns when there is nothing to stream or nothing to do it with."""
        if not self._has_lease():
            return
        self._look()
        if not self._watched:
            return
        provider = provider_named(self.provider)
        refs = [ref_of(one, self.provider) for one in self._watched.values()]
        # Not through the gateway: a stream that is down says nothing about the rest of its provider, which stands in for
        # it. The pauses of `run` are its limit.
        stream = provider.open_stream(refs)
        self._connected_at, self._heard_at = clock.now(), time.monotonic()
        log.info("stream_open", provider=self.provider, instruments=len(refs))
        try:
            self._listen(stream)
        finally:
            self._connected_at = None
            stream.close()
            self._flush()

    def _listen(self, stream: QuoteStream) -> None:
        while not self.stop.is_set():
            self._turned_at = time.monotonic()
            batch = stream.receive(FLUSH_SECONDS)
            for quote in batch.quotes:
                known = self._pending.get(quote.instrument_id)
                if known is None or known.quoted_at <= quote.quoted_at:
                    self._pending[quote.instrument_id] = quote
            if batch.quotes or batch.faults:
                self._heard_at = time.monotonic()
            if time.monotonic() - self._flushed_at >= FLUSH_SECONDS:
                self._flush()
            if time.monotonic() - self._looked_at >= LOOK_SECONDS:
                if not self._has_lease():
                    return
                if self._look():
                    stream.watch([ref_of(one, self.provider) for one in self._watched.values()])
                if not self._watched or self._is_dead():
                    return

    def _flush(self) -> None:
        self._flushed_at = time.monotonic()
        if not self._pending:
            return
        pending, self._pending = self._pending, {}
        applied = apply_quotes(quotes=pending.values(), now=clock.now())
        self.stored += len(applied.stored)
        # Who has just been told need not be asked.
        claims.touch(pk for pk in pending if pk not in applied.held)

    def _look(self) -> bool:
        """Find out what matters now; True when that changed."""
        self._looked_at = time.monotonic()
        found = served_first_by(self.provider)[:MOST_WATCHED]
        before, self._watched = self._watched.keys(), {one.pk: one for one in found}
        return before != self._watched.keys()

    def _is_dead(self) -> bool:
        if time.monotonic() - self._heard_at < SILENCE_SECONDS:
            return False
        now = clock.now()
        silent = any(is_market_open(one, now) for one in self._watched.values())
        if silent:
            log.warning("stream_silent", provider=self.provider, seconds=SILENCE_SECONDS)
        else:
            self._heard_at = time.monotonic()
        return silent

    def _has_lease(self) -> bool:
        """Take or renew the lease. Without Valkey everybody streams: twice beats not at all."""
        state: dict[str, Any] = {
            "since": self._connected_at.isoformat() if self._connected_at else None,
            "watched": len(self._watched),
            "stored": self.stored,
        }
        try:
            return bool(
                valkey.client().eval(
                    _LEASE,
                    1,
                    stream_key(self.provider),
                    self._token,
                    orjson.dumps(state).decode(),
                    _LEASE_SECONDS,
                )
            )
        except valkey.UNREACHABLE:
            return True

    def _release(self) -> None:
        try:
            valkey.client().eval(_RELEASE, 1, stream_key(self.provider), self._token)
        except valkey.UNREACHABLE:
            log.info("stream_lease_left_to_run_out", provider=self.provider)


def streaming_providers() -> list[str]:
    """Return the providers of the real world that have a live stream."""
    return [name for name in names_with(Capability.STREAM) if not provider_named(name).is_simulated]
