"""What a portfolio pays, has paid, and may pay."""

from __future__ import annotations

from holdings.domain.definitions.base import Definition

INCOME: dict[str, Definition] = {
    "income": Definition(
        "Income",
        "Dividends, interest and staking rewards before taxes, less interest charged.",
        "dividends + interest",
    ),
    "interest_alone": Definition(
        "Interest without staking",
        "Interest before taxes, less interest charged; staking rewards are counted apart.",
        "Σ amount × rate",
    ),
    "staking": Definition(
        "Staking rewards", "Staking rewards before taxes, at the value of the day.", "Σ amount × rate"
    ),
    "income_taxes": Definition(
        "Taxes with income",
        "Taxes booked with a payment; taxes booked on their own stand in the statement.",
        "Σ taxes × rate",
    ),
    "income_net": Definition("Net income", "Income less the taxes booked with it.", "income − taxes with it"),
    "income_last_year": Definition(
        "Dividends of the last year",
        "Dividends of the 365 days up to today, before taxes.",
        "Σ amount × rate of the last 365 days",
    ),
    "expected_income": Definition(
        "Expected dividends",
        "An estimate: each dividend of the last year once more a year later, a unit, for what is held now at today's rate.",
        "Σ dividend a unit × quantity held now × rate",
    ),
    "yield_on_cost": Definition(
        "Yield on cost",
        "Dividends of the last year for each unit of cost of what is held and pays.",
        "dividends of the last year / cost basis",
    ),
    "current_yield": Definition(
        "Current yield",
        "Dividends expected within a year for each unit of value of what is held and pays.",
        "expected dividends / market value",
    ),
}
