"""Paper accounts: a portfolio whose journal trading writes, opened with play money."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from holdings.operations import create_portfolio
from portfolio_site.kernel.errors import DomainError
from portfolio_site.kernel.money import is_currency, round_money
from trading.engine.wording import plain

MAX_STARTING_CASH = Decimal(1_000_000_000)


class PaperAccountRefusedError(DomainError):
    """A paper account cannot be opened as it was asked for; ``field`` says why."""

    code = "paper_account_refused"


def open_paper_account(*, owner: Any, name: str, cash: Decimal, currency: str, now: datetime) -> int:
    """Open a paper trading portfolio with ``cash`` of play money in ``currency``; returns the portfolio's id.

    Raises ``PaperAccountRefusedError`` for an amount or currency that cannot be, and what the books refuse.
    """
    if not is_currency(currency):
        raise PaperAccountRefusedError("That is not a currency the books know.", field="currency")
    if not cash.is_finite() or not 0 < cash <= MAX_STARTING_CASH or round_money(cash, currency) != cash:
        raise PaperAccountRefusedError(
            f"The starting cash is more than zero and at most {plain(MAX_STARTING_CASH)} {currency}, "
            "without fractions of a cent.",
            field="cash",
        )
    portfolio = create_portfolio(
        owner=owner, name=name, base_currency=currency, kind="paper", starting_cash=cash, now=now
    )
    return int(portfolio.pk)
