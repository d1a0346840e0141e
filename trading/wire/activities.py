"""The wire's activities: what moved units or cash in the account, one row each."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, time, timedelta
from typing import Any, Final

from marketdata.models import Instrument
from trading import queries
from trading.queries import Activity
from trading.wire.assets import position_symbol_of, symbol_of
from trading.wire.calls import Call
from trading.wire.errors import invalid, not_found
from trading.wire.values import NEW_YORK, moment, optional_text, text_of

_MOST: Final = 100
_TRADES: Final = frozenset({"FILL"})
#: What the form knows and never happens here: asked for, the answer is an empty list.
_ALSO_KNOWN: Final = frozenset(
    "ACATC ACATS CIL DIVCGL DIVCGS DIVNRA DIVTXEX DIVWH EXTRD FXTRD INTPNL JNL JNLC JNLS MEM OCT OPASN OPCSH OPEXC "
    "OPEXP OPTRD PTC PTR REORG SWP VOF WH TRANS MISC".split()
)


def list_activities(call: Call) -> Any:
    """``GET /account/activities``"""
    return _rows(call, call.words("activity_types"))


def list_of_type(call: Call, activity_type: str) -> Any:
    """``GET /account/activities/{type}``"""
    if activity_type.upper() not in queries.ALL_TYPES | _ALSO_KNOWN:
        raise not_found(f"activity type not found: {activity_type[:20]}")
    return _rows(call, [activity_type])


def _rows(call: Call, wanted: list[str]) -> list[dict[str, Any]]:
    types = _types(call, wanted)
    after, until = call.instant("after"), call.instant("until")
    day = call.day("date")
    if day is not None:
        if after is not None or until is not None:
            raise invalid("date cannot be combined with after or until")
        begins = datetime.combine(day, time.min, tzinfo=NEW_YORK)
        # Both bounds are exclusive: the day is what lies between the last instant before it and the next one's first.
        after, until = begins - timedelta(microseconds=1), begins + timedelta(days=1)
    try:
        found = queries.activities_of(
            call.portfolio_id,
            types=types,
            after=after,
            until=until,
            ascending=call.word("direction", frozenset({"asc", "desc"}), "desc") == "asc",
            limit=call.whole("page_size", default=_MOST, least=1, most=_MOST),
            page_token=call.text("page_token") or "",
        )
    except ValueError:
        raise invalid("invalid page_token") from None
    ids = {row.instrument_id for row in found if row.instrument_id is not None}
    things = Instrument.objects.in_bulk(ids)
    return [activity_form(row, things) for row in found]


def _types(call: Call, wanted: list[str]) -> frozenset[str] | None:
    category = call.word("category", frozenset({"trade_activity", "non_trade_activity"}), "")
    if wanted:
        if category:
            raise invalid("category cannot be combined with activity types")
        types = frozenset(name.upper() for name in wanted)
        unknown = types - queries.ALL_TYPES - _ALSO_KNOWN
        if unknown:
            raise invalid(f"invalid activity type: {min(unknown)[:20]}")
        return types & queries.ALL_TYPES
    if category == "trade_activity":
        return _TRADES
    if category == "non_trade_activity":
        return queries.ALL_TYPES - _TRADES
    return None


def activity_form(row: Activity, things: Mapping[int, Instrument]) -> dict[str, Any]:
    """A row: executions in their own form, everything else in the other."""
    thing = None if row.instrument_id is None else things.get(row.instrument_id)
    if row.type == "FILL":
        return {
            "id": row.id,
            "activity_type": "FILL",
            "transaction_time": moment(row.at),
            "type": "fill" if row.is_final else "partial_fill",
            "price": optional_text(row.price),
            "qty": optional_text(row.quantity),
            "side": row.side,
            "symbol": row.symbol if thing is None else symbol_of(thing),
            "leaves_qty": optional_text(row.leaves_quantity),
            "cum_qty": optional_text(row.cum_quantity),
            "order_id": str(row.order_id),
            "order_status": row.order_status,
        }
    form: dict[str, Any] = {
        "id": row.id,
        "activity_type": row.type,
        "date": row.date.isoformat(),
        "net_amount": text_of(row.net_amount or 0),
        "status": "executed",
        "description": row.description,
        "currency": row.currency,
    }
    if row.symbol:
        form["symbol"] = row.symbol if thing is None else position_symbol_of(thing)
    if row.quantity is not None:
        form["qty"] = text_of(row.quantity)
    if row.price is not None:
        form["price"] = text_of(row.price)
    if row.type.startswith("DIV") and row.quantity and row.net_amount is not None:
        form["per_share_amount"] = text_of((row.net_amount / row.quantity).normalize())
    if row.sub_type:
        form["activity_sub_type"] = row.sub_type
    if row.group_id is not None:
        form["group_id"] = str(row.group_id)
    if row.order_id is not None:
        form["order_id"] = str(row.order_id)
    return form
