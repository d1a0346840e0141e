"""From rows to the values that the domain computes with. Ids there are our primary keys as text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Protocol

from django.db.models import Q

from holdings.domain import types as domain
from holdings.models import Account, Transaction
from marketdata.models import Instrument
from portfolio_site.kernel.rows import instance_of

_COLUMNS = (
    "id", "type", "occurred_date", "occurred_at", "is_date_only", "account_id", "to_account_id", "cash_account_id",
    "instrument_id", "to_instrument_id", "quantity", "price", "amount", "fees", "taxes", "currency", "fx_rate",
    "instrument_rate", "ratio", "cost", "lots", "external_id", "note", "tags",
)  # fmt: skip


class BookSettings(Protocol):
    """The facts about a portfolio that its figures follow from."""

    @property
    def base_currency(self) -> str: ...  # noqa: D102
    @property
    def cost_basis_method(self) -> str: ...  # noqa: D102
    @property
    def allow_short(self) -> bool: ...  # noqa: D102
    @property
    def allow_negative_cash(self) -> bool: ...  # noqa: D102
    @property
    def tax_country(self) -> str: ...  # noqa: D102
    @property
    def time_zone(self) -> str: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Journal:
    """The accounts, instruments and counting entries of a portfolio, as the domain knows them."""

    accounts: Mapping[str, domain.Account]
    instruments: Mapping[str, domain.Instrument]
    transactions: tuple[domain.Transaction, ...]


def domain_accounts(accounts: Iterable[Account]) -> dict[str, domain.Account]:
    """Accounts by their id as text."""
    return {
        str(account.id): domain.Account(
            id=str(account.id),
            kind=domain.AccountKind(account.kind),
            currency=account.currency,
            name=account.name,
            cash_account=str(account.cash_account_id) if account.cash_account_id else None,
        )
        for account in accounts
    }


def domain_instrument(instrument: Instrument) -> domain.Instrument:
    """One instrument. An index counts as `other`: the file format has no such class."""
    known = instrument.asset_class in domain.AssetClass._value2member_map_
    return domain.Instrument(
        id=str(instrument.id),
        currency=instrument.currency,
        symbol=instrument.symbol,
        name=instrument.name,
        asset_class=domain.AssetClass(instrument.asset_class) if known else domain.AssetClass.OTHER,
        isin=instrument.isin,
        exchange=instrument.exchange,
        multiplier=instrument.multiplier,
        maturity=instrument.maturity_date,
        coupon=instrument.coupon_rate,
        quote_percent=instrument.quote_unit == "percent",
        sector=instrument.sector,
        country=instrument.country,
    )


def cash_account_of(
    accounts: Mapping[str, domain.Account], *, account: str | None, cash_account: str | None
) -> str | None:
    """The account whose cash an entry moves: the one it names, else its account's, else its account itself."""
    if cash_account is not None:
        return cash_account
    if account is None:
        return None
    own = accounts[account]
    return own.cash_account if own.kind is domain.AccountKind.SECURITIES and own.cash_account else account


def domain_transaction(
    row: Transaction, accounts: Mapping[str, domain.Account], *, successors: Mapping[int, int] | None = None
) -> domain.Transaction:
    """One journal row. Lots that it names are looked up in `successors`: a corrected purchase has another id."""
    account = _key(row.account_id)
    to_account = _key(row.to_account_id)
    return domain.Transaction(
        id=str(row.id),
        type=domain.TransactionType(row.type),
        day=row.occurred_date,
        currency=row.currency,
        at=None if row.is_date_only else row.occurred_at,
        account=account,
        to_account=to_account,
        cash_account=cash_account_of(accounts, account=account, cash_account=_key(row.cash_account_id)),
        to_cash_account=cash_account_of(accounts, account=to_account, cash_account=None),
        instrument=_key(row.instrument_id),
        to_instrument=_key(row.to_instrument_id),
        quantity=row.quantity,
        price=row.price,
        amount=row.amount,
        fees=row.fees,
        taxes=row.taxes,
        fx_rate=row.fx_rate,
        instrument_rate=row.instrument_rate,
        ratio=ratio_of(row.ratio),
        cost=row.cost,
        lots=tuple(str(_latest(lot, successors or {})) for lot in row.lots),
        external_id=row.external_id,
        note=row.note,
        tags=tuple(row.tags),
        path=f"entry {row.id}",
        when=row.occurred_date.isoformat() if row.is_date_only else row.occurred_at.isoformat(),
    )


def ratio_of(text: str) -> Fraction | None:
    """The fraction that `3:2` or `4` stands for; None for an empty text."""
    if not text:
        return None
    new, _, old = text.partition(":")
    return Fraction(Decimal(new)) / (Fraction(Decimal(old)) if old else 1)


def load_journal(portfolio_id: int, *, since: date | None = None, until: date | None = None) -> Journal:
    """All that counts in a portfolio, in the order of posting (which is what decides between equal times).

    `since` and `until`: of the days from the one to the other, both included.

    Four statements, whatever the number of entries.
    """
    accounts = domain_accounts(Account.objects.filter(portfolio_id=portfolio_id))
    rows = Transaction.objects.filter(portfolio_id=portfolio_id).counting().order_by("sequence")
    if since is not None:
        rows = rows.filter(occurred_date__gte=since)
    if until is not None:
        rows = rows.filter(occurred_date__lte=until)
    corrected = Transaction.objects.filter(portfolio_id=portfolio_id, replaces__isnull=False)
    successors: dict[int, int] = dict(corrected.values_list("replaces_id", "pk"))
    transactions = tuple(
        domain_transaction(row, accounts, successors=successors)
        for values in rows.values_list(*_COLUMNS).iterator(chunk_size=5000)
        if (row := instance_of(Transaction, _COLUMNS, values)) is not None
    )
    wanted = {int(t.instrument) for t in transactions if t.instrument is not None}
    wanted |= {int(t.to_instrument) for t in transactions if t.to_instrument is not None}
    instruments = {str(i.id): domain_instrument(i) for i in Instrument.objects.filter(pk__in=wanted)}
    return Journal(accounts=accounts, instruments=instruments, transactions=transactions)


def load_journal_of(portfolio_id: int, instrument_id: int) -> Journal:
    """What counts of one instrument, and of those that corporate actions tie to it; in the order of posting.

    Four statements, and two more for each instrument that is tied to it.
    """
    counting = Transaction.objects.filter(portfolio_id=portfolio_id).counting()
    names, fresh = {instrument_id}, {instrument_id}
    while fresh:
        tied = counting.filter(
            Q(instrument__in=fresh) | Q(to_instrument__in=fresh), to_instrument__isnull=False
        )
        fresh = set(tied.values_list("instrument_id", flat=True)) | set(
            tied.values_list("to_instrument_id", flat=True)
        )
        fresh -= {*names, None}
        names |= fresh
    accounts = domain_accounts(Account.objects.filter(portfolio_id=portfolio_id))
    rows = counting.filter(Q(instrument__in=names) | Q(to_instrument__in=names)).order_by("sequence")
    return Journal(
        accounts=accounts,
        instruments={str(i.id): domain_instrument(i) for i in Instrument.objects.filter(pk__in=names)},
        transactions=tuple(domain_transaction(row, accounts) for row in rows),
    )


def _latest(pk: int, successors: Mapping[int, int]) -> int:
    while pk in successors:
        pk = successors[pk]
    return pk


def _key(pk: int | None) -> str | None:
    return None if pk is None else str(pk)
