"""Everything that is known before an order, in one statement: account, instrument, terms, quote, holds, and the books.

It is read after the portfolio was locked, by a statement of its own: one that waits for the lock itself would go on with
what was there before the wait.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db import models

from holdings import queries as books
from marketdata.models import Instrument
from marketdata.models.visibility import AUDITOR_GROUP, may_see_sql
from marketdata.queries import QUOTE_COLUMNS, quotes_of
from portfolio_site.kernel.rows import instance_of
from portfolio_site.kernel.statements import Statement
from trading.engine.terms import Tradable
from trading.models import InstrumentTerms, TradingAccount
from trading.queries.holds import HOLDS, IS_OPEN, Holds, holds_of
from trading.queries.market import Market, market_with, tradable_of


def _plain_columns(model: type[models.Model]) -> list[str]:
    """The columns that need no conversion when they are read; the others are fetched if anybody asks for them."""
    return [
        field.attname
        for field in model._meta.concrete_fields
        if not hasattr(field, "from_db_value") and not isinstance(field, models.GeneratedField)
    ]


_ACCOUNT, _THING, _TERMS = (_plain_columns(model) for model in (TradingAccount, Instrument, InstrumentTerms))
_ACCOUNT_ROW = slice(0, len(_ACCOUNT))
_THING_ROW = slice(_ACCOUNT_ROW.stop, _ACCOUNT_ROW.stop + len(_THING))
_TERMS_ROW = slice(_THING_ROW.stop, _THING_ROW.stop + len(_TERMS))
_QUOTE_ROW = slice(_TERMS_ROW.stop, _TERMS_ROW.stop + QUOTE_COLUMNS.count(",") + 1)

_THING_KEY = _THING.index("id")
#: What the rows of instruments were made into, with those rows.
_known: dict[int, tuple[tuple[Sequence[Any], Sequence[Any]], tuple[Instrument, Tradable]]] = {}
_MOST_KNOWN = 5_000


def _named(alias: str, columns: Sequence[str]) -> str:
    return ", ".join(f"{alias}.{name}" for name in columns)


_FACTS = Statement(f"""
SELECT {_named("a", _ACCOUNT)}, {_named("i", _THING)}, {_named("t", _TERMS)}, {QUOTE_COLUMNS},
       c.is_halted, c.reason,
       EXISTS (SELECT FROM marketdata_corporateaction x
               WHERE x.instrument_id = i.id AND x.kind = 'split'
                 AND x.ex_date BETWEEN %(today)s::date - 7 AND %(today)s::date
                 AND NOT EXISTS (SELECT FROM trading_appliedaction y
                                 WHERE y.portfolio_id = %(portfolio)s AND y.instrument_id = i.id
                                   AND y.kind = 'split' AND y.ex_date = x.ex_date)),
       h.*,
       (SELECT id FROM trading_order WHERE portfolio_id = %(portfolio)s AND client_order_id = %(client)s),
       {books.BOOK_FACTS}
FROM marketdata_instrument i
LEFT JOIN trading_tradingaccount a ON a.portfolio_id = %(portfolio)s
LEFT JOIN trading_instrumentterms t ON t.instrument_id = i.id
LEFT JOIN marketdata_quote q ON q.instrument_id = i.id
LEFT JOIN trading_sitecontrol c ON c.id = 1
CROSS JOIN LATERAL (
    SELECT {HOLDS.format(currency="i.currency", instrument="i.id")}
    FROM trading_order WHERE portfolio_id = %(portfolio)s AND {IS_OPEN}
) h
WHERE i.id = %(instrument)s AND (%(user)s::bigint IS NULL OR {may_see_sql("i")})
""")  # noqa: S608 - columns and texts of our own


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderFacts:
    """What an order of one instrument meets. ``account`` is None where the portfolio has no trading account yet;
    ``site_halted`` and ``site_reason`` are the site's kill switch. ``split_due``: the instrument was split lately, and the
    portfolio may not have seen it yet."""

    account: TradingAccount | None
    market: Market
    holds: Holds
    books: books.BookFacts
    site_halted: bool
    site_reason: str
    split_due: bool = False


def read_order_facts(
    *,
    portfolio_id: int,
    user: Any,
    instrument_id: int,
    client_order_id: str,
    for_sale: bool,
    now: datetime,
) -> OrderFacts | None:
    """The facts as they are; None where there is no such instrument, or none that ``user`` may see (None: whoever).

    The caller holds the portfolio's lock. One statement (and what `latest_quotes` asks where the simulated market stands
    still)."""
    if not 0 < instrument_id < 1 << 63:
        return None
    row = _FACTS.row(
        {
            "portfolio": portfolio_id,
            "instrument": instrument_id,
            "client": client_order_id,
            "sells": for_sale,
            "user": None if user is None else user.pk,
            "auditors": AUDITOR_GROUP,
            "today": now.astimezone(UTC).date(),
        }
    )
    if row is None:
        return None
    account = instance_of(TradingAccount, _ACCOUNT, row[_ACCOUNT_ROW])
    instrument, thing = _tradable(row[_THING_ROW], row[_TERMS_ROW])
    quote = row[_QUOTE_ROW]
    halted, reason, split_due, *holds, found = row[_QUOTE_ROW.stop :]
    quotes = {} if quote[0] is None else quotes_of([quote], now=now)
    return OrderFacts(
        account=account,
        market=market_with(instrument, thing, quotes.get(instrument.id), now=now),
        holds=holds_of(tuple(holds)),
        books=books.book_facts_of(portfolio_id, instrument_id, found, for_sale=for_sale),
        site_halted=bool(halted),
        site_reason=reason or "",
        split_due=bool(split_due),
    )


def _tradable(thing: Sequence[Any], terms: Sequence[Any]) -> tuple[Instrument, Tradable]:
    """An instrument and its terms. As long as their rows read the same, so do these: they are only looked at."""
    pk = thing[_THING_KEY]
    read = (thing, terms)
    known = _known.get(pk)
    if known is not None and known[0] == read:
        return known[1]
    instrument = instance_of(Instrument, _THING, thing)
    assert instrument is not None
    found = instrument, tradable_of(instrument, instance_of(InstrumentTerms, _TERMS, terms))
    if len(_known) >= _MOST_KNOWN:
        _known.clear()
    _known[pk] = read, found
    return found
