"""The instruments and accounts of a file, matched to ours or made."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import connection
from django.db.models import Q

from holdings.entries import Entry
from holdings.importers.base import ParsedAccount, ParsedFile, ParsedInstrument, ParsedRow
from holdings.models import Account, AccountKind
from holdings.operations.locking import LockedPortfolio
from holdings.operations.portfolios import add_account
from marketdata.models import AssetClass, Instrument
from marketdata.operations import create_instrument, get_or_create_instrument
from portfolio_site.kernel.copying import copy_rows
from portfolio_site.kernel.errors import DomainError

_ISIN = re.compile(r"[A-Z]{2}[A-Z0-9]{9}[0-9]\Z")
_MIC = re.compile(r"[A-Z0-9]{4}\Z")
_PLAIN_CRYPTO = re.compile(r"([A-Z0-9]{2,10})-?(USD|EUR|GBP|CHF|USDT|USDC)\Z")
PRICE_SOURCE = "imported file"
_MOST_PRICE = Decimal(10) ** 12


@dataclass(slots=True)
class ThingsOfFile:
    """What the keys of a file mean here. `problems` by key: instruments that can be neither found nor made."""

    parsed: ParsedFile
    accounts: dict[str, int] = field(default_factory=dict)
    new_accounts: list[str] = field(default_factory=list)
    instruments: dict[str, Instrument] = field(default_factory=dict)
    created: set[int] = field(default_factory=set)
    problems: dict[str, str] = field(default_factory=dict)
    default_currency: str = ""

    @classmethod
    def of(cls, parsed: ParsedFile, locked: LockedPortfolio, *, actor: Any, now: datetime) -> ThingsOfFile:
        """Match or make all that the rows of the file use."""
        used = [row for row in parsed.rows if not row.skip]
        accounts = (key for row in used for key in (row.account, row.to_account, row.cash_account))
        instruments = (key for row in used for key in (row.instrument, row.to_instrument))
        return cls.named(parsed, locked, accounts=accounts, instruments=instruments, actor=actor, now=now)

    @classmethod
    def named(
        cls,
        parsed: ParsedFile,
        locked: LockedPortfolio,
        *,
        accounts: Iterable[str],
        instruments: Iterable[str],
        actor: Any,
        now: datetime,
    ) -> ThingsOfFile:
        """Match or make these accounts and instruments of the file; empty names stand for none."""
        things = cls(parsed, default_currency=locked.base_currency)
        things._match_accounts(locked, [key for key in dict.fromkeys(accounts) if key], now=now)
        for key in dict.fromkeys(instruments):
            if key:
                things._match_instrument(parsed.instruments[key], owner=actor)
        things._keep_prices()
        return things

    def entry(self, row: ParsedRow, *, source: str) -> Entry:
        """The row with our ids."""
        return Entry(
            type=row.type,
            occurred=row.occurred,
            account_id=self.accounts.get(row.account),
            to_account_id=self.accounts.get(row.to_account),
            cash_account_id=self.accounts.get(row.cash_account),
            instrument_id=self._id(row.instrument),
            to_instrument_id=self._id(row.to_instrument),
            quantity=row.quantity,
            price=row.price,
            amount=row.amount,
            fees=row.fees,
            taxes=row.taxes,
            currency=row.currency,
            fx_rate=row.fx_rate,
            instrument_rate=row.instrument_rate,
            ratio=row.ratio,
            cost=row.cost,
            note=row.note,
            tags=row.tags,
            source=source,
            external_id=row.external_id,
        )

    def problem_of(self, row: ParsedRow) -> str:
        """Why a row cannot be imported for its instruments; empty when it can."""
        return self.problems.get(row.instrument) or self.problems.get(row.to_instrument) or ""

    def symbol(self, key: str) -> str:
        """How to call an instrument of the file."""
        found = self.instruments.get(key)
        if found is not None:
            return found.symbol
        known = self.parsed.instruments.get(key)
        return (known.symbol or known.name or key) if known else ""

    def currencies(self) -> set[str]:
        """Every currency that rows or instruments are in."""
        return {row.currency for row in self.parsed.rows if row.currency} | {
            instrument.currency for instrument in self.instruments.values()
        }

    def _id(self, key: str) -> int | None:
        found = self.instruments.get(key)
        return found.pk if found else None

    # --- accounts ---

    def _match_accounts(self, locked: LockedPortfolio, keys: list[str], *, now: datetime) -> None:
        ours = list(Account.objects.filter(portfolio_id=locked.id).order_by("pk"))
        by_external = {account.external_id: account for account in ours if account.external_id}
        by_name = {account.name: account for account in ours}
        wanted: dict[str, ParsedAccount] = {}
        for key in keys:
            account = self.parsed.accounts[key]
            if (
                account.cash_account in self.parsed.accounts
            ):  # a cash account before the one that settles in it
                wanted.setdefault(account.cash_account, self.parsed.accounts[account.cash_account])
            wanted.setdefault(key, account)
        for account in sorted(wanted.values(), key=lambda a: a.kind != AccountKind.CASH):
            found = by_external.get(account.key) or by_name.get(account.name)
            if found is None and len(self._of_kind(account.kind)) == 1:
                # One account of the kind on either side: they are the same, whatever they are called.
                found = (
                    next((a for a in ours if a.kind == account.kind), None)
                    if _single(ours, account.kind)
                    else None
                )
            if found is None or found.kind != account.kind:
                found = self._open(locked, account, taken=set(by_name), now=now)
                by_name[found.name] = found
            self.accounts[account.key] = found.pk

    def _of_kind(self, kind: str) -> list[ParsedAccount]:
        return [account for account in self.parsed.accounts.values() if account.kind == kind]

    def _open(
        self, locked: LockedPortfolio, account: ParsedAccount, *, taken: set[str], now: datetime
    ) -> Account:
        name = account.name[:110] or "Account"
        number = 1
        while (name if number == 1 else f"{name} ({number})") in taken:
            number += 1
        made = add_account(
            portfolio_id=locked.id,
            name=name if number == 1 else f"{name} ({number})",
            kind=account.kind,
            currency=account.currency,
            cash_account_id=self.accounts.get(account.cash_account),
            external_id=account.key,
            now=now,
        )
        self.new_accounts.append(made.name)
        return made

    # --- instruments ---

    def _match_instrument(self, wanted: ParsedInstrument, *, owner: Any) -> None:
        try:
            made, is_new = match_instrument(wanted, owner)
        except DomainError as refusal:
            self.problems[wanted.key] = f"{wanted.symbol or wanted.name or wanted.key}: {refusal.message}"
            return
        self.instruments[wanted.key] = made
        if is_new:
            self.created.add(made.pk)

    def _keep_prices(self) -> None:
        """Prices of the file for what is the person's own: nobody else provides any. What is known stays."""
        rows = [
            (instrument.pk, self.parsed.instruments[key].prices)
            for key, instrument in self.instruments.items()
            if instrument.owner_id is not None and self.parsed.instruments[key].prices
        ]
        if not rows:
            return
        with connection.cursor() as cursor:
            # Copied beside the table first: what is known already stays.
            cursor.execute(
                "CREATE TEMPORARY TABLE hf_prices_of_file (instrument_id bigint, date date, close numeric) ON COMMIT DROP"
            )
            copy_rows(
                "hf_prices_of_file",
                ("instrument_id", "date", "close"),
                (
                    (pk, day, price)
                    for pk, prices in rows
                    for day, price in prices.items()
                    if price < _MOST_PRICE
                ),
            )
            cursor.execute(
                "INSERT INTO marketdata_pricebar (instrument_id, date, close, source) "
                "SELECT instrument_id, date, close, %s FROM hf_prices_of_file ON CONFLICT DO NOTHING",
                [PRICE_SOURCE],
            )
            cursor.execute("DROP TABLE hf_prices_of_file")


def match_instrument(wanted: ParsedInstrument, owner: Any) -> tuple[Instrument, bool]:
    """The instrument that a file means, and whether it was made for it as the person's own. Raises what refuses to make it."""
    found = _find(wanted, owner)
    return (found, False) if found is not None else _make(wanted, owner)


def _find(wanted: ParsedInstrument, owner: Any) -> Instrument | None:
    """Coins by their bare symbol too: Ghostfolio and Yahoo write BTCUSD and BTC-USD for bitcoin in dollars."""
    pair = _PLAIN_CRYPTO.match(wanted.symbol.upper())
    if pair is None or wanted.asset_class not in ("", "crypto", "other"):
        return None
    names = [pair[1], f"{pair[1]}-{pair[2]}", f"{pair[1]}{pair[2]}"]
    rows = Instrument.objects.visible_to(owner).filter(
        Q(symbol_key__in=names) | Q(provider_symbols__yahoo__in=names),
        asset_class=AssetClass.CRYPTO,
        currency=pair[2],
    )
    mine = rows.filter(Q(owner__isnull=True) | Q(owner=owner))
    found: Instrument | None = mine.order_by("owner_id", "pk").first()
    return found


def _make(wanted: ParsedInstrument, owner: Any) -> tuple[Instrument, bool]:
    isin = wanted.isin.upper() if _ISIN.match(wanted.isin.upper()) else ""
    exchange = wanted.exchange.upper() if _MIC.match(wanted.exchange.upper()) else ""
    if wanted.symbol:
        found = get_or_create_instrument(
            owner=owner,
            symbol=wanted.symbol[:40],
            name=wanted.name[:200] or wanted.symbol,
            currency=wanted.currency,
            asset_class=wanted.asset_class or AssetClass.EQUITY,
            isin=isin,
            exchange=exchange,
        )
        made = found.instrument
        if found.created:
            _complete(made, wanted)
        return made, found.created
    # Kept by hand where it comes from, known by name alone.
    name = wanted.name[:200] or wanted.key[:200]
    mine = Instrument.objects.filter(owner=owner, name=name, currency=wanted.currency).first()
    if mine is not None:
        return mine, False
    symbol = re.sub(r"[^A-Z0-9]+", "-", name.upper()).strip("-")[:32] or "OWN"
    number = 1
    taken = set(
        Instrument.objects.filter(owner=owner, symbol_key__startswith=symbol).values_list(
            "symbol_key", flat=True
        )
    )
    while (symbol if number == 1 else f"{symbol}-{number}") in taken:
        number += 1
    made = create_instrument(
        owner=owner,
        symbol=symbol if number == 1 else f"{symbol}-{number}",
        name=name,
        currency=wanted.currency,
        asset_class=wanted.asset_class or AssetClass.OTHER,
    )
    return made, True


def _complete(made: Instrument, wanted: ParsedInstrument) -> None:
    """What `get_or_create_instrument` does not take: how a bond is quoted, and what a contract is worth."""
    made.multiplier, made.quote_unit = wanted.multiplier, wanted.quote_unit
    made.coupon_rate, made.maturity_date = wanted.coupon_rate, wanted.maturity_date
    made.save(update_fields=["multiplier", "quote_unit", "coupon_rate", "maturity_date"])


def _single(accounts: list[Account], kind: str) -> bool:
    return sum(account.kind == kind for account in accounts) == 1
