"""Splits and dividends on paper accounts: applied to positions and, for splits, to open orders, each once.

A dividend is paid on its ex-date to whoever held the units before, and owed by whoever was short of them. A split multiplies
the position and the units of open orders, and divides their prices; an order that is filled in part is replaced by one for the
rest.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction

import structlog
from django.db import DatabaseError, transaction
from django.db.models import Q

from holdings import queries as books
from holdings.operations import Entry, post_account_entry
from marketdata.models import ActionKind, CorporateAction
from marketdata.operations import carry_quote_past_split
from portfolio_site.kernel.errors import DomainError
from portfolio_site.kernel.money import round_money
from trading.engine.splits import LARGEST_TERM, Split, ratio_of
from trading.engine.states import CANCELABLE, OrderStatus
from trading.engine.terms import Tradable
from trading.engine.types import Side
from trading.engine.wording import plain, price_text
from trading.models import OPEN_STATUSES, AppliedAction, Order
from trading.operations import ending
from trading.operations.desk import ZERO, Desk, open_desk
from trading.operations.errors import OrderRefusedError
from trading.queries.market import NEW_YORK, tradable_of

log = structlog.get_logger(__name__)
_WIDE = Context(prec=60)
#: An action that becomes known later than this is left alone.
LATEST = timedelta(days=7)
#: Trading of an exchange's day begins before its session.
EARLY_MORNING = time(4)


def apply_corporate_actions(*, now: datetime, instrument_ids: Iterable[int] | None = None) -> int:
    """Apply every action of the last week whose day has come to each paper account it concerns; returns how many times.

    Safe to run at any time and twice. ``instrument_ids``: of these instruments alone.
    """
    today = now.astimezone(UTC).date()
    actions = CorporateAction.objects.filter(ex_date__range=(today - LATEST, today)).select_related(
        "instrument"
    )
    if instrument_ids is not None:
        actions = actions.filter(instrument_id__in=list(instrument_ids))
    applied = 0
    # Of one day the split comes last: a dividend is for the units that were held before.
    for action in actions.order_by("ex_date", "kind", "instrument_id"):
        if effective_at(action) <= now:
            _carry_quote(action)
            applied += _apply_everywhere(action, now)
    return applied


def apply_splits_lately(*, now: datetime) -> int:
    """Apply the splits of these days, where there are any: before somebody draws conclusions from new prices and old units.
    One statement when there are none."""
    today = now.astimezone(UTC).date()
    lately = CorporateAction.objects.filter(
        kind=ActionKind.SPLIT, ex_date__range=(today - timedelta(days=1), today)
    )
    ids = list(lately.values_list("instrument_id", flat=True))
    return apply_corporate_actions(now=now, instrument_ids=ids) if ids else 0


def apply_own_splits(desk: Desk, instrument_id: int) -> bool:
    """Apply the splits of an instrument that this portfolio has not seen yet, under its lock: what it trades next is in new
    units at new prices. Returns whether there were any.

    Raises ``OrderRefusedError`` (``split_pending``) where the books refuse one.
    """
    today = desk.now.astimezone(UTC).date()
    known = AppliedAction.objects.filter(
        portfolio_id=desk.portfolio.id, instrument_id=instrument_id, kind=ActionKind.SPLIT
    ).values("ex_date")
    due = (
        CorporateAction.objects.filter(
            instrument_id=instrument_id, kind=ActionKind.SPLIT, ex_date__range=(today - LATEST, today)
        )
        .exclude(ex_date__in=known)
        .select_related("instrument")
        .order_by("ex_date")
    )
    done = False
    for action in due:
        since = effective_at(action)
        if since > desk.now:
            continue
        _carry_quote(action)
        held = books.paper_holders_before(instrument_id, since, portfolio_id=desk.portfolio.id)
        try:
            with transaction.atomic():
                done |= _apply(desk, action, held.get(desk.portfolio.id, ZERO))
        except DomainError as error:
            log.exception("corporate_action_failed", portfolio_id=desk.portfolio.id, action=str(action))
            raise OrderRefusedError(
                f"{action.instrument.symbol} was split, and the split could not be booked in this account: no order is taken "
                "for it until that is mended.",
                code="split_pending",
                field="instrument",
            ) from error
    return done


def _carry_quote(action: CorporateAction) -> None:
    """New units never meet a price of old ones: a quote from before the split is divided by it."""
    if action.kind == ActionKind.SPLIT:
        carry_quote_past_split(
            instrument_id=action.instrument_id,
            ratio=ratio_of(action.value),
            effective_at=effective_at(action),
        )


def splits_due(*, instrument_ids: Iterable[int], now: datetime) -> bool:
    """Whether a split of one of the instruments falls on these days: orders are not matched before it is applied. One
    statement."""
    today = now.astimezone(UTC).date()
    return CorporateAction.objects.filter(
        kind=ActionKind.SPLIT,
        instrument_id__in=list(instrument_ids),
        ex_date__range=(today - timedelta(days=1), today),
    ).exists()


def effective_at(action: CorporateAction) -> datetime:
    """When prices are those after the action: early in the morning in New York; at midnight UTC on the simulated market."""
    if action.instrument.provider == "simulated":
        return datetime.combine(action.ex_date, time(0), UTC)
    return datetime.combine(action.ex_date, EARLY_MORNING, NEW_YORK).astimezone(UTC)


def _apply_everywhere(action: CorporateAction, now: datetime) -> int:
    held = books.paper_holders_before(action.instrument_id, effective_at(action))
    concerned = set(held)
    if action.kind == ActionKind.SPLIT:
        concerned |= set(
            Order.objects.open()
            .filter(instrument_id=action.instrument_id, submitted_at__lt=effective_at(action))
            .values_list("portfolio_id", flat=True)
        )
    known = AppliedAction.objects.filter(
        instrument_id=action.instrument_id, kind=action.kind, ex_date=action.ex_date
    ).values_list("portfolio_id", flat=True)
    done = 0
    for portfolio_id in sorted(concerned - set(known)):
        try:
            with transaction.atomic():
                desk = open_desk(portfolio_id=portfolio_id, actor=None, now=now)
                done += _apply(desk, action, held.get(portfolio_id, ZERO))
        except (DatabaseError, DomainError):
            log.exception("corporate_action_failed", portfolio_id=portfolio_id, action=str(action))
    return done


def _apply(desk: Desk, action: CorporateAction, units: Decimal) -> bool:
    # A broker applies them to positions and orders itself.
    if desk.portfolio.is_archived or desk.account.broker_connection_id is not None:
        return False
    _, is_new = AppliedAction.objects.get_or_create(
        portfolio_id=desk.portfolio.id,
        instrument_id=action.instrument_id,
        kind=action.kind,
        ex_date=action.ex_date,
        defaults={"applied_at": desk.now},
    )
    if not is_new:
        return False
    if action.kind == ActionKind.DIVIDEND:
        _pay(desk, action, units)
    else:
        if units:
            _post(
                desk,
                action,
                Entry(type="split", occurred=effective_at(action), ratio=_ratio_text(ratio_of(action.value))),
            )
        _adjust_orders(desk, action)
    return True


def _post(desk: Desk, action: CorporateAction, entry: Entry) -> None:
    name = f"action:{action.instrument_id}:{action.kind}:{action.ex_date.isoformat()}"
    post_account_entry(
        portfolio_id=desk.portfolio.id,
        entry=replace(entry, instrument_id=action.instrument_id, external_id=name),
        actor=None,
        now=desk.now,
    )


def _ratio_text(ratio: Fraction) -> str:
    if ratio.denominator > LARGEST_TERM:  # it was a decimal, and is written as one
        return plain(_WIDE.divide(Decimal(ratio.numerator), Decimal(ratio.denominator)))
    return f"{ratio.numerator}:{ratio.denominator}"


def _pay(desk: Desk, action: CorporateAction, units: Decimal) -> None:
    instrument = action.instrument
    thing = tradable_of(instrument)
    amount = round_money(abs(units) * action.value * thing.value_factor, instrument.currency)
    if not amount:
        return
    desk.date_after_journal()
    if units > 0:
        note = f"Dividend of {plain(action.value)} {instrument.currency} a unit on {plain(units)}"
        kind = "dividend"
    else:
        note = f"Dividend of {plain(action.value)} {instrument.currency} a unit owed on {plain(-units)} sold short"
        kind = "fee"
    _post(
        desk,
        action,
        Entry(type=kind, occurred=desk.now, amount=amount, currency=instrument.currency, note=note),
    )


def _adjust_orders(desk: Desk, action: CorporateAction) -> None:
    """Open orders that were placed before the split, in new units and prices."""
    thing = tradable_of(action.instrument)
    found = desk.load(
        Q(
            instrument_id=action.instrument_id,
            status__in=OPEN_STATUSES,
            submitted_at__lt=effective_at(action),
        )
    )
    for order in sorted(found, key=lambda each: (each.parent_id is not None, str(each.pk))):
        if order.is_open:
            _adjust(desk, order, ratio_of(action.value), thing)
    desk.save()


def _adjust(desk: Desk, order: Order, ratio: Fraction, thing: Tradable) -> None:
    split = Split(ratio=ratio, side=Side(order.side), thing=thing)
    if order.notional is None and not split.units(order.remaining):
        if OrderStatus(order.status) in CANCELABLE:
            text = "Cancelled: after the split the order is for less than one tradable unit."
            ending.cancel(desk, order, text=text, code="split", reason=text)
        return
    target = order if order.filled_quantity == 0 else _continued(desk, order)
    _change(target, split)
    desk.watch(target)
    if target.watch and target.status == OrderStatus.HELD:
        target.watch_price = target.stop_price
    desk.note(target, _story(target, ratio), kind="split")


def _continued(desk: Desk, order: Order) -> Order:
    """A new order for what is left: the old one keeps its fills, in the units in which they happened."""
    new = Order.objects.get(pk=order.pk)
    new.pk = uuid.uuid4()
    new._state.adding = True
    new.instrument = order.instrument
    # The head of its group may have been continued a moment ago, and is not stored yet.
    new.parent_id = order.parent_id
    new.client_order_id = str(uuid.uuid4())
    new.quantity = order.remaining
    new.filled_quantity, new.filled_avg_price, new.filled_amount = ZERO, None, ZERO
    if order.notional is not None:
        new.notional = order.notional - order.filled_amount
    new.status = OrderStatus.NEW.value
    new.replaces_id, new.replaced_by_id = order.pk, None
    new.origin, new.trail = "split", []
    new.updated_at = desk.now
    reserved = order.reserved_cash, order.reserved_quantity
    family = desk.family(order)
    desk.add(new)
    ending.replace(desk, order, new)
    new.reserved_cash, new.reserved_quantity = reserved
    for other in family:
        if other.parent_id == order.pk:
            other.parent = new
            desk.touch(other)
    desk.tell("new", new)
    return new


def _change(order: Order, split: Split) -> None:
    before, order.quantity = order.quantity, split.units(order.quantity)
    exact = _WIDE.divide(
        _WIDE.multiply(before, Decimal(split.ratio.numerator)), Decimal(split.ratio.denominator)
    )
    if order.reserved_cash and order.notional is None and order.quantity < exact:
        # For the part of a unit that nobody can buy no money is held.
        part = _WIDE.divide(_WIDE.multiply(order.reserved_cash, order.quantity), exact)
        order.reserved_cash = part.quantize(Decimal("0.00000001"), ROUND_HALF_EVEN)
    order.limit_price = split.price(order.limit_price)
    is_trailing = order.trail_price is not None or order.trail_percent is not None
    order.stop_price = split.exact(order.stop_price) if is_trailing else split.price(order.stop_price)
    order.trail_price = split.exact(order.trail_price)
    order.hwm = split.exact(order.hwm)
    order.cap_price = split.exact(order.cap_price)
    if order.reserved_quantity:
        order.reserved_quantity = (
            order.quantity
            if order.notional is None
            else split.units(order.reserved_quantity).quantize(Decimal("0.000000000001"), ROUND_HALF_EVEN)
        )


def _story(order: Order, ratio: Fraction) -> str:
    prices = ", ".join(
        f"{name} {price_text(price)}"
        for name, price in (("limit", order.limit_price), ("stop", order.stop_price))
        if price is not None
    )
    return f"Split {_ratio_text(ratio)}: now for {plain(order.quantity)}" + (
        f" at {prices}." if prices else "."
    )
