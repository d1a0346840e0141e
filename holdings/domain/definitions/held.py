"""What is held now: positions, cash, parts of a portfolio, and several portfolios together."""

from __future__ import annotations

from holdings.domain.definitions.base import Definition

HELD: dict[str, Definition] = {
    "quantity": Definition(
        "Quantity",
        "Units held: all that came in less all that went out, splits multiplied in; negative when short.",
        "Σ change of each entry",
    ),
    "weight": Definition(
        "Weight",
        "A position's part of the value of securities and cash.",
        "market value / (securities + cash)",
    ),
    "day_change": Definition(
        "Today",
        "What the prices' moves since the previous close did to what is held now.",
        "Σ quantity × (price − previous close) × multiplier × rate",
    ),
    "day_change_fraction": Definition(
        "Today in percent",
        "The change of the day for each unit of the value before it.",
        "change today / (value − change today)",
    ),
    "price_change": Definition(
        "Price today", "The last price against the previous close.", "price / previous close − 1"
    ),
    "unrealised_fraction": Definition(
        "Unrealised gain in percent",
        "Unrealised gain for each unit of cost basis.",
        "unrealised gain / size of the cost basis",
    ),
    "total_gain_fraction": Definition(
        "Total gain in percent",
        "Total gain for each unit of net contributions.",
        "total gain / net contributions",
    ),
    "cash_balance": Definition(
        "Balance", "All movements of cash of one account in one currency.", "Σ movement"
    ),
    "liability_balance": Definition(
        "Debt", "What was borrowed in one currency, less what was paid back.", "Σ amount"
    ),
    "part_value": Definition(
        "Value of a part",
        "What the holdings and the cash of a part are worth at the last prices and rates.",
        "Σ quantity × price × multiplier × rate + Σ balance × rate",
    ),
    "drift": Definition("Off by", "How far the weight of a part is above its target.", "weight − target"),
    "rebalance_amount": Definition(
        "Trade to the target",
        "The part of the gap to the target that falls to a holding, by its value among those of its part, in whole units.",
        "(target × (securities + cash) − value of the part) × value / value of the part's holdings",
    ),
    "rebalance_quantity": Definition(
        "Units to trade",
        "As many units as the amount buys or sells, cut to what can be traded.",
        "amount / (price × multiplier × rate)",
    ),
    "rebalance_cash": Definition(
        "Cash after the trades", "Cash less what the trades cost, before fees.", "cash − Σ amount"
    ),
    "desk_value": Definition(
        "Total value",
        "The net worth of every tracked portfolio at today's exchange rates.",
        "Σ net worth × rate",
    ),
    "desk_day_change": Definition(
        "Today, all portfolios",
        "The change of the day of every tracked portfolio at today's exchange rates.",
        "Σ change today × rate",
    ),
    "desk_total_gain": Definition(
        "Total gain, all portfolios",
        "The total gain of every tracked portfolio at today's exchange rates.",
        "Σ total gain × rate",
    ),
    "desk_net_contributions": Definition(
        "Put in, all portfolios",
        "The net contributions of every tracked portfolio at today's exchange rates.",
        "Σ net contributions × rate",
    ),
    "desk_cash": Definition(
        "Cash, all portfolios",
        "The cash of every tracked portfolio at today's exchange rates.",
        "Σ cash × rate",
    ),
}
