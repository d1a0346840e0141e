"""What the portfolio pays: payments since the first entry, of a year or of a holding, yields, and what may come."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from holdings.queries.insights.explaining.held import analysis_label
from holdings.queries.insights.explaining.registry import figure
from holdings.queries.insights.explaining.working import (
    Asked,
    Fact,
    MoneyRow,
    SubjectUnknown,
    Working,
    computed,
    summed,
)
from holdings.queries.insights.income import Income, Payer, Payment, income_of
from holdings.queries.insights.lens import Lens

#: figure -> (kinds of payments that count, whether their gross counts, and their taxes)
_SUMS: dict[str, tuple[tuple[str, ...], int, int]] = {
    "income_dividends": (("dividends",), 1, 0),
    "income_interest": (("interest",), 1, 0),
    "income_staking": (("staking",), 1, 0),
    "income_interest_and_staking": (("interest", "staking"), 1, 0),
    "income_gross": (("dividends", "interest", "staking"), 1, 0),
    "income_taxes": (("dividends", "interest", "staking"), 0, 1),
    "income_net": (("dividends", "interest", "staking"), 1, -1),
}
_DEFINED = {
    "income_dividends": "dividends",
    "income_interest": "interest_alone",
    "income_staking": "staking",
    "income_interest_and_staking": "interest",
    "income_gross": "income",
    "income_taxes": "income_taxes",
    "income_net": "income_net",
}


def _sum(name: str, lens: Lens, asked: Asked) -> Working:
    found = income_of(lens)
    kinds, gross, taxes = _SUMS[name]
    rows: list[MoneyRow] = []
    for payment in _narrowed(found.payments, asked):
        if payment.kind not in kinds:
            continue
        if gross and payment.gross:
            rows.append(_row(lens, payment, gross * payment.gross, payment.kind))
        if taxes and payment.taxes:
            rows.append(_row(lens, payment, taxes * payment.taxes, "taxes"))
    return summed(rows[::-1], subject=_subject(asked), period=_period(asked))


def _narrowed(payments: Iterable[Payment], asked: Asked) -> Iterable[Payment]:
    period = asked.period if asked.is_ranged else None
    for payment in payments:
        if asked.instrument is not None and payment.instrument_id != asked.instrument.pk:
            continue
        if period is None or period.start < payment.day <= period.end:
            yield payment


def _period(asked: Asked) -> object:
    return asked.period if asked.is_ranged else None


def _subject(asked: Asked) -> str:
    return asked.instrument.symbol if asked.instrument is not None else ""


def _row(lens: Lens, payment: Payment, amount: object, kind: str) -> MoneyRow:
    symbols = {row.instrument_id: row.symbol for row in lens.snapshot.holdings}
    name = symbols.get(payment.instrument_id or 0, "")
    return MoneyRow(
        label=f"{analysis_label(kind)} · {name}" if name else analysis_label(kind),
        amount=amount,  # type: ignore[arg-type]
        day=payment.day,
        transaction_id=payment.transaction_id,
        instrument_id=payment.instrument_id,
    )


def _last_year(lens: Lens, asked: Asked) -> Working:
    found = income_of(lens)
    rows = [
        _row(lens, payment, payment.gross, payment.kind)
        for payment in found.payments
        if payment.kind == "dividends"
        and payment.day > found.since
        and (asked.instrument is None or payment.instrument_id == asked.instrument.pk)
    ]
    return summed(rows[::-1], subject=_subject(asked))


def _expected(lens: Lens, asked: Asked) -> Working:
    """Of everything, of a holding, or (`entry`) the one payment that is estimated from an entry."""
    rows = [
        MoneyRow(
            label=f"{row.symbol} · {row.per_unit.normalize():f} {row.currency} a unit on {row.last_day.isoformat()}",
            amount=row.amount,
            day=row.day,
            transaction_id=row.transaction_id,
            instrument_id=row.instrument_id,
            quantity=row.quantity,
            price=row.per_unit,
            price_day=row.last_day,
            currency=row.currency,
            rate=row.rate,
        )
        for row in income_of(lens).expected
        if (asked.instrument is None or row.instrument_id == asked.instrument.pk)
        and (asked.entry is None or row.transaction_id == asked.entry)
    ]
    return summed(rows, subject=_subject(asked))


def _yield(lens: Lens, asked: Asked, *, current: bool) -> Working:
    found = income_of(lens)
    if asked.instrument is not None:
        payer = _payer(found, asked.instrument.pk)
        of = {"instrument": payer.instrument_id}
        if current:
            return computed(
                payer.current_yield,
                Fact("Expected dividends", "money", payer.expected, "expected_income", of),
                Fact("Market value", "money", payer.market_value, "market_value", of),
                subject=payer.symbol,
            )
        return computed(
            payer.yield_on_cost,
            Fact("Dividends of the last year", "money", payer.last_year, "income_last_year", of),
            Fact("Cost basis", "money", payer.cost_basis, "cost_basis", of),
            subject=payer.symbol,
        )
    paying = [payer for payer in found.payers if payer.cost_basis and payer.sums.dividends]
    name, over = ("expected_income", "market_value") if current else ("income_last_year", "cost_basis")
    facts = []
    for payer in paying:
        of = {"instrument": payer.instrument_id}
        amount = payer.expected if current else payer.last_year
        facts.append(Fact(f"{payer.symbol}: dividends", "money", amount, name, of))
        facts.append(
            Fact(
                f"{payer.symbol}: {'value' if current else 'cost'}",
                "money",
                payer.market_value if current else payer.cost_basis,
                over,
                of,
            )
        )
    return computed(found.current_yield if current else found.yield_on_cost, *facts)


def _payer(found: Income, instrument_id: int) -> Payer:
    for payer in found.payers:
        if payer.instrument_id == instrument_id:
            return payer
    raise SubjectUnknown(instrument_id)


FIGURES = {
    **{name: figure(_DEFINED[name], partial(_sum, name)) for name in _SUMS},
    "income_last_year": figure("income_last_year", _last_year),
    "expected_income": figure("expected_income", _expected),
    "yield_on_cost": figure("yield_on_cost", lambda lens, asked: _yield(lens, asked, current=False)),
    "current_yield": figure("current_yield", lambda lens, asked: _yield(lens, asked, current=True)),
}
