"""The wire's orders: placed, listed, replaced and canceled in the account of the key."""

from __future__ import annotations

import uuid
from typing import Any, Final
from uuid import UUID

from marketdata.models import Instrument
from portfolio_site.kernel.errors import DomainError
from trading import operations, queries
from trading.operations import StopLoss, TakeProfit
from trading.queries import OrderView
from trading.wire.assets import (
    CRYPTO,
    EQUITY,
    asset_to_trade,
    find_assets,
    forget_asset,
    remembered_asset,
    symbol_of,
)
from trading.wire.bodies import Fields
from trading.wire.calls import NO_CONTENT, Call, Reply, tells_by_lock
from trading.wire.errors import NOT_FOUND, WireError, invalid, not_found, rule_violation
from trading.wire.orderforms import order_form
from trading.wire.refusals import Asked, wire_error_of
from trading.wire.values import read_uuid

_SIDES: Final = frozenset({"buy", "sell"})
_TYPES: Final = frozenset({"market", "limit", "stop", "stop_limit", "trailing_stop"})
_TIMES: Final = frozenset({"day", "gtc", "opg", "cls", "ioc", "fok"})
_CLASSES: Final = frozenset({"simple", "bracket", "oco", "oto", "mleg"})
_INTENTS: Final = frozenset({"buy_to_open", "buy_to_close", "sell_to_open", "sell_to_close"})
_KINDS: Final = frozenset({EQUITY, CRYPTO, "us_option", "crypto_perp"})
_DEFAULT_LIMIT: Final = 50
_MOST_CLIENT_ID: Final = 128


@tells_by_lock
def submit(call: Call) -> Any:
    """``POST /orders``"""
    terms = _terms(call.body())
    name = terms.pop("symbol")
    asset = remembered_asset(name)
    if asset is not None:
        try:
            return _placed(call, asset, terms)
        except WireError as error:
            if error.code != NOT_FOUND:
                raise
            forget_asset(name)  # it is gone, or called otherwise by now
    return _placed(call, asset_to_trade(name), terms)


def _placed(call: Call, asset: Instrument, terms: dict[str, Any]) -> dict[str, Any]:
    try:
        order = operations.place_order(
            portfolio_id=call.portfolio_id,
            actor=call.actor,
            instrument_id=asset.pk,
            symbol=asset.symbol,
            repeat="refuse",
            now=call.now,
            **terms,
        )
    except DomainError as refusal:
        asked = Asked(symbol=symbol_of(asset), order_class=terms["order_class"])
        raise wire_error_of(refusal, asked) from refusal
    return order_form(order)


def list_orders(call: Call) -> Any:
    """``GET /orders``"""
    nested = call.flag("nested")
    symbols = call.words("symbols")
    ids = None if not symbols else [row.pk for row in find_assets(symbols).values()]
    kind = call.word("asset_class", _KINDS, "")
    if kind not in {"", EQUITY, CRYPTO}:
        return []
    found = queries.orders_of_account(
        call.portfolio_id,
        status=call.word("status", frozenset({"open", "closed", "all"}), "open"),
        limit=min(call.whole("limit", default=_DEFAULT_LIMIT, least=1, most=10**9), queries.MAX_ORDERS),
        after=call.instant("after"),
        until=call.instant("until"),
        ascending=call.word("direction", frozenset({"asc", "desc"}), "desc") == "asc",
        with_legs=nested,
        instrument_ids=ids,
        is_crypto=kind == CRYPTO if kind else None,
        side=call.word("side", _SIDES, ""),
        before_order_id=_id(call.text("before_order_id")),
        after_order_id=_id(call.text("after_order_id")),
    )
    return [order_form(order, legs=nested) for order in found]


def get_one(call: Call, order_id: str) -> Any:
    """``GET /orders/{id}``"""
    return order_form(_own(call, order_id), legs=call.flag("nested"))


def get_by_client_id(call: Call) -> Any:
    """``GET /orders:by_client_order_id?client_order_id=``"""
    client_order_id = call.text("client_order_id")
    if client_order_id is None:
        raise invalid("client_order_id is required")
    found = None
    if len(client_order_id) <= _MOST_CLIENT_ID and "\0" not in client_order_id:
        found = queries.order_by_client_id(call.portfolio_id, client_order_id)
    if found is None:
        raise not_found(f"order not found for {client_order_id[:_MOST_CLIENT_ID]}")
    return order_form(found, legs=call.flag("nested"))


def replace(call: Call, order_id: str) -> Any:
    """``PATCH /orders/{id}``: answers the new order."""
    old = _own(call, order_id)
    body = call.body()
    time_in_force = body.word("time_in_force", _TIMES)
    try:
        order = operations.replace_order(
            order_id=old.id,
            actor=call.actor,
            quantity=body.positive("qty"),
            time_in_force=time_in_force,
            limit_price=body.price("limit_price"),
            stop_price=body.price("stop_price"),
            trail=body.positive("trail"),
            client_order_id=_client_order_id(body),
            now=call.now,
        )
    except DomainError as refusal:
        raise wire_error_of(refusal, Asked(symbol=old.symbol, order_class=old.order_class)) from refusal
    return order_form(order)


def cancel(call: Call, order_id: str) -> Any:
    """``DELETE /orders/{id}``"""
    order = _own(call, order_id)
    # On the pages a second cancel is answered like the first; of two programs the later one is told that it did nothing.
    operations.cancel_order(order_id=order.id, actor=call.actor, repeat="refuse", now=call.now)
    return NO_CONTENT


def cancel_all(call: Call) -> Any:
    """``DELETE /orders``"""
    results = operations.cancel_all_orders(portfolio_id=call.portfolio_id, actor=call.actor, now=call.now)
    rows: list[dict[str, Any]] = []
    for result in results:
        row: dict[str, Any] = {"id": str(result.order_id), "status": 200}
        if result.refusal:
            error = rule_violation(result.refusal)
            row |= {"status": error.status, "body": error.body}
        rows.append(row)
    return Reply(rows, 207)


def _own(call: Call, order_id: str) -> OrderView:
    """An order of the key's account. Raises ``WireError`` (404) for any other."""
    wanted = read_uuid(order_id)
    found = None if wanted is None else queries.order_of_account(call.portfolio_id, wanted)
    if found is None:
        raise not_found(f"order not found for {order_id[:64]}")
    return found


def _id(text: str | None) -> UUID | None:
    if text is None:
        return None
    found = read_uuid(text)
    if found is None:
        raise invalid(f"invalid order id: {text[:64]!r}")
    return found


def _terms(body: Fields) -> dict[str, Any]:
    """What the body asks for, as ``place_order`` takes it (and ``symbol``). What is no order at all is refused here."""
    symbol = body.text("symbol", most=64)
    intent = body.word("position_intent", _INTENTS)
    side = body.word("side", _SIDES) or (intent or "").partition("_")[0]
    kind, time_in_force = body.word("type", _TYPES), body.word("time_in_force", _TIMES)
    for name, value in (
        ("symbol", symbol),
        ("side", side),
        ("type", kind),
        ("time_in_force", time_in_force),
    ):
        if not value:
            raise invalid(f"{name} is required")
    order_class = body.word("order_class", _CLASSES) or "simple"
    if order_class == "mleg":
        raise invalid("order_class mleg is not supported: there are no options here")
    quantity, notional = body.positive("qty"), body.positive("notional")
    if quantity is None and notional is None:
        raise invalid("qty or notional is required")
    if quantity is not None and notional is not None:
        raise invalid("only one of qty or notional is accepted")
    return {
        "symbol": symbol,
        "client_order_id": _client_order_id(body),
        "side": side,
        "type": kind,
        "time_in_force": time_in_force,
        "quantity": quantity,
        "notional": notional,
        "limit_price": body.price("limit_price"),
        "stop_price": body.price("stop_price"),
        "trail_price": body.positive("trail_price"),
        "trail_percent": body.positive("trail_percent"),
        "extended_hours": body.flag("extended_hours") or False,
        "order_class": order_class,
        "take_profit": _take_profit(body),
        "stop_loss": _stop_loss(body),
        "position_intent": intent,
    }


def _client_order_id(body: Fields) -> str:
    """The sender's own id of the order; one is made where none is given."""
    given = body.text("client_order_id", most=1 << 20) or ""
    if len(given) > _MOST_CLIENT_ID:
        raise invalid(f"client_order_id must be no more than {_MOST_CLIENT_ID} characters")
    return given or str(uuid.uuid4())


def _take_profit(body: Fields) -> TakeProfit | None:
    exit_ = body.fields("take_profit")
    return None if exit_ is None else TakeProfit(limit_price=exit_.price("limit_price"))


def _stop_loss(body: Fields) -> StopLoss | None:
    exit_ = body.fields("stop_loss")
    if exit_ is None:
        return None
    return StopLoss(stop_price=exit_.price("stop_price"), limit_price=exit_.price("limit_price"))
