"""A quote that a person sets by hand: nobody trades on another price once this has returned."""

from __future__ import annotations

import time
from datetime import datetime
from decimal import Decimal

import structlog
from django.db import connection, transaction

from marketdata import operations as market
from marketdata.models import Quote
from portfolio_site.kernel.errors import DomainError
from trading.operations.matching import MatchReport, match_resting_orders

log = structlog.get_logger(__name__)

#: How long whoever read the price before may take to finish; orders take milliseconds.
PATIENCE_SECONDS = 30.0
#: Between two looks at who is still at it.
_PAUSE_SECONDS = 0.005
#: A portfolio whose settlement failed (a deadlock, a lost connection) is settled again so often.
_TRIES = 5

# Whoever has read a quote in a transaction holds the weakest lock on its table until that ends: no order does anything for
# it, and it is written nowhere else who has seen which price. Whoever can fill an order has locked a portfolio's row
# first, and so has a transaction id; a backup or a report, which may take minutes, has none.
_READERS = """
SELECT l.virtualtransaction FROM pg_locks l
WHERE l.locktype = 'relation' AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND l.relation = %s::regclass AND l.mode IN ('AccessShareLock', 'RowShareLock', 'RowExclusiveLock')
  AND l.pid <> pg_backend_pid()
  AND EXISTS (SELECT 1 FROM pg_locks x
              WHERE x.locktype = 'transactionid' AND x.virtualtransaction = l.virtualtransaction AND x.granted)
"""


class MatchingUnfinishedError(DomainError):
    """The quote stands, and yet somebody still works on the price before, or orders could not be settled."""

    code = "matching_unfinished"
    status = 503


def hold_quote(
    *,
    instrument_id: int,
    bid: Decimal,
    ask: Decimal,
    last: Decimal | None = None,
    bid_size: Decimal | None = None,
    ask_size: Decimal | None = None,
    now: datetime,
) -> MatchReport:
    """Set a quote by hand, hold it until it is released, and return once every order it triggers is booked.

    After the return no order of the instrument fills at an earlier price: what was at it has ended, ticks leave a held
    quote alone, and whoever matches from now on reads this one. With and without a worker running. Must not be called in
    a transaction (the others would not see the quote).

    Raises ``QuoteRefused`` and ``InstrumentNotFound`` of the market's, and ``MatchingUnfinishedError`` when the quote
    stands but its orders could not be settled.
    """
    market.set_quote(
        instrument_id=instrument_id,
        bid=bid,
        ask=ask,
        last=last,
        bid_size=bid_size,
        ask_size=ask_size,
        now=now,
    )
    return settle_quote(instrument_id=instrument_id, now=now)


def settle_quote(*, instrument_id: int, now: datetime) -> MatchReport:
    """Wait for whoever works on the price before the stored one, then settle what the stored one triggers."""
    wait_for_readers()
    triggered = executions = failed = 0
    for _ in range(_TRIES):
        report = match_resting_orders(instrument_ids=[instrument_id], now=now)
        triggered, executions = max(triggered, report.triggered), executions + report.executions
        failed = len(report.failed_portfolios)
        if not failed:
            return MatchReport(triggered=triggered, executions=executions)
    raise MatchingUnfinishedError(
        f"The quote is set, but the orders of {failed} accounts could not be settled; "
        "the next reconciliation tries again."
    )


def wait_for_readers(*, patience: float = PATIENCE_SECONDS) -> None:
    """Return when every transaction that has read quotes up to now has ended. New ones are not waited for.

    Raises ``MatchingUnfinishedError`` after ``patience`` seconds. Inside a transaction there is nothing to wait for:
    nobody else sees what it wrote.
    """
    if connection.in_atomic_block:
        return
    before = _readers()
    deadline = time.monotonic() + patience
    while before:
        if time.monotonic() > deadline:
            log.error("quote_readers_stay", transactions=sorted(before))
            raise MatchingUnfinishedError(
                "The quote is set, but somebody has been working on the price before for too long; try again."
            )
        time.sleep(_PAUSE_SECONDS)
        before &= _readers()


def _readers() -> set[str]:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_READERS, [Quote._meta.db_table])
        return {row[0] for row in cursor.fetchall()}
