"""The bell: what a person is told of their orders, in the numbers of their locale."""

from __future__ import annotations

from decimal import Decimal

from django.urls import reverse

from notifications.messages import Message
from portfolio_site.kernel.formatting import format_number, format_price, format_sentence
from trading.events import (
    MarginCalled,
    OrderAccepted,
    OrderCanceled,
    OrderExpired,
    OrderFilled,
    OrderPartiallyFilled,
    OrderRejected,
    OrderReplaced,
    OrderRouted,
    OrderTriggered,
)

_TYPES = {
    "stop": "Stop order",
    "stop_limit": "Stop limit order",
    "trailing_stop": "Trailing stop",
}
_SIDES = {"buy": "Buy", "sell": "Sell"}
_DONE = {"buy": "Bought", "sell": "Sold"}


def accepted(event: OrderAccepted, locale: str) -> Message:
    """The order is working."""
    at = f" at {_price(event.price, event.currency, locale)} or better" if event.price is not None else ""
    side = _SIDES.get(event.side, event.side)
    begins = f"{_TYPES[event.type]} to {side.lower()}" if event.type in _TYPES else side
    waiting = " It waits for its stop." if event.type in _TYPES else ""
    if event.status == "accepted":
        waiting = " It waits for the next session."
    return _message(
        event,
        kind="order.accepted",
        title=f"Order accepted: {event.symbol}",
        body=f"{begins} {_number(event.quantity, locale)} {event.symbol}{at}.{waiting}",
    )


def partially_filled(event: OrderPartiallyFilled, locale: str) -> Message:
    """Some of the order traded."""
    return _message(
        event,
        kind="order.partially_filled",
        level="success",
        title=f"Order partly filled: {event.symbol}",
        body=(
            f"{_done(event, locale)} {_number(event.filled_quantity, locale)} of {_number(event.order_quantity, locale)}"
            " are done."
        ),
    )


def filled(event: OrderFilled, locale: str) -> Message:
    """The order is complete."""
    return _message(
        event,
        kind="order.filled",
        level="success",
        title=f"Order filled: {event.symbol}",
        body=_done(event, locale),
    )


def canceled(event: OrderCanceled, locale: str) -> Message:
    """The open part was taken back."""
    return _ended(event, locale, kind="order.canceled", level="info", word="cancelled")


def replaced(event: OrderReplaced, locale: str) -> Message:
    """Another order took its place."""
    return Message(
        user_id=event.user_id,
        kind="order.replaced",
        level="info",
        title=f"Order replaced: {event.symbol}",
        body=f"{_SIDES.get(event.side, event.side)} {_number(event.quantity, locale)} {event.symbol}: changed.",
        url=reverse("trading:detail", args=[event.replaced_by]),
        refresh=("blotter", f"positions:{event.portfolio_id}"),
    )


def routed(event: OrderRouted, _locale: str) -> Message:
    """An order that waited works now. Said where a page is open, not kept: what comes of it is."""
    return Message(
        user_id=event.user_id,
        kind="order.routed",
        title=f"Order is working: {event.symbol}",
        body="It waited for its session, its entry or its way to the exchange; now it is in the market.",
        url=reverse("trading:detail", args=[event.order_id]),
        refresh=("blotter",),
        is_kept=False,
    )


def triggered(event: OrderTriggered, locale: str) -> Message:
    """A stop was reached."""
    then = (
        "It goes at the market."
        if event.limit_price is None
        else f"It works at {_price(event.limit_price, event.currency, locale)} or better."
    )
    return Message(
        user_id=event.user_id,
        kind="order.triggered",
        level="warning",
        title=f"Stop reached: {event.symbol}",
        body=(
            f"{_SIDES.get(event.side, event.side)} {_number(event.quantity, locale)} {event.symbol}:"
            f" {_price(event.price, event.currency, locale)} has traded. {then}"
        ),
        url=reverse("trading:detail", args=[event.order_id]),
        refresh=("blotter", f"positions:{event.portfolio_id}"),
    )


def margin_called(event: MarginCalled, locale: str) -> Message:
    """The equity of an account no longer carries what it holds."""
    return Message(
        user_id=event.user_id,
        kind="account.margin_call",
        level="danger",
        title=f"Margin call: {event.account_number}",
        body=(
            f"{_price(event.amount, event.currency, locale)} are missing to the maintenance margin. Close positions, or they are "
            "closed for you when the next session ends."
        ),
        url=reverse("holdings:detail", args=[event.portfolio_id]),
        refresh=("blotter", f"positions:{event.portfolio_id}"),
    )


def rejected(event: OrderRejected, locale: str) -> Message:
    """The order could not be executed."""
    return _ended(event, locale, kind="order.rejected", level="danger", word="rejected")


def expired(event: OrderExpired, locale: str) -> Message:
    """The order's time is over."""
    return _ended(event, locale, kind="order.expired", level="warning", word="expired")


def _ended(
    event: OrderCanceled | OrderRejected | OrderExpired, locale: str, *, kind: str, level: str, word: str
) -> Message:
    body = f"{_SIDES.get(event.side, event.side)} {_number(event.quantity, locale)} {event.symbol}."
    if event.filled_quantity:
        body += f" {_number(event.filled_quantity, locale)} had been filled before."
    if event.reason:
        body += f" {format_sentence(event.reason, locale=locale, but=(event.symbol,))}"
    return _message(event, kind=kind, level=level, title=f"Order {word}: {event.symbol}", body=body)


def _done(event: OrderFilled | OrderPartiallyFilled, locale: str) -> str:
    return (
        f"{_DONE.get(event.side, event.side)} {_number(event.quantity, locale)} {event.symbol}"
        f" at {_price(event.price, event.currency, locale)}."
    )


def _message(
    event: OrderAccepted | OrderFilled | OrderPartiallyFilled | OrderCanceled | OrderRejected | OrderExpired,
    *,
    kind: str,
    title: str,
    body: str,
    level: str = "info",
) -> Message:
    return Message(
        user_id=event.user_id,
        kind=kind,
        level=level,
        title=title,
        body=body,
        url=reverse("trading:detail", args=[event.order_id]),
        refresh=("blotter", f"positions:{event.portfolio_id}"),
    )


def _number(value: Decimal, locale: str) -> str:
    return format_number(value, locale=locale)


def _price(value: Decimal, currency: str, locale: str) -> str:
    return format_price(value, currency, locale=locale)
