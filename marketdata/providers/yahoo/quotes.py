"""Market data providers: Yahoo's quotes, of hundreds of symbols in one answer."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from marketdata.providers import parsing
from marketdata.providers.base import (
    BadAnswer,
    InstrumentRef,
    ProviderError,
    QuoteBatch,
    QuoteData,
    SymbolUnknown,
)
from marketdata.providers.http import Answer, refuse

SOURCE = "yahoo"
PATH = "/v7/finance/quote"
#: What is read; asking for it by name makes the answer a tenth as long.
FIELDS = (
    "symbol,quoteType,currency,exchange,marketState,regularMarketPrice,regularMarketTime,regularMarketPreviousClose,"
    "regularMarketVolume,regularMarketDayLow,regularMarketDayHigh,bid,ask,longName,shortName"
)
#: A bid or ask further from the last price than this is a leftover of some other hour, not a market.
WIDEST_SPREAD = Decimal("0.10")
#: Of these Yahoo gives the volume in money, or none that means anything.
WITHOUT_VOLUME = frozenset({"crypto", "currency"})


def rows_of(answer: Answer) -> dict[str, dict[str, Any]]:
    """Return the rows of a quote answer by symbol; raises the error that the answer is instead."""
    if answer.status >= 400:
        refuse(answer, _words(answer))
    body = parsing.mapping(answer.json(), "the answer")
    if "quoteResponse" not in body and (words := _words(answer)):
        # An error that comes with HTTP 200.
        raise BadAnswer(f"Yahoo answered with an error: {words[:200]}")
    response = parsing.mapping(body.get("quoteResponse"), "quoteResponse")
    if response.get("error"):
        raise BadAnswer(f"Yahoo answered with an error: {str(response['error'])[:200]}")
    found: dict[str, dict[str, Any]] = {}
    for row in parsing.sequence(response.get("result"), "the list of quotes"):
        if isinstance(row, dict) and parsing.text_of(row.get("symbol")):
            found[row["symbol"].strip().upper()] = row
    return found


def _words(answer: Answer) -> str:
    try:
        body = answer.json()
    except BadAnswer:
        return ""
    for part in body.values() if isinstance(body, dict) else ():
        error = part.get("error") if isinstance(part, dict) else None
        if isinstance(error, dict):
            return parsing.text_of(error.get("description"))
    return ""


def batch_of(instruments: Sequence[InstrumentRef], rows: dict[str, dict[str, Any]]) -> QuoteBatch:
    """Match the rows of an answer with what was asked for; what is not there or at fault is said so by
    instrument."""
    quotes: list[QuoteData] = []
    faults: dict[int, ProviderError] = {}
    for ref in instruments:
        row = rows.get(ref.symbol.upper())
        try:
            if row is None:
                raise SymbolUnknown(
                    f"Yahoo has no quote for {ref.symbol}" if ref.symbol else "Yahoo has no name for it"
                )
            quotes.append(quote_of(ref, row))
        except ProviderError as error:
            faults[ref.instrument_id] = error
    return QuoteBatch(quotes=quotes, faults=faults)


def quote_of(ref: InstrumentRef, row: dict[str, Any]) -> QuoteData:
    """Return one row as a quote in the instrument's currency; raises `SymbolUnknown`, `WrongCurrency`,
    `BadAnswer`."""
    last = parsing.price(row.get("regularMarketPrice"), "the price")
    if last is None:
        raise SymbolUnknown(f"Yahoo has no price for {ref.symbol}")
    units = parsing.units_of(parsing.text_of(row.get("currency")), expected=ref.currency)
    last = parsing.in_major(parsing.as_quoted(last), units)
    bid, ask = _market(row, last, units)
    previous = parsing.optional_price(row.get("regularMarketPreviousClose"))
    return QuoteData(
        instrument_id=ref.instrument_id,
        last=last,
        bid=bid,
        ask=ask,
        previous_close=parsing.in_major(parsing.as_quoted(previous), units) if previous else None,
        day_low=parsing.optional_in_major(row.get("regularMarketDayLow"), units),
        day_high=parsing.optional_in_major(row.get("regularMarketDayHigh"), units),
        volume=None if ref.asset_class in WITHOUT_VOLUME else parsing.volume(row.get("regularMarketVolume")),
        quoted_at=parsing.instant(row.get("regularMarketTime"), "the time of the price"),
        source=SOURCE,
    )


def _market(row: dict[str, Any], last: Decimal, units: Decimal) -> tuple[Decimal | None, Decimal | None]:
    """Bid and ask where there is a market now. Outside its hours, and now and then within them, Yahoo shows what
    somebody left in the book: nobody should be filled at that. Sizes are left out: in lots or units, it does not
    say."""
    bid, ask = parsing.optional_price(row.get("bid")), parsing.optional_price(row.get("ask"))
    if bid is None or ask is None or row.get("marketState") != "REGULAR":
        return None, None
    bid, ask = (parsing.in_major(parsing.as_quoted(price), units) for price in (bid, ask))
    sane = bid <= ask and bid >= last * (1 - WIDEST_SPREAD) and ask <= last * (1 + WIDEST_SPREAD)
    return (bid, ask) if sane else (None, None)
