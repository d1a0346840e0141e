"""What a broker lets its customers do with an instrument, for tickets: as it was told lately, without asking it now.

A broker takes its time, and a page waits for nobody else: what is not known is asked for by a job, and is there a moment
later. It lies in the cache alone; without it a ticket says nothing of this, and the broker refuses what it does not take.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from uuid import UUID

from django.core.cache import cache

from trading.brokers.base import RemoteAsset
from trading.engine.terms import Terms
from trading.models import TradingAccount

#: What a broker says of an instrument changes by the day at most.
KEPT_SECONDS = 4 * 3600
#: After an answer that did not come nobody asks again for so long.
AWAY_SECONDS = 60
#: A question that was lost is asked again after this.
ASKING_SECONDS = 20
_ASKING, _AWAY, _UNKNOWN = "asking", "away", "unknown"

_ask: list[Callable[[UUID, int], None]] = []


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetAtBroker:
    """An instrument at the broker called ``broker``. ``state`` is known, unknown (it has no such instrument), asking (it is
    being asked) or away (it could not be asked); ``asset`` is there when it is known."""

    broker: str
    symbol: str
    state: str
    asset: RemoteAsset | None = None

    def obstacles(self, terms: Terms | None = None, *, sells_short: bool = False) -> tuple[str, ...]:
        """Why the broker would reject an order for it: any order, and one of these ``terms``."""
        if self.state == _UNKNOWN:
            return (f"{self.broker} does not know {self.symbol}: it would reject the order.",)
        if self.asset is None:
            return ()
        if not self.asset.is_tradable:
            return (f"{self.broker} does not trade {self.symbol} at the moment: it would reject the order.",)
        found = []
        if terms is not None and not self.asset.is_fractionable and _is_part(terms):
            found.append(
                f"{self.broker} takes whole units of {self.symbol} only: "
                "it would reject an order for a part of one, or by amount."
            )
        if sells_short and not self.asset.is_shortable:
            found.append(f"{self.broker} has no {self.symbol} to lend: it would reject a short sale.")
        return tuple(found)

    @property
    def words(self) -> str:
        """What may be done with it there, in a line; empty where that is not known."""
        asset = self.asset
        if asset is None or not asset.is_tradable:
            return ""
        parts = "parts of units too" if asset.is_fractionable else "whole units only"
        if not asset.is_shortable:
            short = "no short sales"
        else:
            short = "short sales" if asset.is_easy_to_borrow else "short sales, hard to borrow"
        return f"{parts} · {short} · {'on margin' if asset.is_marginable else 'not on margin'}"


def when_wanted(ask: Callable[[UUID, int], None]) -> None:
    """Say who asks a broker (its connection's id) about an instrument (its id), off the request."""
    _ask[:] = [ask]


def asset_at_broker(portfolio_id: int, *, instrument_id: int, symbol: str) -> AssetAtBroker | None:
    """What the broker of an account said of an instrument; None for an account that is at none. What is not known is asked for
    and is ``asking`` meanwhile. One statement and a look into the cache."""
    row = (
        TradingAccount.objects.filter(portfolio_id=portfolio_id, broker_connection__isnull=False)
        .values_list("broker_connection_id", "broker_connection__name")
        .first()
    )
    if row is None:
        return None
    connection_id, name = row
    key = _key(connection_id, instrument_id)
    kept = cache.get(key)
    if kept is None:
        # Without a cache nobody would ever be told the answer: nobody is asked.
        is_first = cache.add(key, _ASKING, ASKING_SECONDS)
        kept = _ASKING if is_first else _AWAY
        if is_first:
            for ask in _ask:
                ask(connection_id, instrument_id)
    if isinstance(kept, str):
        return AssetAtBroker(broker=name, symbol=symbol, state=kept)
    return AssetAtBroker(broker=name, symbol=symbol, state="known", asset=RemoteAsset(**kept))


def keep_asset(connection_id: UUID, instrument_id: int, asset: RemoteAsset | None) -> None:
    """Remember what a broker said of an instrument; None: that it has none such."""
    cache.set(_key(connection_id, instrument_id), _UNKNOWN if asset is None else asdict(asset), KEPT_SECONDS)


def keep_silence(connection_id: UUID, instrument_id: int) -> None:
    """Remember that a broker could not be asked."""
    cache.set(_key(connection_id, instrument_id), _AWAY, AWAY_SECONDS)


def _is_part(terms: Terms) -> bool:
    if terms.notional is not None:
        return True
    quantity = terms.quantity
    return quantity is not None and quantity.is_finite() and quantity != quantity.to_integral_value()


def _key(connection_id: UUID, instrument_id: int) -> str:
    return f"trading:asset-at-broker:{connection_id}:{instrument_id}"
