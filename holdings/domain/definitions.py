"""One sentence for every figure: the help texts beside the figures and the words of docs/figures.md."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Definition:
    """``label`` heads a column, ``sentence`` says what the figure is, ``formula`` how it is computed."""

    label: str
    sentence: str
    formula: str


DEFINITIONS: dict[str, Definition] = {
    "market_value": Definition(
        "Market value",
        "What the securities held are worth at the last price on or before the day.",
        "Σ quantity × price × multiplier × rate",
    ),
    "cash": Definition("Cash", "All cash balances at the exchange rates of the day.", "Σ balance × rate"),
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
    "twr": Definition(
        "Time-weighted return",
        "The return of one unit of money invested all along, whatever was paid in or out: the product over every calendar day.",
        "Π (value + outflows) / (previous value + inflows) − 1",
    ),
    "twr_annualised": Definition(
        "Time-weighted return a year",
        "The yearly rate of the same growth, from 365 days on.",
        "(1 + TWR)^(365/days) − 1",
    ),
    "irr": Definition(
        "Money-weighted return",
        "The yearly rate at which all flows, with opening and closing value, balance.",
        "r with Σ flow / (1 + r)^(days/365) = 0",
    ),
    "simple_return": Definition(
        "Simple return",
        "Gain of the period for each unit of opening value and contributions.",
        "gain / (opening value + contributions)",
    ),
    "volatility": Definition(
        "Volatility",
        "How much daily returns scatter, a year: their standard deviation on valuation days.",
        "√(Σ (r − mean)² / (n − 1)) × √252 (√365 for crypto alone)",
    ),
    "downside_deviation": Definition(
        "Downside deviation",
        "How much daily losses scatter, a year.",
        "√(Σ min(r, 0)² / (n − 1)) × √252 (√365 for crypto alone)",
    ),
    "max_drawdown": Definition(
        "Maximum drawdown",
        "The deepest fall of the time-weighted index from a peak, over all calendar days.",
        "max (1 − index / highest index before)",
    ),
    "sharpe": Definition(
        "Sharpe ratio",
        "Return above the risk-free rate for each unit of volatility.",
        "(mean daily log return × 252 − risk-free rate) / volatility",
    ),
    "sortino": Definition(
        "Sortino ratio",
        "Return above the risk-free rate for each unit of downside deviation.",
        "(mean daily log return × 252 − risk-free rate) / downside deviation",
    ),
    "best_day": Definition(
        "Best day", "The largest return of one calendar day.", "max (index / previous index − 1)"
    ),
    "worst_day": Definition(
        "Worst day", "The smallest return of one calendar day.", "min (index / previous index − 1)"
    ),
    "beta": Definition(
        "Beta",
        "How far returns follow the benchmark's.",
        "covariance with the benchmark / variance of the benchmark",
    ),
    "alpha": Definition(
        "Alpha",
        "Yearly return beyond what beta and the benchmark explain (Jensen).",
        "(mean r × 252 − risk-free) − beta × (mean benchmark r × 252 − risk-free)",
    ),
    "correlation": Definition(
        "Correlation",
        "How closely returns move with the benchmark's, from −1 to 1.",
        "covariance / (deviation × deviation)",
    ),
    "tracking_error": Definition(
        "Tracking error",
        "How much returns differ from the benchmark's, a year.",
        "deviation of (r − benchmark r) × √252",
    ),
    "information_ratio": Definition(
        "Information ratio",
        "Return beyond the benchmark's for each unit of tracking error.",
        "mean (r − benchmark r) × 252 / tracking error",
    ),
    "value_at_risk": Definition(
        "Value at risk (95 %)",
        "The loss of one day that 95 % of the days measured did not exceed.",
        "the ⌊5 % × n⌋-th worst daily return, as a loss",
    ),
    "conditional_value_at_risk": Definition(
        "Conditional value at risk (95 %)",
        "The mean loss of the worst 5 % of the days measured.",
        "mean of the ⌊5 % × n⌋ worst daily returns, as a loss",
    ),
    "wash_sale_adjustment": Definition(
        "Wash sale adjustment",
        "A loss that does not count because the shares were bought again within 30 days; it is added to the cost of the "
        "replacement.",
        "loss × replaced shares / shares sold",
    ),
    "term": Definition(
        "Term",
        "Long when the sale came after the anniversary of the purchase, else short.",
        "closed > opened + 1 year",
    ),
    "weight": Definition(
        "Weight",
        "A position's part of the value of securities and cash.",
        "market value / (securities + cash)",
    ),
}
