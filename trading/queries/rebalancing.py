"""The plan that brings a portfolio to its targets: what there is, what it should be, and the basket of orders between."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import ROUND_CEILING, ROUND_HALF_EVEN, Context, Decimal
from typing import Any

from django.db.models import Sum

from holdings import queries as books
from holdings.queries.insights.allocation import label_of
from holdings.queries.targets import CASH, instrument_ids, targets_of
from marketdata.models import Instrument
from marketdata.queries import FxRateMissing, fx_rate, latest_quotes
from portfolio_site.kernel.money import round_money
from trading.engine.matching import touch
from trading.engine.rebalancing import Basket, Leg, Place, Thing, basket_of
from trading.engine.rules import price_grid
from trading.engine.types import Side
from trading.models import Order, TradingAccount
from trading.queries.accounts import current_prices, fee_model_of
from trading.queries.buying_power import buying_power
from trading.queries.costs import cost_of, traded_volume
from trading.queries.market import Market, markets_of

ZERO, ONE = Decimal(0), Decimal(1)
_EXACT = Context(prec=60, rounding=ROUND_HALF_EVEN)
_SIX = Decimal("0.000001")
#: A purchase pays at most so much above the best ask of the review.
REACH = Decimal("0.005")
_UNKNOWN = "Not known"
DIMENSIONS = {"instrument": "Holding", "asset_class": "Asset class"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Something that can have a target: a thing, a class, or cash. ``weight`` is what it is now."""

    key: str
    label: str
    name: str
    value: Decimal
    weight: Decimal
    target: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRow:
    """A thing in the plan: where it stands, and the order for it if there is one."""

    instrument: Instrument
    place: Place
    leg: Leg | None
    quantity: Decimal
    is_simulated: bool
    market_is_open: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RebalancePlan:
    """Everything a review shows. ``problem`` says why there is no basket yet; ``parts`` are what targets are set for.
    ``is_advice``: nothing is placed, the portfolio is tracked; its trades are without fees."""

    currency: str
    dimension: str
    parts: tuple[Part, ...]
    targeted: Decimal
    problem: str
    rows: tuple[PlanRow, ...] = ()
    basket: Basket | None = None
    is_advice: bool = False

    @property
    def orders(self) -> list[PlanRow]:
        """Rows with an order, sales first."""
        with_one = [row for row in self.rows if row.leg is not None]
        return sorted(with_one, key=lambda row: row.leg is not None and row.leg.side != "sell")

    @property
    def has_closed_markets(self) -> bool:
        """Whether some orders would wait for a session."""
        return any(not row.market_is_open for row in self.orders)


def rebalance_plan(
    portfolio: Any, *, dimension: str, tolerance: Decimal, least: Decimal, now: datetime
) -> RebalancePlan:
    """The plan for a portfolio's saved targets by holding or by asset class. About a dozen statements, however much is held.

    ``tolerance`` is a part of 1, ``least`` the smallest order worth placing, in the portfolio's currency. The caller has
    made sure that the person may see the portfolio.
    """
    currency, portfolio_id = portfolio.base_currency, portfolio.pk
    targets = targets_of(portfolio_id, dimension)
    held = books.position_quantities(portfolio_id)
    instruments = Instrument.objects.in_bulk(list(held))
    if dimension == "instrument":
        # What is wanted and not held is looked up as its owner sees it: somebody else's private things are not there.
        missing = [pk for pk in instrument_ids(targets) if pk not in instruments]
        instruments |= Instrument.objects.visible_to(portfolio.owner).in_bulk(missing)
    cash = {code: amount for code, amount in books.cash_balances(portfolio_id).items() if amount}
    prices = current_prices(instruments, now=now)
    rates, problem = _rates(
        {currency, *cash, *(thing.currency for thing in instruments.values())}, currency, now=now
    )
    unpriced = [instruments[pk].symbol for pk in held if pk not in prices]
    if not problem and unpriced:
        problem = f"There is no price for {', '.join(sorted(unpriced)[:5])}: without it there are no weights."
    markets = markets_of(instruments, latest_quotes(instruments, now=now), now=now)
    things = [
        _thing(
            portfolio, markets[pk], held.get(pk, ZERO), prices.get(pk, ZERO), rates.get(thing.currency, ONE)
        )
        for pk, thing in sorted(instruments.items(), key=lambda item: (item[1].symbol, item[0]))
    ]
    things = _free(portfolio, things)
    parts, total = _parts(things, instruments, cash, rates, targets, dimension)
    targeted = sum(targets.values(), ZERO)
    problem = problem or _problem(parts, targets, targeted, total)
    plan = RebalancePlan(
        currency=currency,
        dimension=dimension,
        parts=parts,
        targeted=targeted,
        problem=problem,
        is_advice=not portfolio.is_paper,
    )
    if problem:
        return plan
    basket = basket_of(
        _targeted(things, instruments, parts, dimension, tolerance=tolerance, total=total),
        cash=cash,
        free_cash=_free_cash(portfolio, cash),
        rates=rates,
        cash_target=targets.get(CASH, ZERO),
        tolerance=tolerance,
        least=least,
        pricing=_pricing(portfolio, markets, now=now),
        is_pooled=not portfolio.is_paper,
    )
    legs = {leg.id: leg for leg in basket.legs}
    rows = tuple(
        PlanRow(
            instrument=instruments[place.id],
            place=place,
            leg=legs.get(place.id),
            quantity=held.get(place.id, ZERO),
            is_simulated=_simulated(markets[place.id]),
            market_is_open=markets[place.id].is_open,
        )
        for place in basket.places
    )
    return replace(plan, rows=rows, basket=basket)


def even_targets(plan: RebalancePlan) -> dict[str, Decimal]:
    """The weights of now, to six decimals and together exactly 1: what the form begins with where there are no targets."""
    found = {part.key: max(part.weight, ZERO).quantize(Decimal("0.001")) for part in plan.parts}
    rest = ONE - sum((weight for key, weight in found.items() if key != CASH), ZERO)
    found[CASH] = max(rest, ZERO)
    return found


def _simulated(market: Market) -> bool:
    return market.quote is not None and market.quote.is_simulated


def _rates(codes: set[str], base: str, *, now: datetime) -> tuple[dict[str, Decimal], str]:
    found = {}
    for code in codes:
        try:
            found[code] = ONE if code == base else fx_rate(base=code, quote=base, on=now.date())
        except FxRateMissing:
            return found, f"There is no exchange rate from {code} to {base}: without it there are no weights."
    return found, ""


def _thing(portfolio: Any, market: Market, quantity: Decimal, price: Decimal, rate: Decimal) -> Thing:
    buy, sell, tradable = price, price, price > 0
    if portfolio.is_paper:
        tick = market.tick()
        ask = None if tick is None else touch(tick, Side.BUY)
        bid = None if tick is None else touch(tick, Side.SELL)
        tradable = bool(
            tick is not None and ask and bid and market.thing.is_active and market.thing.is_tradable
            and market.thing.status == "normal" and not (market.is_open and tick.is_stale)
        )  # fmt: skip
        if ask and bid:
            buy = _reach(ask[0], market)
            sell = bid[0]
    return Thing(
        id=market.instrument.pk,
        quantity=quantity,
        free=max(quantity, ZERO),
        price=price,
        buy_price=buy,
        sell_price=sell,
        currency=market.thing.currency,
        target=None,
        factor=market.thing.value_factor,
        rate=rate,
        step=market.thing.quantity_step,
        least=market.thing.minimum if portfolio.is_paper else ZERO,
        is_tradable=tradable,
    )


def _reach(ask: Decimal, market: Market) -> Decimal:
    """The limit of a purchase: a little above the ask, on the price grid."""
    thing = market.thing
    highest = _EXACT.multiply(ask, ONE + REACH)
    grid = price_grid(highest, asset_class=thing.asset_class, price_increment=thing.price_increment)
    return _EXACT.multiply(_EXACT.divide(highest, grid).to_integral_value(rounding=ROUND_CEILING), grid)


def _free(portfolio: Any, things: list[Thing]) -> list[Thing]:
    """Units that open orders are going to sell are not free."""
    if not portfolio.is_paper:
        return things
    held_back = dict(
        Order.objects.open()
        .filter(portfolio_id=portfolio.pk)
        .values_list("instrument_id")
        .annotate(Sum("reserved_quantity"))
    )
    return [
        replace(thing, free=max(thing.free - (held_back.get(thing.id) or ZERO), ZERO)) for thing in things
    ]


def _free_cash(portfolio: Any, cash: Mapping[str, Decimal]) -> dict[str, Decimal]:
    if not portfolio.is_paper:
        return dict(cash)
    return {row.currency: row.available for row in buying_power(portfolio.pk) if row.currency in cash}


def _parts(
    things: list[Thing],
    instruments: Mapping[int, Instrument],
    cash: Mapping[str, Decimal],
    rates: Mapping[str, Decimal],
    targets: Mapping[str, Decimal],
    dimension: str,
) -> tuple[tuple[Part, ...], Decimal]:
    """What can have a target, the largest first and cash last; and what everything is worth."""
    values: dict[str, Decimal] = {}
    labels: dict[str, tuple[str, str]] = {}
    for thing in things:
        instrument = instruments[thing.id]
        key = str(thing.id) if dimension == "instrument" else instrument.asset_class
        labels[key] = (
            (instrument.symbol, instrument.name)
            if dimension == "instrument"
            else (label_of(dimension, key), "")
        )
        values[key] = values.get(key, ZERO) + thing.value(thing.quantity)
    for key in targets.keys() - values.keys() - {CASH}:
        label = _UNKNOWN if dimension == "instrument" else label_of(dimension, key)
        labels[key], values[key] = (label, ""), ZERO
    worth = sum((_EXACT.multiply(amount, rates.get(code, ONE)) for code, amount in cash.items()), ZERO)
    total = worth + sum(values.values(), ZERO)

    def weight(value: Decimal) -> Decimal:
        return _EXACT.divide(value, total) if total > 0 else ZERO

    found = [
        Part(
            key=key,
            label=labels[key][0],
            name=labels[key][1],
            value=value,
            weight=weight(value),
            target=targets.get(key),
        )
        for key, value in sorted(values.items(), key=lambda item: (-item[1], labels[item[0]][0]))
    ]
    found.append(
        Part(key=CASH, label="Cash", name="", value=worth, weight=weight(worth), target=targets.get(CASH))
    )
    return tuple(found), total


def _problem(
    parts: tuple[Part, ...], targets: Mapping[str, Decimal], targeted: Decimal, total: Decimal
) -> str:
    if total <= 0:
        return "There is nothing to divide: the portfolio is worth nothing."
    if not targets:
        return "There are no targets yet."
    unknown = [part.key for part in parts if part.label == _UNKNOWN]
    if unknown:
        return "A target is for something that cannot be found any more. Save the targets again."
    missing = [part.label for part in parts if part.target is None and part.key != CASH]
    if missing:
        return f"{', '.join(missing[:5])}: no target yet. Say what part it should be; 0 sells all of it."
    if targeted != ONE:
        return f"The targets are {targeted * 100:.2f} % together, cash included. They have to be 100 %."
    return ""


def _targeted(
    things: list[Thing],
    instruments: Mapping[int, Instrument],
    parts: tuple[Part, ...],
    dimension: str,
    *,
    tolerance: Decimal,
    total: Decimal,
) -> list[Thing]:
    """Each thing with its own target. That of a class is spread over what is held of it in proportion, so that the mix
    within the class stays; a class within the tolerance is left alone."""
    by_key = {part.key: part for part in parts}
    if dimension == "instrument":
        return [replace(thing, target=by_key[str(thing.id)].target) for thing in things]
    found = []
    for thing in things:
        part = by_key[instruments[thing.id].asset_class]
        value = thing.value(thing.quantity)
        if part.target is None or part.value <= 0 or value <= 0:
            found.append(thing)
            continue
        if abs(part.weight - part.target) <= tolerance:
            found.append(thing)
            continue
        target = _EXACT.divide(_EXACT.multiply(part.target, value), part.value)
        found.append(replace(thing, target=target, band=ZERO))
    return found


def _pricing(portfolio: Any, markets: Mapping[int, Market], *, now: datetime) -> Any:
    """What a trade costs: with the account's fees; in a tracked portfolio without any."""
    account = TradingAccount.objects.filter(portfolio_id=portfolio.pk).first()
    fees = fee_model_of(account)
    has_coins = any(market.thing.kind == "crypto" for market in markets.values())
    volume = traded_volume(portfolio.pk, now=now) if account is not None and has_coins else ZERO

    def price(thing: Thing, side: str, quantity: Decimal, at: Decimal) -> tuple[Decimal, Decimal]:
        if not portfolio.is_paper:
            worth = _EXACT.multiply(_EXACT.multiply(quantity, at), thing.factor)
            return round_money(worth, thing.currency), ZERO
        cost = cost_of(
            side=Side(side),
            quantity=quantity,
            price=at,
            thing=markets[thing.id].thing,
            fees=fees,
            on=now.date(),
            volume=volume,
        )
        # A fee that is taken in coins is reckoned at its worth.
        return cost.amount, cost.fees + cost.coins_worth

    return price
