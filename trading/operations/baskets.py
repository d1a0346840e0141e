"""Baskets: orders that were reviewed together and are placed as one. Sales first; purchases as the cash for them is there.

All lines are checked before anything is stored: one that would be refused refuses the basket. Under the portfolio's lock the
sales are placed, then the purchases, each a limit order at the price that was reviewed. A purchase whose cash is still in sales
that have not traded (a closed market) waits; each fill of the basket lets those go on that can be paid by then. Nothing is
borrowed for it: a line that still cannot be paid when the sales have ended is given up, with the reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.contrib.auth import get_user_model
from django.db import transaction

from marketdata.models import Instrument
from portfolio_site.kernel.errors import ConflictError, DomainError, NotFoundError
from portfolio_site.kernel.idempotency import fingerprint_of
from trading.models import BasketLine, BasketState, LineState, Order, OrderBasket
from trading.operations.access import own_desk
from trading.operations.canceling import cancel_order
from trading.operations.errors import OrderNotCancelableError, OrderRefusedError
from trading.operations.paper_accounts import announce
from trading.operations.placing import place_order
from trading.operations.reading import check_number
from trading.queries.buying_power import buying_power
from trading.queries.market import kind_of, tradable_of

ZERO = Decimal(0)
MOST_LINES = 200
ORIGIN = "rebalance"
#: Refusals that the cash of sales may lift.
_MONEY = frozenset({"insufficient_buying_power", "no_cash_in_currency"})


class BasketRefusedError(DomainError):
    """A basket that cannot be placed; ``details["lines"]`` says why, line by line."""

    code = "basket_refused"


class BasketUnknownError(NotFoundError):
    """There is no such basket, or not for this person."""

    code = "basket_not_found"

    def __init__(self) -> None:
        super().__init__("There is no such basket.")


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedLine:
    """One order of a basket: a sale at the market, a purchase at ``limit_price`` or better. ``amount`` and ``fees`` are what
    was reviewed."""

    instrument_id: int
    side: str
    quantity: Decimal
    limit_price: Decimal | None = None
    amount: Decimal = ZERO
    fees: Decimal = ZERO


def place_basket(
    *,
    portfolio_id: int,
    actor: Any,
    basket_id: UUID,
    lines: Sequence[AskedLine],
    drift_before: Decimal = ZERO,
    drift_after: Decimal = ZERO,
    weights: Sequence[dict[str, Any]] = (),
    now: datetime,
) -> UUID:
    """Place the orders of a basket as one, and return its id. Sent again with the same lines, the basket that is there
    answers; with other lines ``ConflictError``.

    Raises ``BasketRefusedError`` (nothing is stored) where a line would be refused, the purchases cannot be paid, or another
    basket of the account is still at work; ``PortfolioUnknownError``, ``ReadOnlyError``, ``OrderRefusedError``.
    """
    asked = _checked(lines)
    wanted = fingerprint_of(
        [
            portfolio_id,
            [[line.instrument_id, line.side, f"{line.quantity:f}", str(line.limit_price)] for line in asked],
        ]
    )
    with transaction.atomic():
        own_desk(portfolio_id, actor, now=now)
        known = OrderBasket.objects.filter(pk=basket_id).first()
        if known is not None:
            if known.portfolio_id != portfolio_id:
                raise BasketUnknownError
            if known.fingerprint != wanted:
                raise ConflictError("This basket was placed already, with other orders.", code="basket_taken")
            return basket_id
        if OrderBasket.objects.filter(portfolio_id=portfolio_id, state=BasketState.WORKING).exists():
            raise BasketRefusedError(
                "Another basket of this account is still at work. Wait for it, or stop it.",
                code="basket_working",
            )
        things = {
            thing.pk: thing
            for thing in Instrument.objects.visible_to(actor).filter(
                pk__in=[line.instrument_id for line in asked]
            )
        }
        _check_things(asked, things)
        basket = OrderBasket.objects.create(
            id=basket_id,
            portfolio_id=portfolio_id,
            placed_by=actor,
            fingerprint=wanted,
            drift_before=drift_before.quantize(Decimal("0.000001")),
            drift_after=drift_after.quantize(Decimal("0.000001")),
            weights=list(weights),
            created_at=now,
        )
        rows = BasketLine.objects.bulk_create(
            BasketLine(
                basket=basket,
                number=number,
                instrument=things[line.instrument_id],
                side=line.side,
                quantity=line.quantity,
                limit_price=line.limit_price,
                amount=line.amount,
                fees=line.fees,
            )
            for number, line in enumerate(asked, 1)
        )
        refusals = _work(basket, rows, actor=actor, now=now, is_first=True)
        if refusals:
            raise _refused(refusals)
        _settle(basket, now=now)
        announce(portfolio_id, actor.pk, what="basket", now=now)
    return basket_id


def release_basket(*, basket_id: UUID, now: datetime) -> None:
    """Place what waited for the cash of the basket's sales and can be paid now; give up what never will be. Does nothing for
    one that has ended."""
    with transaction.atomic():
        portfolio_id = OrderBasket.objects.filter(pk=basket_id).values_list("portfolio_id", flat=True).first()
        if portfolio_id is None:
            return
        owner = _placed_by(basket_id)
        own_desk(portfolio_id, owner, now=now, for_new_orders=False)
        basket = OrderBasket.objects.get(pk=basket_id)
        if basket.state != BasketState.WORKING:
            return
        rows = list(basket.lines.select_related("instrument").order_by("number"))
        for row, refusal in _work(basket, rows, actor=owner, now=now):
            row.state, row.reason = LineState.REFUSED, refusal.message[:300]
            row.save(update_fields=["state", "reason"])
        _settle(basket, now=now)
        announce(portfolio_id, owner.pk, what="basket", now=now)


def stop_basket(*, basket_id: UUID, actor: Any, now: datetime) -> None:
    """Drop what waits and cancel what is open of a basket; what was filled stays. Stopping one that has ended changes
    nothing. Raises ``BasketUnknownError``, ``ReadOnlyError``."""
    with transaction.atomic():
        found = OrderBasket.objects.visible_to(actor).filter(pk=basket_id).first()
        if found is None:
            raise BasketUnknownError
        own_desk(found.portfolio_id, actor, now=now, for_new_orders=False)
        basket = OrderBasket.objects.get(pk=basket_id)
        if basket.state != BasketState.WORKING:
            return
        basket.lines.filter(state=LineState.WAITING).update(
            state=LineState.DROPPED, reason="The basket was stopped."
        )
        for order_id in list(
            Order.objects.open()
            .filter(basket_line__basket=basket)
            .order_by("pk")
            .values_list("pk", flat=True)
        ):
            try:
                cancel_order(order_id=order_id, actor=actor, now=now)
            except OrderNotCancelableError:
                continue
        basket.state, basket.ended_at = BasketState.STOPPED, now
        basket.save(update_fields=["state", "ended_at"])
        announce(basket.portfolio_id, actor.pk, what="basket", now=now)


def _checked(lines: Sequence[AskedLine]) -> list[AskedLine]:
    """Sales first, each thing once. Raises ``BasketRefusedError``."""
    if not 0 < len(lines) <= MOST_LINES:
        raise BasketRefusedError(f"A basket has between one order and {MOST_LINES}.", field="lines")
    for line in lines:
        check_number("quantity", line.quantity)
        check_number("limit_price", line.limit_price)
        if line.side not in {"buy", "sell"}:
            raise BasketRefusedError("A line buys or sells.", field="lines")
        if (line.side == "buy") != (line.limit_price is not None):
            raise BasketRefusedError("Purchases have a limit price, sales have none.", field="lines")
    if len({line.instrument_id for line in lines}) != len(lines):
        raise BasketRefusedError("A basket trades each instrument once.", field="lines")
    return sorted(lines, key=lambda line: line.side != "sell")


def _check_things(lines: Sequence[AskedLine], things: dict[int, Instrument]) -> None:
    if any(line.instrument_id not in things for line in lines):
        raise BasketRefusedError("There is no such instrument.", code="instrument_not_found", field="lines")


def _placed_by(basket_id: UUID) -> Any:
    """The person whose basket it is."""
    return get_user_model()._default_manager.get(
        pk=OrderBasket.objects.values_list("placed_by_id", flat=True).get(pk=basket_id)
    )


def _work(
    basket: OrderBasket, rows: Sequence[BasketLine], *, actor: Any, now: datetime, is_first: bool = False
) -> list[tuple[BasketLine, DomainError]]:
    """Place the lines that wait, in their order; returns those that are refused for good. The first time, together with
    what waits for cash that is not going to come."""
    refusals: list[tuple[BasketLine, DomainError]] = []
    waiting: list[tuple[BasketLine, DomainError]] = []
    for row in rows:
        if row.state != LineState.WAITING:
            continue
        try:
            with transaction.atomic():
                _place(basket, row, actor=actor, now=now)
        except OrderRefusedError as refusal:
            (waiting if row.side == "buy" and refusal.code in _MONEY else refusals).append((row, refusal))
    if not waiting:
        return refusals
    # What the open sales are going to bring has to cover what waits for it.
    coming = _coming(basket)
    free = {each.currency: max(each.available, ZERO) for each in buying_power(basket.portfolio_id)}
    for code in {row.instrument.currency for row, _ in waiting}:
        group = [(row, refusal) for row, refusal in waiting if row.instrument.currency == code]
        need = sum((row.amount + row.fees for row, _ in group), ZERO)
        if code not in coming or (is_first and need > coming[code] + free.get(code, ZERO)):
            refusals += group
    return refusals


def _coming(basket: OrderBasket) -> dict[str, Decimal]:
    """What the open sales of the basket are reckoned to bring, by currency."""
    found: dict[str, Decimal] = {}
    for row in basket.lines.filter(side="sell", order__isnull=False).select_related("order"):
        if row.order is not None and row.order.is_open:
            found[row.order.currency] = found.get(row.order.currency, ZERO) + row.amount - row.fees
    return found


def _place(basket: OrderBasket, row: BasketLine, *, actor: Any, now: datetime) -> None:
    thing = tradable_of(row.instrument)
    order = place_order(
        portfolio_id=basket.portfolio_id,
        actor=actor,
        client_order_id=f"{basket.pk}-{row.number}",
        instrument_id=row.instrument_id,
        side=row.side,
        type="market" if row.limit_price is None else "limit",
        time_in_force="gtc" if kind_of(thing.asset_class) == "crypto" else "day",
        quantity=row.quantity,
        limit_price=row.limit_price,
        origin=ORIGIN,
        now=now,
    )
    row.state, row.order_id = LineState.PLACED, order.id
    row.save(update_fields=["state", "order"])


def _settle(basket: OrderBasket, *, now: datetime) -> None:
    """A basket in which nothing waits and nothing is open is done."""
    if basket.lines.filter(state=LineState.WAITING).exists():
        return
    if Order.objects.open().filter(basket_line__basket=basket).exists():
        return
    basket.state, basket.ended_at = BasketState.DONE, now
    basket.save(update_fields=["state", "ended_at"])


def _refused(refusals: list[tuple[BasketLine, DomainError]]) -> BasketRefusedError:
    lines = [
        {
            "instrument_id": row.instrument_id,
            "symbol": row.instrument.symbol,
            "code": error.code,
            "message": error.message,
        }
        for row, error in refusals
    ]
    first = lines[0]
    more = "" if len(lines) == 1 else f" ({len(lines) - 1} more lines would be refused)"
    return BasketRefusedError(
        f"Nothing was placed. {first['symbol']}: {first['message']}{more}", details={"lines": lines}
    )
