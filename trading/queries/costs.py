"""What a trade costs, rounded as it will be booked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal, localcontext
from typing import Any

from django.db.models import Sum

from portfolio_site.kernel.money import round_money
from trading.engine.fee_rates import CRYPTO_TIERS, crypto_tier
from trading.engine.fees import Charge, FeeModel, Trade
from trading.engine.terms import Tradable
from trading.engine.types import Liquidity, Side
from trading.models import Fill

ZERO = Decimal(0)
#: Wide enough for a price times a quantity without losing a digit.
_EXACT = Context(prec=60, rounding=ROUND_HALF_EVEN)
FEE_WINDOW = timedelta(days=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """``amount`` is quantity x price; ``fees`` are paid in money on top of a purchase or out of a sale;
    ``coins`` are taken of what was bought, worth ``coins_worth``; ``charges`` tell the fees apart."""

    amount: Decimal
    fees: Decimal
    coins: Decimal = ZERO
    coins_worth: Decimal = ZERO
    charges: tuple[Charge, ...] = ()

    @property
    def total(self) -> Decimal:
        """What a purchase takes out of the account."""
        return self.amount + self.fees

    @property
    def details(self) -> list[dict[str, Any]]:
        """The fees as they are kept with a fill."""
        return [
            {
                "kind": charge.kind,
                "amount": format(charge.amount, "f"),
                **({"units": format(charge.units, "f")} if charge.units else {}),
                **({"note": charge.note} if charge.note else {}),
            }
            for charge in self.charges
        ]


def cost_of(
    *,
    side: Side,
    quantity: Decimal,
    price: Decimal,
    thing: Tradable,
    fees: FeeModel,
    on: date,
    liquidity: Liquidity = Liquidity.TAKER,
    volume: Decimal = ZERO,
) -> Cost:
    """The cost of trading ``quantity`` units at ``price``, rounded as it would be booked.

    The fees of a sale are never more than what the sale brings, so that a sale cannot cost cash.
    """
    with localcontext(_EXACT):
        notional = quantity * price * thing.value_factor
        charges = fees.charges(
            Trade(
                side=side,
                quantity=quantity,
                notional=notional,
                kind=thing.kind,
                currency=thing.currency,
                liquidity=liquidity,
                volume=volume,
                on=on,
            )
        )
    amount = round_money(notional, thing.currency)
    rounded = tuple(_rounded(charge, thing.currency) for charge in charges)
    money = round_money(sum((charge.amount for charge in rounded if not charge.units), ZERO), thing.currency)
    if side is Side.SELL and money > amount:
        rounded, money = _within(rounded, amount), amount
    return Cost(
        amount=amount,
        fees=money,
        coins=sum((charge.units for charge in rounded), ZERO),
        coins_worth=min(sum((charge.amount for charge in rounded if charge.units), ZERO), amount),
        charges=rounded,
    )


def _rounded(charge: Charge, currency: str) -> Charge:
    return Charge(
        kind=charge.kind,
        amount=round_money(charge.amount, currency),
        units=charge.units,
        note=charge.note,
    )


def _within(charges: tuple[Charge, ...], most: Decimal) -> tuple[Charge, ...]:
    """The charges cut, from the first on, to what there is."""
    cut = []
    for charge in charges:
        part = min(charge.amount, most)
        most -= part
        cut.append(Charge(kind=charge.kind, amount=part, units=charge.units, note=charge.note))
    return tuple(cut)


def traded_volume(portfolio_id: int, *, now: datetime) -> Decimal:
    """What the account traded in crypto in the last 30 days, in money: it decides the fee tier. One statement."""
    total: Decimal | None = Fill.objects.filter(
        portfolio_id=portfolio_id,
        instrument__asset_class="crypto",
        executed_at__gt=now - FEE_WINDOW,
    ).aggregate(total=Sum("amount"))["total"]
    return total or ZERO


def crypto_level(portfolio_id: int, *, now: datetime) -> int:
    """The fee tier that volume puts an account in, the first being 1. One statement."""
    return CRYPTO_TIERS.index(crypto_tier(traded_volume(portfolio_id, now=now))) + 1
