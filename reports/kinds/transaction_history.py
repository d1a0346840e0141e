"""The print shop: the transaction history. Every entry that counts, and totals by type and currency."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from holdings.queries.transactions import EntryFilter, cash_effect, filtered_transactions
from reports.kinds.base import Order, Progress, ReportKind
from reports.kinds.heads import head_of
from reports.renderers.data import Figure, TransactionHistory, TransactionLine, TypeTotal
from reports.renderers.transactions_pdf import transactions_pdf
from reports.renderers.transactions_xlsx import transactions_xlsx

ZERO: Final = Decimal(0)


@dataclass(slots=True)
class _Sum:
    count: int = 0
    amount: Decimal = field(default=ZERO)
    fees: Decimal = field(default=ZERO)
    taxes: Decimal = field(default=ZERO)
    cash_effect: Decimal = field(default=ZERO)


def collect(order: Order) -> TransactionHistory:
    """Read the entries of the period, oldest first."""
    wanted = EntryFilter(since=order.period_from, until=order.period_to)
    rows = filtered_transactions(order.portfolio, wanted).order_by("occurred_at", "sequence")
    lines = tuple(_line(row) for row in rows.iterator(chunk_size=2000))
    first_day = order.period_from
    if first_day is None and lines:
        first_day = lines[0].occurred_date
    head = head_of(
        order,
        title="Transaction history",
        first_day=first_day,
        currencies={line.currency for line in lines},
    )
    trades = sum(line.type in ("buy", "sell") for line in lines)
    return TransactionHistory(
        head=head,
        figures=(
            Figure(label="Entries", value=Decimal(len(lines)), kind="count"),
            Figure(label="Purchases and sales", value=Decimal(trades), kind="count"),
            Figure(
                label="Instruments", value=Decimal(len({x.symbol for x in lines if x.symbol})), kind="count"
            ),
            Figure(
                label="Currencies", value=", ".join(sorted({x.currency for x in lines})) or None, kind="text"
            ),
        ),
        totals=_totals(lines),
        rows=lines,
    )


def _pdf(report: TransactionHistory, progress: Progress) -> bytes:
    return transactions_pdf(report, progress)


def _xlsx(report: TransactionHistory, progress: Progress) -> bytes:
    return transactions_xlsx(report, progress)


KIND: Final = ReportKind(
    code="transaction_history",
    title="Transaction history",
    description="Every entry of the period in order, with totals by type and currency.",
    collect=collect,
    renderers={"pdf": _pdf, "xlsx": _xlsx},
)


def _line(row: Any) -> TransactionLine:
    instrument = row.instrument
    symbol = instrument.symbol if instrument else ""
    if row.to_instrument:
        symbol = f"{symbol} → {row.to_instrument.symbol}"
    account = row.account.name if row.account else "All accounts"
    if row.to_account:
        account = f"{account} → {row.to_account.name}"
    return TransactionLine(
        occurred_at=row.occurred_at,
        occurred_date=row.occurred_date,
        is_date_only=row.is_date_only,
        type=row.type,
        type_label=row.get_type_display(),
        account=account,
        symbol=symbol,
        instrument_name=instrument.name if instrument else "",
        quantity=row.quantity,
        price=row.price,
        amount=row.amount,
        fees=row.fees,
        taxes=row.taxes,
        currency=row.currency,
        cash_effect=cash_effect(row),
        note=row.note or (f"Ratio {row.ratio}" if row.ratio else ""),
        external_id=row.external_id,
    )


def _totals(lines: tuple[TransactionLine, ...]) -> tuple[TypeTotal, ...]:
    sums: dict[tuple[str, str], _Sum] = {}
    for line in lines:
        into = sums.setdefault((line.type_label, line.currency), _Sum())
        into.count += 1
        into.amount += line.amount or ZERO
        into.fees += line.fees
        into.taxes += line.taxes
        into.cash_effect += line.cash_effect or ZERO
    return tuple(
        TypeTotal(
            type_label=label,
            currency=currency,
            count=total.count,
            amount=total.amount,
            fees=total.fees,
            taxes=total.taxes,
            cash_effect=total.cash_effect,
        )
        for (label, currency), total in sorted(sums.items())
    )
