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


def filled_note(
    *,
    side: Side,
    quantity: Decimal,
    price: Decimal,
    source: str,
    quoted_at: datetime,
    limit_price: Decimal | None = None,
    touch: Decimal | None = None,
) -> str:
    """Why an order filled at this price. ``source`` is "best ask", "best bid", "last trade", "auction price"
    or an edge of the session's range;
    ``touch`` is that price itself where a model moved the fill away from it."""
    verb = "Bought" if side is Side.BUY else "Sold"
    text = f"{verb} {plain(quantity)} at {price_text(price)}"
    if touch is None or touch == price:
        text += f", the {source} of {clock_text(quoted_at)}"
    else:
        worse = price > touch if side is Side.BUY else price < touch
        what = "slippage" if worse else "price improvement"
        text += (
            f": {price_text(touch)}, the {source} of {clock_text(quoted_at)}, "
            f"and {price_text(abs(price - touch))} {what}"
        )
    if limit_price is not None and limit_price != price:
        text += f"; {price_text(abs(limit_price - price))} better than the limit of {price_text(limit_price)}"
    return text + "."


def triggered_note(
    *,
    side: Side,
    stop_price: Decimal,
    price: Decimal,
    limit_price: Decimal | None,
    quoted_at: datetime,
) -> str:
    """That a stop was reached, and what it is from now on."""
    becomes = "a market order" if limit_price is None else f"a limit order at {price_text(limit_price)}"
    relation = "at or below" if side is Side.SELL else "at or above"
    return (
        f"Stop reached: {price_text(price)} traded, {relation} {price_text(stop_price)} "
        f"({clock_text(quoted_at)}); now {becomes}."
    )


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


WAITING_FOR_SESSION = "The market is closed; the order waits for its next session."
WAITING_FOR_REGULAR_SESSION = "Outside regular hours; the order waits for the regular session."


def waiting_for_arrival(eligible_at: datetime) -> str:
    """Why nothing happens in the first moments: the order is on its way."""
    return f"On its way: it reaches the exchange at {moment_text(eligible_at)}."


def waiting_for_auction(which: str, due: datetime) -> str:
    """Why an auction order rests. ``which`` is "opening" or "closing"."""
    return f"Waiting for the {which} auction of {day_text(due)}."


def waiting_for_stop(*, side: Side, stop_price: Decimal, price: Decimal, quoted_at: datetime) -> str:
    """Why a stop has not been reached."""
    relation = "above" if side is Side.SELL else "below"
    return (
        f"Stop {price_text(stop_price)}: the last trade is {price_text(price)}, "
        f"{relation} the stop (quote of {clock_text(quoted_at)})."
    )


def waiting_for_collar(*, cap_price: Decimal, price: Decimal, source: str, quoted_at: datetime) -> str:
    """Why a market buy waits: the market has run away beyond its collar."""
    return (
        f"Protected at {price_text(cap_price)}: the {source} is {price_text(price)}, "
        f"above that (quote of {clock_text(quoted_at)})."
    )


def outside_range(price: Decimal, source: str, low: Decimal | None, high: Decimal | None) -> str:
    """Why nothing trades at a price that the bar does not show."""
    first = "–" if low is None else price_text(low)
    last = "–" if high is None else price_text(high)
    return f"The {source}, {price_text(price)}, lies outside what has traded ({first} to {last})."


def range_edge(*, is_high: bool) -> str:
    """What a price is called that stands for a quote just beyond the range of the session."""
    return f"{'high' if is_high else 'low'} of the session"


def nothing_at_once(is_all_or_nothing: bool, reason: str) -> str:
    """Why an ioc or fok order ends."""
    kind = "all at once or not at all" if is_all_or_nothing else "at once or not at all"
    return f"Cancelled: it was to fill {kind}. {reason}"


def not_all_at_once(wanted: Decimal, offered: Decimal, price: Decimal) -> str:
    """Why a fok order ends."""
    return (
        f"Cancelled: it was to fill all at once, and of {plain(wanted)} only {plain(offered)} "
        f"were on offer at {price_text(price)}."
    )


def missed_auction(is_opening: bool, reason: str) -> str:
    """Why an auction order ends."""
    which = "opening" if is_opening else "closing"
    return f"Expired: it did not trade in the {which} auction. {reason}"


def amount_used_up(price: Decimal) -> str:
    """Why an order by amount ends: what is left buys nothing."""
    return f"What is left of the amount buys nothing more at {price_text(price)}."


def moment_text(moment: datetime) -> str:
    """An instant to the millisecond: ``"14:03:05.120 UTC"``."""
    at = moment.astimezone(UTC)
    return f"{at:%H:%M:%S}.{at.microsecond // 1000:03d} UTC"


def day_text(moment: datetime) -> str:
    """An instant with its day: ``"2026-11-20 21:00 UTC"``."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
