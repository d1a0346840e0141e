"""The portfolio file (portfolio/1): read by the domain's own parser, which names every problem by its path."""

from __future__ import annotations

from collections.abc import ItemsView, Iterator, Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal

from holdings.domain import types as domain
from holdings.domain.parsing import parse
from holdings.domain.series import Series
from holdings.importers.base import (
    FileRefused,
    ParsedAccount,
    ParsedFile,
    ParsedInstrument,
    ParsedRow,
    Problem,
    with_external_ids,
)

_FEES = frozenset({domain.TransactionType.FEE, domain.TransactionType.FEE_REFUND})
_TAXES = frozenset({domain.TransactionType.TAX, domain.TransactionType.TAX_REFUND})


class PortfolioFileImporter:
    """What this site exports, and what `analyse` reads."""

    code = "portfolio"
    label = "Holdfast portfolio file (JSON)"

    def sniff(self, head: bytes) -> bool:
        """An object that names its format."""
        start = head.lstrip(b"\xef\xbb\xbf \t\r\n")
        return start.startswith(b"{") and b'"format"' in start and b'"portfolio/' in start

    def parse(self, content: bytes) -> ParsedFile:
        """Read the file; it is refused as a whole when anything in it is wrong."""
        try:
            portfolio = parse(content)
        except domain.PortfolioError as error:
            raise FileRefused([Problem(path=p.path, message=p.message) for p in error.problems]) from error
        return file_of(portfolio, with_external_ids(row_of(tx) for tx in portfolio.transactions))


def file_of(portfolio: domain.Portfolio, rows: tuple[ParsedRow, ...] = ()) -> ParsedFile:
    """The file with these of its rows; a long one is read row by row instead (`row_of`, `named`)."""
    return ParsedFile(
        format=PortfolioFileImporter.code,
        title=portfolio.name or "Portfolio file",
        base_currency=portfolio.base_currency,
        rows=rows,
        instruments={name: _instrument(portfolio, i) for name, i in portfolio.instruments.items()},
        accounts={
            name: ParsedAccount(
                key=name,
                name=account.name or name,
                kind=str(account.kind),
                currency=account.currency,
                cash_account=account.cash_account or "",
            )
            for name, account in portfolio.accounts.items()
        },
        problems=tuple(
            Problem(path=notice.path, message=notice.message, is_error=False) for notice in portfolio.notices
        ),
        fx={f"{a}/{b}": dict(series.items()) for (a, b), series in portfolio.fx.items()},
    )


def _instrument(portfolio: domain.Portfolio, instrument: domain.Instrument) -> ParsedInstrument:
    series = portfolio.prices.get(instrument.id)
    return ParsedInstrument(
        key=instrument.id,
        symbol=instrument.symbol or instrument.id,
        name=instrument.name,
        currency=instrument.currency,
        asset_class=str(instrument.asset_class),
        isin=instrument.isin,
        exchange=instrument.exchange,
        multiplier=instrument.multiplier,
        quote_unit="percent" if instrument.quote_percent else "unit",
        coupon_rate=instrument.coupon,
        maturity_date=instrument.maturity,
        prices=_Prices(series) if series is not None else {},
    )


class _Prices(Mapping[date, Decimal]):
    """The closes of a file, made to decimals when somebody asks: most are known already, and nobody does."""

    def __init__(self, series: Series) -> None:
        self._series = series

    def __len__(self) -> int:
        return len(self._series)

    def __iter__(self) -> Iterator[date]:
        return (day for day, _ in self._series.items())

    def __getitem__(self, day: date) -> Decimal:
        return dict(self._series.items())[day]

    def items(self) -> ItemsView[date, Decimal]:
        """All at once."""
        return dict(self._series.items()).items()


def row_of(tx: domain.Transaction) -> ParsedRow:
    """An entry of the file as importers give it; it may have no outside name yet (see `named`)."""
    row = ParsedRow(
        path=tx.path,
        type=str(tx.type),
        occurred=tx.at or tx.day,
        account=tx.account or "",
        to_account=tx.to_account or "",
        cash_account=tx.cash_account or "",
        instrument=tx.instrument or "",
        to_instrument=tx.to_instrument or "",
        quantity=tx.quantity,
        price=tx.price,
        amount=tx.amount,
        fees=tx.fees,
        taxes=tx.taxes,
        currency=tx.currency,
        fx_rate=tx.fx_rate,
        instrument_rate=tx.instrument_rate,
        ratio="" if tx.ratio is None else f"{tx.ratio.numerator}:{tx.ratio.denominator}",
        cost=tx.cost,
        lots=tx.lots,
        note=tx.note[:1000],
        tags=tx.tags,
        external_id=tx.external_id[:200] or ("" if tx.id.startswith("#") else f"id:{tx.id}"[:200]),
        opens=tx.id,
    )
    # A cost may be written as `fees` or `taxes` alone; here it is an amount.
    if row.amount is None and tx.type in _FEES:
        row = replace(row, amount=row.fees, fees=Decimal(0))
    elif row.amount is None and tx.type in _TAXES:
        row = replace(row, amount=row.taxes, taxes=Decimal(0))
    return row
