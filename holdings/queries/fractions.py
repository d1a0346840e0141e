"""What a split leaves of fractions, and what they were worth."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal

from holdings.domain.numbers import scaled
from holdings.queries.journal import ratio_of
from holdings.queries.proposals import ProposalView
from marketdata.queries import close_on
from portfolio_site.kernel.money import round_money


@dataclass(frozen=True, slots=True, kw_only=True)
class FractionOfSplit:
    """Units after a split, the part of them that is no whole unit, and what that part was worth at the close of the
    ex-date (None without one)."""

    after: Decimal
    fraction: Decimal
    worth: Decimal | None


def fraction_of_split(proposal: ProposalView) -> FractionOfSplit | None:
    """Return it for a split that is proposed; None for anything else."""
    ratio = ratio_of(proposal.ratio)
    if ratio is None:
        return None
    after = scaled(proposal.quantity, ratio)
    fraction = abs(after) - abs(after).to_integral_value(rounding=ROUND_FLOOR)
    close = close_on(proposal.instrument_id, proposal.ex_date)
    known = close is not None and close.date == proposal.ex_date
    worth = round_money(fraction * close.price, proposal.currency) if known and close else None
    return FractionOfSplit(after=after, fraction=fraction, worth=worth)
