"""From target weights to a basket of orders. Pure; amounts of a line are in its own currency, totals in the account's.

What it holds to, whatever it is given (``trading/tests/test_rebalancing_properties.py``):

- A thing whose weight is within the tolerance of its target is left alone, and so is one without a target.
- Sales come before purchases, and nothing is sold that is not free. Quantities are whole steps, but for a sale of all of it.
- Purchases of a currency never cost more, fees included, than its free cash and what the sales bring less their fees; in
  accounts with margin too: rebalancing borrows nothing. Cash keeps its own target, less the tolerance.
- No order is worth less than the least amount. Nothing is bought beyond its target.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import ROUND_FLOOR, ROUND_HALF_EVEN, Context, Decimal, localcontext

ZERO, ONE = Decimal(0), Decimal(1)
_EXACT = Context(prec=60, rounding=ROUND_HALF_EVEN)
#: How often purchases are cut to what there is before the rest is taken from the last of them.
_ROUNDS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Thing:
    """Something that is held or wanted. ``price`` is what it is valued at, ``buy_price`` and ``sell_price`` what a trade is
    reckoned with; ``factor`` turns price x units into money and ``rate`` that into the account's currency. ``free`` are units
    that no open order is going to sell; ``least`` is the smallest amount an order may be about. ``target`` None: leave it;
    ``band`` is its own tolerance where it has one."""

    id: int
    quantity: Decimal
    free: Decimal
    price: Decimal
    buy_price: Decimal
    sell_price: Decimal
    currency: str
    target: Decimal | None
    factor: Decimal = ONE
    rate: Decimal = ONE
    step: Decimal = ONE
    least: Decimal = ONE
    is_tradable: bool = True
    band: Decimal | None = None

    def value(self, quantity: Decimal) -> Decimal:
        """What so many units are worth, in the account's currency."""
        return quantity * self.price * self.factor * self.rate


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """One order of the basket. ``amount`` is units x the price it is reckoned with; ``fees`` come on top of a purchase and out
    of a sale."""

    id: int
    side: str
    quantity: Decimal
    price: Decimal
    amount: Decimal
    fees: Decimal
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a thing stands: its weight now, its target, and its weight after the basket; ``note`` says why nothing is done
    about a drift."""

    id: int
    value: Decimal
    weight: Decimal
    target: Decimal | None
    weight_after: Decimal
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Basket:
    """The orders, sales first, and what they lead to. ``drift`` is half the sum of all distances from the targets, cash
    included: the part of the account that is in the wrong place."""

    legs: tuple[Leg, ...]
    places: tuple[Place, ...]
    total: Decimal
    cash_weight: Decimal
    cash_target: Decimal
    cash_weight_after: Decimal
    drift: Decimal
    drift_after: Decimal
    fees: Decimal
    cash_after: Mapping[str, Decimal] = field(default_factory=dict)


#: (thing, "buy" or "sell", units, price) -> (amount, fees), rounded as they will be booked.
Pricing = Callable[[Thing, str, Decimal, Decimal], tuple[Decimal, Decimal]]


def basket_of(
    things: Iterable[Thing],
    *,
    cash: Mapping[str, Decimal],
    free_cash: Mapping[str, Decimal],
    rates: Mapping[str, Decimal],
    cash_target: Decimal,
    tolerance: Decimal,
    least: Decimal,
    pricing: Pricing,
    is_pooled: bool = False,
) -> Basket:
    """The orders that bring each thing with a target from outside its ``tolerance`` (a part of the total) to it.

    ``cash`` is what there is by currency, ``free_cash`` what of it no open order holds, ``rates`` their worth in the
    account's currency. ``least`` is the smallest order worth placing, in that currency. Each currency pays for itself,
    unless ``is_pooled``: then cash is one sum in the account's currency (someone exchanges it).
    """
    with localcontext(_EXACT):
        known = list(things)
        worth = sum((amount * rates[code] for code, amount in cash.items()), ZERO)
        total = worth + sum((thing.value(thing.quantity) for thing in known), ZERO)
        if total <= 0:
            return _nothing(known, total=total, cash_target=cash_target)
        notes: dict[int, str] = {}
        wanted = {thing.id: _gap(thing, total, tolerance, notes) for thing in known}
        sales = _sales(known, wanted, least, pricing, notes)
        purse = _purse(free_cash, sales, rates=rates, is_pooled=is_pooled)
        floor = max((cash_target - tolerance) * total, ZERO)
        kept = _kept(purse, floor, rates, is_pooled=is_pooled)
        purchases = _purchases(known, wanted, least, pricing, notes, purse=kept, is_pooled=is_pooled)
        return _told(
            known, [*sales, *purchases], notes, total=total, cash=cash, rates=rates, cash_target=cash_target
        )


def _gap(thing: Thing, total: Decimal, tolerance: Decimal, notes: dict[int, str]) -> Decimal:
    """What is missing to the target (negative: too much of it), in the account's currency; zero within the tolerance."""
    if thing.target is None:
        return ZERO
    gap = thing.target * total - thing.value(thing.quantity)
    if abs(gap) <= (tolerance if thing.band is None else thing.band) * total:
        if gap:
            notes[thing.id] = "Within the tolerance."
        return ZERO
    if not thing.is_tradable or thing.price <= 0 or thing.factor <= 0 or thing.rate <= 0:
        notes[thing.id] = "It cannot be traded at the moment."
        return ZERO
    return gap


def _sales(
    things: list[Thing],
    wanted: Mapping[int, Decimal],
    least: Decimal,
    pricing: Pricing,
    notes: dict[int, str],
) -> list[Leg]:
    found = []
    for thing in things:
        gap = wanted[thing.id]
        if gap >= 0 or thing.quantity <= 0:
            if gap < 0:
                notes[thing.id] = "It is sold short already: close it by hand."
            continue
        unit = thing.value(ONE)
        everything = thing.target == 0 and thing.free >= thing.quantity
        quantity = thing.quantity if everything else _steps(-gap / unit, thing.step)
        if quantity > thing.free:
            quantity = _steps(max(thing.free, ZERO), thing.step)
            notes[thing.id] = "Open orders are going to sell a part of it."
        leg = _leg(thing, "sell", quantity, thing.sell_price, pricing)
        if leg is None or _too_small(leg, thing, least, closes_all=everything):
            notes.setdefault(thing.id, "Too little to trade.")
            continue
        found.append(leg)
    return found


def _purse(
    free_cash: Mapping[str, Decimal], sales: list[Leg], *, rates: Mapping[str, Decimal], is_pooled: bool
) -> dict[str, Decimal]:
    """What can be spent, by currency (or, pooled, as one sum under the empty name)."""
    purse: dict[str, Decimal] = {}
    for code, amount in free_cash.items():
        name, worth = ("", amount * rates[code]) if is_pooled else (code, amount)
        purse[name] = purse.get(name, ZERO) + worth
    for leg in sales:
        net = leg.amount - leg.fees
        name, worth = ("", net * rates[leg.currency]) if is_pooled else (leg.currency, net)
        purse[name] = purse.get(name, ZERO) + worth
    return purse


def _kept(
    purse: dict[str, Decimal], floor: Decimal, rates: Mapping[str, Decimal], *, is_pooled: bool
) -> dict[str, Decimal]:
    """The purse less what cash is to keep, taken from each currency in proportion."""
    worth = {code: amount * (ONE if is_pooled else rates[code]) for code, amount in purse.items()}
    whole = sum((amount for amount in worth.values() if amount > 0), ZERO)
    spendable = max(whole - floor, ZERO)
    if whole <= 0:
        return dict.fromkeys(purse, ZERO)
    return {code: max(amount, ZERO) * spendable / whole for code, amount in purse.items()}


def _purchases(
    things: list[Thing],
    wanted: Mapping[int, Decimal],
    least: Decimal,
    pricing: Pricing,
    notes: dict[int, str],
    *,
    purse: Mapping[str, Decimal],
    is_pooled: bool,
) -> list[Leg]:
    by_purse: dict[str, list[Thing]] = {}
    for thing in things:
        if wanted[thing.id] > 0:
            by_purse.setdefault("" if is_pooled else thing.currency, []).append(thing)
    found: list[Leg] = []
    for name, members in by_purse.items():
        found += _bought(
            members, wanted, least, pricing, notes, budget=purse.get(name, ZERO), is_pooled=is_pooled
        )
    order = {thing.id: place for place, thing in enumerate(things)}
    return sorted(found, key=lambda leg: order[leg.id])


def _bought(
    things: list[Thing],
    wanted: Mapping[int, Decimal],
    least: Decimal,
    pricing: Pricing,
    notes: dict[int, str],
    *,
    budget: Decimal,
    is_pooled: bool,
) -> list[Leg]:
    """The purchases from one purse: what is wanted, cut in proportion until it is paid for."""

    def cost(leg: Leg, thing: Thing) -> Decimal:
        return (leg.amount + leg.fees) * (thing.rate if is_pooled else ONE)

    by_id = {thing.id: thing for thing in things}
    legs: list[Leg] = []
    share, before = ONE, None
    for _ in range(_ROUNDS):
        legs = []
        for thing in things:
            leg = _purchase(thing, wanted[thing.id] * share, pricing)
            if leg is None or _too_small(leg, thing, least):
                continue
            legs.append(leg)
        spent = sum((cost(leg, by_id[leg.id]) for leg in legs), ZERO)
        if before is None:
            before = {leg.id for leg in legs}
        if spent <= budget or not legs:
            break
        share = share * max(budget, ZERO) / spent
    spent = ZERO
    kept = []
    for leg in sorted(legs, key=lambda each: -cost(each, by_id[each.id])):
        if spent + cost(leg, by_id[leg.id]) <= budget:
            kept.append(leg)
            spent += cost(leg, by_id[leg.id])
    bought = {leg.id for leg in kept}
    for thing in things:
        if thing.id not in bought:
            paid_for = before is None or thing.id not in before
            notes.setdefault(
                thing.id, "Too little to trade." if paid_for else _NO_CASH.format(thing.currency)
            )
        elif share < ONE:
            notes.setdefault(thing.id, "Cut to the cash there is.")
    return kept


_NO_CASH = "There is not enough cash in {}."


def _purchase(thing: Thing, gap: Decimal, pricing: Pricing) -> Leg | None:
    """A purchase (of a short position: buying it back, at most all of it) of what is missing, reckoned at the buying price
    where that is dearer, so that the target is not passed."""
    unit = max(thing.price, thing.buy_price) * thing.factor * thing.rate
    quantity = _steps(gap / unit, thing.step)
    if thing.quantity < 0:
        quantity = min(quantity, -thing.quantity)
    return _leg(thing, "buy", quantity, thing.buy_price, pricing)


def _leg(thing: Thing, side: str, quantity: Decimal, price: Decimal, pricing: Pricing) -> Leg | None:
    if quantity <= 0:
        return None
    amount, fees = pricing(thing, side, quantity, price)
    return Leg(
        id=thing.id,
        side=side,
        quantity=quantity,
        price=price,
        amount=amount,
        fees=fees,
        currency=thing.currency,
    )


def _too_small(leg: Leg, thing: Thing, least: Decimal, *, closes_all: bool = False) -> bool:
    if leg.amount * thing.rate < least:
        return True
    return not closes_all and leg.amount < thing.least


def _steps(quantity: Decimal, step: Decimal) -> Decimal:
    if step <= 0:
        return quantity.quantize(Decimal("0.000000001"), rounding=ROUND_FLOOR)
    return (quantity / step).to_integral_value(rounding=ROUND_FLOOR) * step


def _told(
    things: list[Thing],
    legs: list[Leg],
    notes: Mapping[int, str],
    *,
    total: Decimal,
    cash: Mapping[str, Decimal],
    rates: Mapping[str, Decimal],
    cash_target: Decimal,
) -> Basket:
    after_cash = dict(cash)
    moved: dict[int, Decimal] = {}
    fees = ZERO
    for leg in legs:
        signed = leg.amount if leg.side == "sell" else -leg.amount
        after_cash[leg.currency] = after_cash.get(leg.currency, ZERO) + signed - leg.fees
        moved[leg.id] = leg.quantity if leg.side == "buy" else -leg.quantity
        fees += leg.fees * rates[leg.currency]
    worth = sum((amount * rates[code] for code, amount in cash.items()), ZERO)
    worth_after = sum((amount * rates[code] for code, amount in after_cash.items()), ZERO)
    values = {thing.id: thing.value(thing.quantity + moved.get(thing.id, ZERO)) for thing in things}
    total_after = worth_after + sum(values.values(), ZERO)
    places = tuple(
        Place(
            id=thing.id,
            value=thing.value(thing.quantity),
            weight=thing.value(thing.quantity) / total,
            target=thing.target,
            weight_after=values[thing.id] / total_after if total_after > 0 else ZERO,
            note=notes.get(thing.id, ""),
        )
        for thing in things
    )
    cash_after = worth_after / total_after if total_after > 0 else ZERO
    return Basket(
        legs=tuple(legs),
        places=places,
        total=total,
        cash_weight=worth / total,
        cash_target=cash_target,
        cash_weight_after=cash_after,
        drift=_drift([(place.weight, place.target) for place in places], worth / total, cash_target),
        drift_after=_drift([(place.weight_after, place.target) for place in places], cash_after, cash_target),
        fees=fees,
        cash_after=after_cash,
    )


def _drift(weights: list[tuple[Decimal, Decimal | None]], cash: Decimal, cash_target: Decimal) -> Decimal:
    apart = sum((abs(weight - target) for weight, target in weights if target is not None), ZERO)
    return (apart + abs(cash - cash_target)) / 2


def _nothing(things: list[Thing], *, total: Decimal, cash_target: Decimal) -> Basket:
    """An account that is worth nothing has no weights."""
    places = tuple(
        Place(id=thing.id, value=ZERO, weight=ZERO, target=thing.target, weight_after=ZERO)
        for thing in things
    )
    return Basket(
        legs=(),
        places=places,
        total=total,
        cash_weight=ZERO,
        cash_target=cash_target,
        cash_weight_after=ZERO,
        drift=ZERO,
        drift_after=ZERO,
        fees=ZERO,
    )
