"""Sums of the books: totals, and the lines of a statement."""

from __future__ import annotations

from holdings.domain.definitions.base import Definition

BOOKS: dict[str, Definition] = {
    "market_value": Definition(
        "Market value",
        "What the securities held are worth at the last price on or before the day.",
        "Σ quantity × price × multiplier × rate",
    ),
    "cash": Definition("Cash", "All cash balances at the exchange rates of the day.", "Σ balance × rate"),
    "assets": Definition(
        "Securities and cash",
        "What the securities and the cash are worth at the last prices and rates.",
        "market value + cash",
    ),
    "liabilities": Definition(
        "Liabilities", "Debts recorded; they lower net worth and are no performance.", "Σ debt × rate"
    ),
    "net_worth": Definition(
        "Net worth", "Securities and cash less debts.", "market value + cash − liabilities"
    ),
    "cost_basis": Definition(
        "Cost basis",
        "What the securities held were bought for, including fees and never taxes, in base currency at the rate of the "
        "purchase day.",
        "Σ (purchase + fees) of the lots held",
    ),
    "average_cost": Definition(
        "Average cost", "Cost basis per unit held, 0 when closed.", "cost basis / quantity"
    ),
    "proceeds": Definition("Proceeds", "What a sale brought in, net of its fees.", "gross amount − fees"),
    "realised_gain": Definition(
        "Realised gain",
        "Proceeds of what was sold less the cost of the lots that were closed, net of trade fees.",
        "Σ (proceeds − cost)",
    ),
    "unrealised_gain": Definition(
        "Unrealised gain",
        "Market value of what is held less its cost basis, net of trade fees.",
        "market value − cost basis",
    ),
    "dividends": Definition(
        "Dividends",
        "Dividends and distributions before taxes, in cash or in kind at the value of the day.",
        "Σ amount × rate",
    ),
    "interest": Definition(
        "Interest", "Interest and staking rewards before taxes, less interest charged.", "Σ amount × rate"
    ),
    "fees": Definition("Fees", "Every fee, of trades and of its own, less refunds.", "Σ fees × rate"),
    "taxes": Definition("Taxes", "Every tax, withheld or paid, less refunds.", "Σ taxes × rate"),
    "currency_gain": Definition(
        "Currency gain",
        "What exchange rates did to cash balances; the exchange-rate part of a security's gain stays in that gain.",
        "closing cash − opening cash − Σ cash movement × its day's rate",
    ),
    "net_contributions": Definition(
        "Net contributions",
        "Money and securities put in less those taken out, each at its own day's value, with contributions made for missing "
        "cash.",
        "deposits + deliveries in − withdrawals − deliveries out + missing cash",
    ),
    "total_gain": Definition(
        "Total gain",
        "Everything the portfolio earned since its first transaction: with income, after fees and taxes.",
        "net worth + liabilities − net contributions",
    ),
    "opening_value": Definition(
        "Opening value",
        "Securities and cash at the end of the day the period starts from.",
        "Σ value × rate on `from`",
    ),
    "closing_value": Definition(
        "Closing value",
        "Securities and cash at the end of the period; the lines above add up to it.",
        "Σ value × rate on `to`",
    ),
    "contributions": Definition(
        "Contributions",
        "Deposits, deliveries in at their day's value with their fees and taxes, and contributions for missing cash.",
        "Σ inflow × its day's rate",
    ),
    "withdrawals": Definition(
        "Withdrawals",
        "Withdrawals, and deliveries out at their day's value less their fees and taxes; positive, subtracted.",
        "Σ outflow × its day's rate",
    ),
    "statement_realised_gain": Definition(
        "Realised gain of the period",
        "Gain of what was sold in the period, before fees and taxes, measured from its value at the start or its purchase since.",
        "Σ (gross proceeds − value at `from`, or gross cost if bought since)",
    ),
    "statement_unrealised_gain": Definition(
        "Unrealised gain of the period",
        "Gain of what is still held, before fees, measured from its value at the start or its purchase since.",
        "securities' gain of the period − realised gain of the period",
    ),
}
