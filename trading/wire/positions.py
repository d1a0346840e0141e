"""The wire's positions: what the account holds, and closing it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from marketdata.models import AssetClass, Instrument
from portfolio_site.kernel.errors import DomainError
from trading import operations, queries
from trading.operations import ClosedPosition
from trading.queries import PositionView
from trading.wire.assets import CRYPTO, EQUITY, EXCHANGES, pair_of, position_symbol_of, wire_symbol
from trading.wire.calls import Call, Reply
from trading.wire.errors import invalid, not_found
from trading.wire.orderforms import order_form
from trading.wire.refusals import Asked, wire_error_of
from trading.wire.values import optional_text, read_number, read_positive, read_uuid, rounded, text_of

#: Prices, fractions and percentages have at most this many places, amounts the fewer.
_PLACES: Final = 9
_MONEY_PLACES: Final = 6


def list_positions(call: Call) -> Any:
    """``GET /positions``"""
    return [position_form(view) for view in queries.positions_of(call.portfolio_id, now=call.now)]


def get_position(call: Call, symbol: str) -> Any:
    """``GET /positions/{symbol or id}``"""
    return position_form(_own(call, symbol))


def close(call: Call, symbol: str) -> Any:
    """``DELETE /positions/{symbol or id}``: answers the order that closes it."""
    held = _own(call, symbol)
    quantity, percentage = call.text("qty"), call.text("percentage")
    if quantity is not None and percentage is not None:
        raise invalid("only one of qty or percentage is accepted")
    share = None if percentage is None else read_number(percentage, "percentage")
    if share is not None and not 0 < share <= 100:
        raise invalid("percentage must be between 0 and 100")
    if share is not None and share != rounded(share, _PLACES):
        raise invalid(f"percentage has more than {_PLACES} decimals")
    try:
        order = operations.close_position(
            portfolio_id=call.portfolio_id,
            actor=call.actor,
            instrument_id=held.instrument_id,
            quantity=None if quantity is None else read_positive(quantity, "qty"),
            percentage=share,
            now=call.now,
        )
    except DomainError as refusal:
        raise wire_error_of(refusal, Asked(symbol=symbol_of(held))) from refusal
    return order_form(order)


def close_all(call: Call) -> Any:
    """``DELETE /positions``: one row for each position, closed or not."""
    results = operations.close_all_positions(
        portfolio_id=call.portfolio_id,
        actor=call.actor,
        cancel_orders=call.flag("cancel_orders"),
        now=call.now,
    )
    things = Instrument.objects.in_bulk(result.instrument_id for result in results)
    return Reply([_closed(result, things[result.instrument_id]) for result in results], 207)


def position_form(view: PositionView) -> dict[str, Any]:
    """The position object: amounts as strings, those of a short one negative."""
    qty = view.quantity
    return {
        "asset_id": str(view.asset_id),
        "symbol": symbol_of(view),
        "exchange": "CRYPTO" if _is_crypto(view) else EXCHANGES.get(view.exchange, ""),
        "asset_class": CRYPTO if _is_crypto(view) else EQUITY,
        "asset_marginable": view.is_marginable,
        "qty": text_of(qty),
        "avg_entry_price": _price(view.avg_entry_price),
        "side": view.side,
        "market_value": _money(view.market_value),
        "cost_basis": _money(view.cost_basis),
        "unrealized_pl": _money(view.unrealized_pl),
        "unrealized_plpc": _fraction(view.unrealized_plpc),
        "unrealized_intraday_pl": _money(view.intraday_pl),
        "unrealized_intraday_plpc": _fraction(view.intraday_plpc),
        "current_price": _price(view.current_price),
        "lastday_price": _price(view.lastday_price),
        "change_today": _fraction(view.change_today),
        "qty_available": text_of(view.available if qty > 0 else -view.available),
    }


def symbol_of(view: PositionView) -> str:
    """The symbol of a position: coins without the slash."""
    if _is_crypto(view):
        return pair_of(view.symbol, view.currency).replace("/", "")
    return wire_symbol(view.symbol, view.exchange)


def _is_crypto(view: PositionView) -> bool:
    return view.asset_class == AssetClass.CRYPTO


def _own(call: Call, text: str) -> PositionView:
    """What the account holds under that name or asset id. Raises ``WireError`` (404)."""
    asset_id = read_uuid(text)
    wanted = text.strip().upper().replace("/", "").replace("-", "").replace(".", "")
    for view in queries.positions_of(call.portfolio_id, now=call.now):
        if asset_id is not None:
            if view.asset_id == asset_id:
                return view
        elif wanted in {_bare(symbol_of(view)), _bare(view.symbol)}:
            return view
    raise not_found("position does not exist")


def _bare(symbol: str) -> str:
    return symbol.upper().replace("/", "").replace("-", "").replace(".", "")


def _closed(result: ClosedPosition, instrument: Instrument) -> dict[str, Any]:
    symbol = position_symbol_of(instrument)
    if result.order is not None:
        form = order_form(result.order)
        return {"symbol": symbol, "status": 200, "order_id": form["id"], "body": form}
    assert result.error is not None
    error = wire_error_of(result.error, Asked(symbol=symbol))
    return {"symbol": symbol, "status": error.status, "body": error.body}


def _price(value: Decimal) -> str:
    return text_of(rounded(value, _PLACES))


def _money(value: Decimal) -> str:
    return text_of(rounded(value, _MONEY_PLACES))


def _fraction(value: Decimal | None) -> str:
    return optional_text(None if value is None else rounded(value, _PLACES)) or "0"
