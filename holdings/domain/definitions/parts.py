"""What a part of a portfolio (a holding, a class, an account …) did in a period."""

from __future__ import annotations

from holdings.domain.definitions.base import Definition

PARTS: dict[str, Definition] = {
    "gain": Definition(
        "Gain of the period",
        "What the period earned, with income and after fees and taxes.",
        "closing value + withdrawals − opening value − contributions",
    ),
    "part_opening_value": Definition(
        "Opening value of a part",
        "The securities of the part, for an account with its cash, at the end of the day the period starts from.",
        "Σ value × rate on `from`",
    ),
    "part_closing_value": Definition(
        "Closing value of a part",
        "The securities of the part, for an account with its cash, at the end of the period.",
        "Σ value × rate on `to`",
    ),
    "part_net_flows": Definition(
        "Put in",
        "What crossed the border of the part: purchases with their fees less sales and income, for an account all that "
        "came into it less what left.",
        "Σ inflow − Σ outflow",
    ),
    "part_gain": Definition(
        "Gain of a part",
        "What the part earned in the period; of securities alone after fees, before taxes.",
        "closing value − opening value − put in",
    ),
    "part_contribution": Definition(
        "Adds to return",
        "The gain of the part for each unit of the whole portfolio's opening value and contributions.",
        "gain of the part / (opening value + contributions)",
    ),
    "part_twr": Definition(
        "Own return of a part",
        "The time-weighted return of the part, measured like a portfolio of its own.",
        "Π (value + outflows) / (previous value + inflows) − 1",
    ),
    "part_irr": Definition(
        "Own return of a part a year",
        "The money-weighted return of the part: the yearly rate at which its flows, with opening and closing value, balance.",
        "r with Σ flow / (1 + r)^(days/365) = 0",
    ),
}
