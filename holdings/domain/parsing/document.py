"""The portfolio file as a whole: header, accounts, instruments, series; transactions stand in their own module."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from typing import TypeVar
from zoneinfo import ZoneInfo

from holdings.domain.parsing import series
from holdings.domain.parsing.reader import NotANumber, Reader, load, shown
from holdings.domain.parsing.transactions import read_transactions
from holdings.domain.types import (
    ONE,
    Account,
    AccountKind,
    AssetClass,
    CostMethod,
    Instrument,
    Portfolio,
    PortfolioError,
    Problem,
)

FORMAT = "portfolio/1"
KEYS = frozenset(
    "format name base_currency as_of timezone cost_basis_method allow_short allow_negative_cash tax_country "
    "risk_free_rate accounts instruments transactions prices fx benchmarks".split()
)
_MOST_RATE = 10
ACCOUNT_KEYS = frozenset(["id", "name", "kind", "currency", "cash_account"])
INSTRUMENT_KEYS = frozenset(
    "id symbol name asset_class currency isin exchange multiplier maturity coupon quote_unit sector country".split()
)
QUOTE_UNITS = ("unit", "percent")
E = TypeVar("E", bound=StrEnum)


def parse(text: str | bytes) -> Portfolio:
    """Read a portfolio file. Raises PortfolioError with every problem found, each naming its JSON path."""
    return parse_document(load(text))


def parse_document(document: object) -> Portfolio:
    """Read a portfolio file that was already decoded from JSON."""
    reader = Reader()
    body = reader.mapping(document, "$")
    if body is None:
        raise PortfolioError(reader.problems)
    if body.get("format") != FORMAT:
        found = body.get("format")
        message = "is required" if found is None else f'must be "{FORMAT}", not {shown(found)}'
        raise PortfolioError([Problem("format", message)])
    reader.unknown(body, KEYS, "")
    zone = _zone(reader, body.get("timezone"))
    base = reader.currency(body.get("base_currency"), "base_currency", money=True, required=True)
    as_of = reader.when(body.get("as_of"), "as_of", zone)
    method = _choice(reader, CostMethod, body.get("cost_basis_method"), "cost_basis_method", CostMethod.FIFO)
    accounts = _accounts(reader, body.get("accounts"), base)
    instruments = _instruments(reader, body.get("instruments"))
    transactions = read_transactions(
        reader, body.get("transactions"), zone=zone, base=base, accounts=accounts, instruments=instruments
    )
    prices = series.read_prices(reader, body.get("prices"), "prices", known=instruments)
    fx = series.read_fx(reader, body.get("fx"))
    benchmarks = series.read_prices(reader, body.get("benchmarks"), "benchmarks", known=None)
    risk_free = _risk_free(reader, body.get("risk_free_rate"))
    name = reader.text(body.get("name"), "name")
    tax_country = reader.text(body.get("tax_country"), "tax_country")
    allow_short = reader.flag(body.get("allow_short"), "allow_short")
    may_borrow = reader.flag(body.get("allow_negative_cash"), "allow_negative_cash")
    if reader.problems or as_of is None:
        raise PortfolioError(reader.problems)
    return Portfolio(
        name=name,
        base_currency=base,
        as_of=as_of[0],
        as_of_at=as_of[1],
        timezone=zone.key,
        cost_basis_method=method,
        allow_short=allow_short,
        allow_negative_cash=may_borrow,
        tax_country=tax_country,
        risk_free_rate=risk_free,
        accounts=accounts,
        instruments=instruments,
        transactions=tuple(transactions),
        prices=prices,
        fx=fx,
        benchmarks=benchmarks,
        notices=tuple(reader.notices),
    )


def _zone(reader: Reader, value: object) -> ZoneInfo:
    name = reader.text(value, "timezone") or "UTC"
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, LookupError):
        reader.wrong("timezone", f"unknown time zone {shown(name)}")
        return ZoneInfo("UTC")


def _choice(reader: Reader, kind: type[E], value: object, path: str, default: E) -> E:
    if value is None:
        return default
    try:
        return kind(reader.text(value, path)) if isinstance(value, str) else default
    except ValueError:
        reader.wrong(path, f"must be one of {', '.join(kind)}, not {shown(value)}")
        return default
    finally:
        if value is not None and not isinstance(value, str):
            reader.wrong(path, f"must be a string, not {shown(value)}")


def _risk_free(reader: Reader, value: object) -> float:
    """A rate a year, as a string or (being a ratio) a JSON number."""
    if isinstance(value, (NotANumber, bool)):
        reader.wrong("risk_free_rate", f"must be a number, not {shown(value)}")
        return 0.0
    if isinstance(value, (int, float)):
        if not -1 < value < _MOST_RATE:
            reader.wrong("risk_free_rate", f"must be a rate a year as a fraction, not {shown(value)}")
            return 0.0
        return float(value)
    number = reader.decimal(value, "risk_free_rate", negative=True) or Decimal(0)
    if not -1 < number < _MOST_RATE:
        reader.wrong("risk_free_rate", f"must be a rate a year as a fraction, not {shown(value)}")
        return 0.0
    return float(number)


def _accounts(reader: Reader, value: object, base: str) -> dict[str, Account]:
    accounts: dict[str, Account] = {}
    paths: dict[str, str] = {}
    for path, row in reader.rows(value, "accounts"):
        reader.unknown(row, ACCOUNT_KEYS, f"{path}.")
        name = reader.text(row.get("id"), f"{path}.id", required=True)
        if name in accounts:
            reader.wrong(f"{path}.id", f"duplicate id {shown(name)}")
            continue
        kind = _choice(reader, AccountKind, row.get("kind"), f"{path}.kind", AccountKind.SECURITIES)
        currency = reader.currency(row.get("currency"), f"{path}.currency") or base
        cash = reader.text(row.get("cash_account"), f"{path}.cash_account") or None
        accounts[name] = Account(
            id=name,
            kind=kind,
            currency=currency,
            name=reader.text(row.get("name"), f"{path}.name"),
            cash_account=cash,
        )
        paths[name] = path
    for account in accounts.values():
        if account.cash_account is not None and account.cash_account not in accounts:
            reader.wrong(
                f"{paths[account.id]}.cash_account", f"unknown account {shown(account.cash_account)}"
            )
    if not accounts:
        accounts = {
            "cash": Account(id="cash", kind=AccountKind.CASH, currency=base, name="Cash"),
            "securities": Account(
                id="securities",
                kind=AccountKind.SECURITIES,
                currency=base,
                name="Securities",
                cash_account="cash",
            ),
        }
    return accounts


def _instruments(reader: Reader, value: object) -> dict[str, Instrument]:
    instruments: dict[str, Instrument] = {}
    for path, row in reader.rows(value, "instruments"):
        reader.unknown(row, INSTRUMENT_KEYS, f"{path}.")
        name = reader.text(row.get("id"), f"{path}.id", required=True)
        if name in instruments:
            reader.wrong(f"{path}.id", f"duplicate id {shown(name)}")
            continue
        instruments[name] = _instrument(reader, row, path, name)
    return instruments


def _instrument(reader: Reader, row: Mapping[str, object], path: str, name: str) -> Instrument:
    def text(key: str) -> str:
        return reader.text(row.get(key), f"{path}.{key}")

    unit = row.get("quote_unit")
    if unit is not None and unit not in QUOTE_UNITS:
        reader.wrong(f"{path}.quote_unit", f'must be "percent" where given, not {shown(unit)}')
    maturity = row.get("maturity")
    multiplier = reader.decimal(row.get("multiplier"), f"{path}.multiplier", zero=False)
    return Instrument(
        id=name,
        currency=reader.currency(row.get("currency"), f"{path}.currency", required=True),
        symbol=text("symbol"),
        name=text("name"),
        asset_class=_choice(
            reader, AssetClass, row.get("asset_class"), f"{path}.asset_class", AssetClass.OTHER
        ),
        isin=text("isin"),
        exchange=text("exchange"),
        multiplier=ONE if multiplier is None else multiplier,
        maturity=None if maturity in (None, "") else reader.day(maturity, f"{path}.maturity"),
        coupon=None if row.get("coupon") == "" else reader.decimal(row.get("coupon"), f"{path}.coupon"),
        quote_percent=unit == "percent",
        sector=text("sector"),
        country=text("country"),
    )
