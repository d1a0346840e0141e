"""The sentences of an order's trail. English, exact numbers, times in UTC."""

from datetime import UTC, datetime
from decimal import Decimal

from trading.engine.types import Side


def plain(number: Decimal) -> str:
    """A decimal as people write it: no exponent, no trailing zeros (``Decimal("1E+2")`` -> ``"100"``)."""
    text = format(number, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def price_text(price: Decimal) -> str:
    """A price with at least two decimals: ``101`` -> ``"101.00"``, ``0.12345`` -> ``"0.12345"``."""
    whole, _, fraction = plain(price).partition(".")
    return f"{whole}.{fraction.ljust(2, '0')}"


def clock_text(moment: datetime) -> str:
    """An instant as a time of day: ``"14:03:05 UTC"``."""
    return moment.astimezone(UTC).strftime("%H:%M:%S UTC")


def filled_note(*, side: Side, quantity: Decimal, price: Decimal, source: str, quoted_at: datetime) -> str:
    """Why an order filled at this price. ``source`` is "best ask", "best bid" or "last trade"."""
    verb = "Bought" if side is Side.BUY else "Sold"
    return f"{verb} {plain(quantity)} at {price_text(price)}, the {source} of {clock_text(quoted_at)}."


def waiting_for_price(
    *, side: Side, limit_price: Decimal, price: Decimal, source: str, quoted_at: datetime
) -> str:
    """Why a limit order has not filled: the quote is on the wrong side of its limit."""
    relation = "above" if side is Side.BUY else "below"
    return (
        f"Limit {price_text(limit_price)}: the {source} is {price_text(price)}, "
        f"{relation} the limit (quote of {clock_text(quoted_at)})."
    )


def waiting_for_quote(quoted_at: datetime) -> str:
    """Why nothing fills on an old quote."""
    return f"The last quote is of {clock_text(quoted_at)} and too old to trade on; waiting for a fresh one."


def waiting_without_price(side: Side) -> str:
    """Why nothing fills when one side of the market is missing."""
    needed = "ask" if side is Side.BUY else "bid"
    return f"There is no usable {needed} price at the moment; waiting for one."


def waiting_for_liquidity(*, remaining: Decimal, price: Decimal) -> str:
    """Why an order filled in part: the size on offer was used up."""
    return f"Nothing more was on offer at {price_text(price)}; {plain(remaining)} still to go."
