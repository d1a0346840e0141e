"""What a basket holds to, whatever the account and its targets: no borrowing, whole steps, nothing within the tolerance."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from trading.engine.rebalancing import Basket, Thing, basket_of

ZERO, ONE, CENT = Decimal(0), Decimal(1), Decimal("0.01")


def cents(value: Decimal) -> Decimal:
    return value.quantize(CENT, rounding=ROUND_HALF_EVEN)


def flat_and_proportional(flat: Decimal, part: Decimal):
    """A tariff with a minimum."""

    def price(thing: Thing, side: str, quantity: Decimal, at: Decimal) -> tuple[Decimal, Decimal]:
        amount = cents(quantity * at * thing.factor)
        fees = max(cents(amount * part), flat)
        return amount, min(fees, amount) if side == "sell" else fees

    return price


@st.composite
def accounts(draw):
    """An account in two currencies and targets that are 1 together."""
    count = draw(st.integers(1, 6))
    things = []
    shares = [draw(st.integers(0, 100)) for _ in range(count + 1)]
    if not sum(shares):
        shares[-1] = 1
    whole = sum(shares)
    targets = [(Decimal(share) / whole).quantize(Decimal("0.000001")) for share in shares]
    targets[-1] = ONE - sum(targets[:-1], ZERO)
    for number in range(count):
        price = Decimal(draw(st.integers(1, 500_000))) / 100
        spread = Decimal(draw(st.integers(0, 300))) / 10_000
        step = Decimal(draw(st.sampled_from(["1", "0.001", "0.000000001", "10"])))
        units = Decimal(draw(st.integers(0, 400))) * (step if step >= 1 else Decimal("0.125"))
        held = Decimal(draw(st.integers(0, 100))) / 100
        things.append(
            Thing(
                id=number,
                quantity=units,
                free=units * held if draw(st.booleans()) else units,
                price=price,
                buy_price=cents(price * (1 + spread)) or CENT,
                sell_price=cents(price * (1 - spread)) or CENT,
                currency=draw(st.sampled_from(["USD", "USD", "EUR"])),
                target=targets[number] if draw(st.integers(0, 9)) else None,
                rate=ONE,
                step=step,
                factor=Decimal(draw(st.sampled_from(["1", "1", "0.01"]))),
                is_tradable=bool(draw(st.integers(0, 9))),
            )
        )
    cash = {code: Decimal(draw(st.integers(-50_000, 5_000_000))) / 100 for code in ("USD", "EUR")}
    rates = {"USD": ONE, "EUR": Decimal(draw(st.sampled_from(["1", "1.1", "0.9"])))}
    things = [Thing(**{**_fields(thing), "rate": rates[thing.currency]}) for thing in things]
    held_back = Decimal(draw(st.integers(0, 10))) / 10
    return {
        "things": things,
        "cash": cash,
        "free_cash": {code: amount * held_back if amount > 0 else amount for code, amount in cash.items()},
        "rates": rates,
        "cash_target": targets[-1],
        "tolerance": Decimal(draw(st.sampled_from(["0", "0.005", "0.02", "0.1"]))),
        "least": Decimal(draw(st.sampled_from(["0", "10", "250"]))),
    }


def _fields(thing: Thing) -> dict:
    return {name: getattr(thing, name) for name in thing.__dataclass_fields__}


TARIFFS = st.sampled_from(
    [(ZERO, ZERO), (ONE, ZERO), (ZERO, Decimal("0.0025")), (Decimal("4.95"), Decimal("0.001"))]
)


def plan(account, tariff, **more) -> Basket:
    return basket_of(**account, pricing=flat_and_proportional(*tariff), **more)


class TestWhateverTheAccount:
    @settings(max_examples=400, deadline=None)
    @given(accounts(), TARIFFS)
    def test_each_currency_pays_for_itself_and_nothing_is_borrowed(self, account, tariff):
        basket = plan(account, tariff)
        for code, free in account["free_cash"].items():
            legs = [leg for leg in basket.legs if leg.currency == code]
            spent = sum((leg.amount + leg.fees for leg in legs if leg.side == "buy"), ZERO)
            brought = sum((leg.amount - leg.fees for leg in legs if leg.side == "sell"), ZERO)
            assert spent == 0 or spent <= max(free + brought, ZERO)
            if account["cash"][code] >= 0:
                assert basket.cash_after.get(code, account["cash"][code]) >= 0

    @settings(max_examples=400, deadline=None)
    @given(accounts(), TARIFFS)
    def test_quantities_are_steps_and_never_more_than_is_free(self, account, tariff):
        things = {thing.id: thing for thing in account["things"]}
        for leg in plan(account, tariff).legs:
            thing = things[leg.id]
            assert leg.quantity > 0
            closes_all = leg.side == "sell" and leg.quantity == thing.quantity
            assert closes_all or leg.quantity % thing.step == 0
            if leg.side == "sell":
                assert leg.quantity <= thing.free

    @settings(max_examples=400, deadline=None)
    @given(accounts(), TARIFFS)
    def test_sales_come_first_and_each_thing_trades_once(self, account, tariff):
        sides = [leg.side for leg in plan(account, tariff).legs]
        assert sides == sorted(sides, key=lambda side: side != "sell")
        ids = [leg.id for leg in plan(account, tariff).legs]
        assert len(ids) == len(set(ids))

    @settings(max_examples=400, deadline=None)
    @given(accounts(), TARIFFS)
    def test_leaves_alone_what_is_within_the_tolerance_untargeted_or_untradable(self, account, tariff):
        basket = plan(account, tariff)
        places = {place.id: place for place in basket.places}
        things = {thing.id: thing for thing in account["things"]}
        for leg in basket.legs:
            place = places[leg.id]
            assert things[leg.id].is_tradable
            assert place.target is not None
            assert abs(place.weight - place.target) > account["tolerance"] * Decimal("0.999999999")

    @settings(max_examples=400, deadline=None)
    @given(accounts(), TARIFFS)
    def test_goes_towards_the_target_and_never_past_it(self, account, tariff):
        basket = plan(account, tariff)
        things = {thing.id: thing for thing in account["things"]}
        for leg in basket.legs:
            thing = things[leg.id]
            signed = leg.quantity if leg.side == "buy" else -leg.quantity
            after = thing.value(thing.quantity + signed)
            wanted = thing.target * basket.total
            slack = Decimal("0.0000001")
            assert after <= wanted + slack if leg.side == "buy" else after >= wanted - slack

    @settings(max_examples=400, deadline=None)
    @given(accounts(), TARIFFS)
    def test_no_order_is_worth_less_than_the_least(self, account, tariff):
        rates = account["rates"]
        for leg in plan(account, tariff).legs:
            assert leg.amount * rates[leg.currency] >= account["least"]

    @settings(max_examples=300, deadline=None)
    @given(accounts())
    def test_drift_does_not_grow_where_trading_is_free(self, account):
        things = [
            Thing(**{**_fields(thing), "buy_price": thing.price, "sell_price": thing.price})
            for thing in account["things"]
        ]
        basket = plan({**account, "things": things}, (ZERO, ZERO))
        assert basket.drift_after <= basket.drift + Decimal("0.00001") * (1 + len(things)) + (
            Decimal(len(things)) * CENT / basket.total if basket.total > 0 else ZERO
        )

    @settings(max_examples=200, deadline=None)
    @given(accounts(), TARIFFS)
    def test_pooled_cash_pays_for_all_of_it(self, account, tariff):
        basket = plan(account, tariff, is_pooled=True)
        rates = account["rates"]
        free = sum((amount * rates[code] for code, amount in account["free_cash"].items()), ZERO)
        spent = sum(
            ((leg.amount + leg.fees) * rates[leg.currency] for leg in basket.legs if leg.side == "buy"), ZERO
        )
        brought = sum(
            ((leg.amount - leg.fees) * rates[leg.currency] for leg in basket.legs if leg.side == "sell"), ZERO
        )
        assert spent == 0 or spent <= max(free + brought, ZERO)


class TestByHand:
    def things(self, **changes):
        usual = {"free": Decimal(50), "currency": "USD", "step": ONE}
        return [
            Thing(id=1, quantity=Decimal(50), price=Decimal(100), buy_price=Decimal(100), sell_price=Decimal(100),
                  target=Decimal("0.3"), **usual),
            Thing(id=2, quantity=Decimal(0), price=Decimal(40), buy_price=Decimal(40), sell_price=Decimal(40),
                  target=Decimal("0.6"), **{**usual, "free": ZERO}),
        ]  # fmt: skip

    def test_sells_the_one_and_buys_the_other(self):
        basket = basket_of(
            self.things(), cash={"USD": Decimal(5000)}, free_cash={"USD": Decimal(5000)}, rates={"USD": ONE},
            cash_target=Decimal("0.1"), tolerance=Decimal("0.01"), least=Decimal(10),
            pricing=flat_and_proportional(ZERO, ZERO),
        )  # fmt: skip
        assert [(leg.id, leg.side, leg.quantity) for leg in basket.legs] == [(1, "sell", 20), (2, "buy", 150)]
        assert (basket.drift, basket.drift_after) == (Decimal("0.6"), 0)
        assert basket.cash_after == {"USD": Decimal(1000)}

    def test_keeps_what_fees_cost_out_of_the_purchases(self):
        things = self.things()
        basket = basket_of(
            things, cash={"USD": ZERO}, free_cash={"USD": ZERO}, rates={"USD": ONE},
            cash_target=ZERO, tolerance=ZERO, least=ZERO, pricing=flat_and_proportional(Decimal(5), ZERO),
        )  # fmt: skip
        spent = sum(leg.amount + leg.fees for leg in basket.legs if leg.side == "buy")
        brought = sum(leg.amount - leg.fees for leg in basket.legs if leg.side == "sell")
        assert spent <= brought
        assert basket.fees == 10

    def test_account_worth_nothing_has_no_orders(self):
        basket = basket_of(
            [], cash={}, free_cash={}, rates={}, cash_target=ONE, tolerance=ZERO, least=ZERO,
            pricing=flat_and_proportional(ZERO, ZERO),
        )  # fmt: skip
        assert basket.legs == ()
