"""The journal of a portfolio file: what each type needs, and which accounts and currency a row means when it leaves them out."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from zoneinfo import ZoneInfo

from holdings.domain.ledger.replay import disagreement
from holdings.domain.numbers import exact
from holdings.domain.parsing.reader import Reader, shown
from holdings.domain.types import (
    ZERO,
    Account,
    AccountKind,
    Instrument,
    Transaction,
    TransactionType,
)

T = TransactionType
KEYS = frozenset(
    "id date type account to_account cash_account instrument to_instrument quantity price amount fees taxes currency fx_rate "
    "instrument_rate ratio cost lots external_id note tags".split()
)
TRADES = frozenset([T.BUY, T.SELL])
DELIVERIES = frozenset([T.DELIVERY_IN, T.DELIVERY_OUT])
INCOME = frozenset([T.DIVIDEND, T.DISTRIBUTION, T.INTEREST, T.STAKING])
COSTS = frozenset([T.FEE, T.FEE_REFUND, T.TAX, T.TAX_REFUND])
# Corporate actions act on every account unless one is named.
ACTIONS = frozenset([T.SPLIT, T.SPIN_OFF, T.MERGER, T.SYMBOL_CHANGE, T.RETURN_OF_CAPITAL])
CASH_ONLY = frozenset([T.DEPOSIT, T.WITHDRAWAL, T.INTEREST_CHARGE, *COSTS])
NEEDS_INSTRUMENT = frozenset([*TRADES, *DELIVERIES, *ACTIONS, T.DIVIDEND, T.DISTRIBUTION])
NEEDS_QUANTITY = frozenset([*TRADES, *DELIVERIES])
NEEDS_AMOUNT = frozenset([T.DEPOSIT, T.WITHDRAWAL, T.INTEREST_CHARGE, T.RETURN_OF_CAPITAL, T.LIABILITY])
NEEDS_TARGET = frozenset([T.SPIN_OFF, T.SYMBOL_CHANGE])
TOLERANCE = Decimal("0.005")


def read_transactions(
    reader: Reader,
    value: object,
    *,
    zone: ZoneInfo,
    base: str,
    accounts: Mapping[str, Account],
    instruments: Mapping[str, Instrument],
) -> list[Transaction]:
    """Every row in file order; a row with a problem is left out, its problems noted."""
    row_reader = RowReader(reader, zone, base, accounts, instruments)
    found: list[Transaction] = []
    seen: set[str] = set()
    for path, row in reader.rows(value, "transactions"):
        before = len(reader.problems)
        transaction = row_reader.read(path, row)
        if transaction.id in seen:
            reader.wrong(f"{path}.id", f"duplicate id {shown(transaction.id)}")
        seen.add(transaction.id)
        if len(reader.problems) == before:
            found.append(transaction)
    return found


class RowReader:
    """Reads rows against one file's accounts and instruments."""

    def __init__(
        self,
        reader: Reader,
        zone: ZoneInfo,
        base: str,
        accounts: Mapping[str, Account],
        instruments: Mapping[str, Instrument],
    ) -> None:
        self.reader, self.zone, self.base = reader, zone, base
        self.accounts, self.instruments = accounts, instruments
        self.only = {
            kind: found[0] if len(found := [a.id for a in accounts.values() if a.kind is kind]) == 1 else None
            for kind in AccountKind
        }
        self.single = next(iter(accounts)) if len(accounts) == 1 else None

    def read(self, path: str, row: Mapping[str, object]) -> Transaction:
        """One row; problems are noted with the reader."""
        reader = self.reader
        if not KEYS.issuperset(row):
            reader.unknown(row, KEYS, f"{path}.")
        kind = self._type(row, path)
        when = reader.when(row.get("date"), f"{path}.date", self.zone) or (date(FALLBACK_YEAR, 1, 1), None)
        name = reader.text(row.get("id"), f"{path}.id")
        if not name and "id" in row and isinstance(row["id"], str):
            reader.wrong(f"{path}.id", "must not be empty")
        instrument = self._reference(row, "instrument", path, self.instruments)
        to_instrument = self._reference(row, "to_instrument", path, self.instruments)
        numbers = self._numbers(row, path, kind)
        account, cash_account = self._accounts(row, path, kind, instrument)
        to_account = self._reference(row, "to_account", path, self.accounts)
        currency = reader.currency(row.get("currency"), f"{path}.currency") or self._default_currency(
            instrument, cash_account
        )
        transaction = Transaction(
            id=name or f"#{path[13:-1]}",
            type=kind,
            day=when[0],
            at=when[1],
            currency=currency,
            account=account,
            to_account=to_account,
            cash_account=cash_account,
            to_cash_account=self._cash_of(to_account),
            instrument=instrument,
            to_instrument=to_instrument,
            quantity=numbers["quantity"],
            price=numbers["price"],
            amount=numbers["amount"],
            fees=numbers["fees"] or ZERO,
            taxes=numbers["taxes"] or ZERO,
            fx_rate=numbers["fx_rate"],
            instrument_rate=numbers["instrument_rate"],
            ratio=reader.ratio(row.get("ratio"), f"{path}.ratio"),
            cost=numbers["cost"],
            lots=reader.strings(row.get("lots"), f"{path}.lots") if "lots" in row else (),
            external_id=reader.text(row.get("external_id"), f"{path}.external_id")
            if "external_id" in row
            else "",
            note=reader.text(row.get("note"), f"{path}.note") if "note" in row else "",
            tags=reader.strings(row.get("tags"), f"{path}.tags") if "tags" in row else (),
            path=path,
            when=str(row.get("date") or ""),
        )
        if row.get("type") == kind:  # of a row of unknown type nothing more can be said
            self._check(transaction, row, path)
        return transaction

    def _type(self, row: Mapping[str, object], path: str) -> TransactionType:
        value = row.get("type")
        try:
            if isinstance(value, str):
                return TYPES[value]
        except KeyError:
            pass
        message = "is required" if value is None else f"unknown type {shown(value)}"
        self.reader.wrong(f"{path}.type", message)
        return T.LIABILITY

    def _reference(
        self, row: Mapping[str, object], key: str, path: str, known: Mapping[str, object]
    ) -> str | None:
        value = row.get(key)
        if value is None:
            return None
        name = self.reader.text(value, f"{path}.{key}", required=True)
        if not name:
            return None
        if name not in known:
            self.reader.wrong(
                f"{path}.{key}", f"unknown {key.removeprefix('to_').replace('_', ' ')} {shown(name)}"
            )
            return None
        return name

    def _numbers(
        self, row: Mapping[str, object], path: str, kind: TransactionType
    ) -> dict[str, Decimal | None]:
        found: dict[str, Decimal | None] = dict.fromkeys(NUMBERS)
        for key in NUMBERS:
            value = row.get(key)
            if value is not None:
                found[key] = self.reader.decimal(
                    value,
                    f"{path}.{key}",
                    negative=key == "amount" and kind is T.LIABILITY,
                    zero=key not in POSITIVE,
                )
        return found

    def _accounts(
        self, row: Mapping[str, object], path: str, kind: TransactionType, instrument: str | None
    ) -> tuple[str | None, str | None]:
        """(account of the position or of the cash, account whose cash moves)."""
        account = self._reference(row, "account", path, self.accounts)
        cash = self._reference(row, "cash_account", path, self.accounts)
        if account is None and row.get("account") is None:
            account = self._default_account(kind, instrument, cash)
            if account is None and kind not in ACTIONS and kind is not T.LIABILITY:
                self.reader.wrong(f"{path}.account", "is required: the file has several accounts")
        if cash is None and row.get("cash_account") is None:
            cash = self._cash_of(account) or self._default_cash()
        return account, cash

    def _default_account(self, kind: TransactionType, instrument: str | None, cash: str | None) -> str | None:
        if kind in ACTIONS or kind is T.LIABILITY:
            return None
        if kind in CASH_ONLY or instrument is None:
            return cash or self.single or self.only[AccountKind.CASH] or self._default_cash()
        return self.single or self.only[AccountKind.SECURITIES]

    def _default_cash(self) -> str | None:
        return self.single or self.only[AccountKind.CASH] or self._cash_of(self.only[AccountKind.SECURITIES])

    def _cash_of(self, name: str | None) -> str | None:
        if name is None:
            return None
        account = self.accounts[name]
        return account.cash_account if account.cash_account is not None else account.id

    def _default_currency(self, instrument: str | None, cash_account: str | None) -> str:
        if instrument is not None:
            return self.instruments[instrument].currency
        if cash_account is not None:
            return self.accounts[cash_account].currency
        return self.base

    # --- what each type needs ---

    def _check(self, tx: Transaction, row: Mapping[str, object], path: str) -> None:
        need = self._need
        need(tx.type in NEEDS_INSTRUMENT and row.get("instrument") is None, f"{path}.instrument")
        need(tx.type in NEEDS_QUANTITY and row.get("quantity") is None, f"{path}.quantity")
        need(tx.type in NEEDS_AMOUNT and row.get("amount") is None, f"{path}.amount")
        need(tx.type in NEEDS_TARGET and row.get("to_instrument") is None, f"{path}.to_instrument")
        need(tx.type is T.SPLIT and row.get("ratio") is None, f"{path}.ratio")
        if tx.type in TRADES:
            missing = row.get("price") is None and row.get("amount") is None
            need(missing, f"{path}.price", "is required (or an amount)")
            self._compare(tx, path)
        elif tx.type in INCOME:
            need(row.get("amount") is None and row.get("quantity") is None, f"{path}.amount")
            need(row.get("quantity") is not None and row.get("instrument") is None, f"{path}.instrument")
            if tx.quantity and tx.amount is not None:
                self.reader.notice(
                    "amount_ignored",
                    "income in kind counts at the day's value: its amount was ignored",
                    f"{path}.amount",
                )
        elif tx.type in COSTS:
            need(row.get("amount") is None and not tx.fees and not tx.taxes, f"{path}.amount")
        elif tx.type is T.TRANSFER:
            self._check_transfer(tx, row, path)
        elif tx.type in ACTIONS:
            self._check_action(tx, row, path)

    def _need(self, missing: bool, path: str, message: str = "is required") -> None:
        if missing:
            self.reader.wrong(path, message)

    def _check_transfer(self, tx: Transaction, row: Mapping[str, object], path: str) -> None:
        self._need(row.get("to_account") is None, f"{path}.to_account")
        if tx.to_account is not None and tx.to_account == tx.account:
            self.reader.wrong(f"{path}.to_account", "must be another account than account")
        if row.get("instrument") is None:
            self._need(row.get("amount") is None, f"{path}.amount")
        else:
            self._need(row.get("quantity") is None, f"{path}.quantity")

    def _check_action(self, tx: Transaction, row: Mapping[str, object], path: str) -> None:
        if tx.to_instrument is not None and tx.to_instrument == tx.instrument:
            self.reader.wrong(f"{path}.to_instrument", "must be another instrument than instrument")
        if tx.type is T.SPIN_OFF:
            self._need(row.get("ratio") is None and row.get("quantity") is None, f"{path}.ratio")
        elif tx.type is T.MERGER:
            if row.get("to_instrument") is None:
                self._need(row.get("amount") is None, f"{path}.to_instrument")
            else:
                self._need(row.get("ratio") is None and row.get("quantity") is None, f"{path}.ratio")
        if tx.cash_account is None and (tx.amount or tx.fees or tx.taxes) and tx.type is not T.SPIN_OFF:
            self.reader.wrong(f"{path}.cash_account", "is required: the file has several cash accounts")

    def _compare(self, tx: Transaction, path: str) -> None:
        if tx.price is None or tx.amount is None or tx.instrument is None:
            return
        with exact():
            apart = disagreement(tx, self.instruments[tx.instrument])
        if apart is not None and apart > TOLERANCE:
            self.reader.notice(
                "amount_differs",
                "amount and quantity × price differ by more than 0.5 %: the amount counts",
                f"{path}.amount",
            )


NUMBERS = ("quantity", "price", "amount", "fees", "taxes", "fx_rate", "instrument_rate", "cost")
POSITIVE = frozenset(["fx_rate", "instrument_rate"])
TYPES = {str(kind): kind for kind in TransactionType}
FALLBACK_YEAR = 2000
