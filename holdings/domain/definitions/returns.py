"""Returns, risk, and figures against a benchmark."""

from __future__ import annotations

from holdings.domain.definitions.base import Definition

RETURNS: dict[str, Definition] = {
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
    "benchmark_twr": Definition(
        "Return of the benchmark",
        "What the benchmark did over the period, in the currency of the page.",
        "price at the end / price at the start − 1",
    ),
    "benchmark_twr_annualised": Definition(
        "Return of the benchmark a year",
        "The yearly rate of the same growth, from 365 days on.",
        "(1 + return)^(365/days) − 1",
    ),
    "amount_at_risk": Definition(
        "Loss of such a day in money",
        "The same loss applied to the value of securities and cash at the end of the period.",
        "loss × closing value",
    ),
    "pair_correlation": Definition(
        "Correlation of two holdings",
        "How closely the daily log returns of two holdings move together, from −1 to 1.",
        "covariance / (deviation × deviation)",
    ),
}
