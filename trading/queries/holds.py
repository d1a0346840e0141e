"""What the open orders of a portfolio hold, and which of them stand in the way of another. One statement."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from django.db import connection

from trading.engine.rules_account import OpenOrder
from trading.engine.types import OrderClass, OrderType, PositionIntent, Side
from trading.models import OPEN_STATUSES

ZERO = Decimal(0)
# Word for word the condition of the partial index of open orders.
IS_OPEN = "status IN (" + ", ".join(f"'{status}'" for status in OPEN_STATUSES) + ")"

#: What open orders hold; a text to `format` with the expressions for the currency and the instrument.
HOLDS = """
       coalesce(sum(reserved_cash) FILTER (WHERE currency = {currency} AND reserves_margin), 0),
       coalesce(sum(reserved_cash) FILTER (WHERE currency = {currency} AND NOT reserves_margin), 0),
       coalesce(sum(reserved_quantity) FILTER (WHERE instrument_id = {instrument}), 0),
       coalesce(sum(reserved_cash) FILTER (WHERE instrument_id = {instrument}), 0),
       count(*) FILTER (WHERE parent_id IS NULL),
       array_agg(id::text) FILTER (WHERE instrument_id = {instrument}),
       array_agg(side || '/' || type || '/' || order_class || '/' || position_intent || '/' || coalesce(limit_price::text, ''))
           FILTER (WHERE instrument_id = {instrument})
"""
_HOLDS = f"""
SELECT {HOLDS.format(currency="%(currency)s", instrument="%(instrument)s")},
       (SELECT id FROM trading_order WHERE portfolio_id = %(portfolio)s AND client_order_id = %(client)s)
FROM trading_order
WHERE portfolio_id = %(portfolio)s AND {IS_OPEN} AND NOT id = ANY(%(but)s::uuid[])
"""  # noqa: S608 - statuses of this room's own enumeration


@dataclass(frozen=True, slots=True, kw_only=True)
class Holds:
    """What open orders hold: buying power (``margin``) and cash alone (``cash_only``) in one currency; of one instrument
    the units, the money, and the orders themselves. ``open_orders`` counts groups once. ``same_client_id`` is the order
    that already carries the client order id that was asked about."""

    margin: Decimal = ZERO
    cash_only: Decimal = ZERO
    quantity: Decimal = ZERO
    money_here: Decimal = ZERO
    open_orders: int = 0
    others: tuple[OpenOrder, ...] = ()
    same_client_id: UUID | None = None

    @property
    def cash(self) -> Decimal:
        """All money held."""
        return self.margin + self.cash_only


def open_holds(
    *,
    portfolio_id: int,
    currency: str,
    instrument_id: int,
    client_order_id: str = "",
    without: Iterable[UUID] = (),
) -> Holds:
    """What the stored open orders hold, those ``without`` left out. One statement."""
    with connection.cursor() as cursor:
        cursor.execute(
            _HOLDS,
            {
                "portfolio": portfolio_id,
                "currency": currency,
                "instrument": instrument_id,
                "client": client_order_id,
                "but": list(without),
            },
        )
        row = cursor.fetchone()
    assert row is not None
    return holds_of(row)


def holds_of(row: tuple[object, ...]) -> Holds:
    """The value of a row of that statement."""
    margin, cash_only, quantity, money_here, count, ids, others, same = row
    return Holds(
        margin=margin,  # type: ignore[arg-type]
        cash_only=cash_only,  # type: ignore[arg-type]
        quantity=quantity,  # type: ignore[arg-type]
        money_here=money_here,  # type: ignore[arg-type]
        open_orders=count,  # type: ignore[arg-type]
        others=tuple(_other(pk, text) for pk, text in zip(ids or (), others or (), strict=True)),  # type: ignore[call-overload]
        same_client_id=same,  # type: ignore[arg-type]
    )


def _other(pk: str, text: str) -> OpenOrder:
    side, kind, order_class, intent, limit = text.split("/")
    return OpenOrder(
        id=UUID(pk),
        side=Side(side),
        type=OrderType(kind),
        order_class=OrderClass(order_class),
        intent=PositionIntent(intent),
        limit_price=Decimal(limit) if limit else None,
    )
