"""Ghostfolio's JSON export: `activities` with `unitPrice`, `assetProfiles` for what it keeps by hand."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, time
from decimal import Decimal
from typing import Any

from holdings.importers.base import (
    FileRefused,
    ParsedAccount,
    ParsedFile,
    ParsedInstrument,
    ParsedRow,
    Problem,
    with_external_ids,
)
from holdings.importers.reading import BadValue, as_decimal, as_instant, as_text, load_json

_TYPES = {
    "BUY": "buy",
    "SELL": "sell",
    "DIVIDEND": "dividend",
    "FEE": "fee",
    "INTEREST": "interest",
    "LIABILITY": "liability",
    "ITEM": "delivery_in",
}
_ASSET_CLASSES = {
    "STOCK": "equity",
    "ETF": "etf",
    "MUTUALFUND": "fund",
    "BOND": "bond",
    "CRYPTOCURRENCY": "crypto",
    "COMMODITY": "commodity",
    "PRECIOUS_METAL": "commodity",
    "PRIVATE_EQUITY": "private",
    "REAL_ESTATE": "real_estate",
    "CASH": "currency",
    "EQUITY": "equity",
    "FIXED_INCOME": "bond",
}
_SYMBOL = re.compile(r"[A-Za-z0-9^][A-Za-z0-9.\-=^_ ]{0,39}\Z")
_CURRENCY = re.compile(r"[A-Z]{3,8}\Z")


class GhostfolioImporter:
    """The file that Ghostfolio writes under “Export”, and the shape that its own import takes."""

    code = "ghostfolio"
    label = "Ghostfolio (JSON)"

    def sniff(self, head: bytes) -> bool:
        """An object with activities, and prices by unit."""
        return head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{") and (
            b'"activities"' in head or b'"unitPrice"' in head or b'"performanceCalculationType"' in head
        )

    def parse(self, content: bytes) -> ParsedFile:
        """Read the export; a row that is wrong is left out with its problem."""
        document = load_json(content)
        activities = document.get("activities")
        if not isinstance(activities, list):
            raise FileRefused(
                [Problem(path="activities", message="is missing; this is no Ghostfolio export")]
            )
        reader = _Reader(document)
        rows = [row for index, item in enumerate(activities) if (row := reader.row(index, item)) is not None]
        rows.sort(key=_instant)
        return ParsedFile(
            format=self.code,
            title="Ghostfolio",
            base_currency=reader.base_currency(),
            rows=with_external_ids(rows),
            instruments=reader.instruments,
            accounts=reader.accounts,
            problems=tuple(reader.problems),
        )


class _Reader:
    def __init__(self, document: Mapping[str, Any]) -> None:
        self.document = document
        self.problems: list[Problem] = []
        self.instruments: dict[str, ParsedInstrument] = {}
        self.profiles = {
            (str(profile.get("dataSource")), str(profile.get("symbol"))): profile
            for profile in _objects(document, "assetProfiles")
        }
        self.accounts: dict[str, ParsedAccount] = {}
        for index, account in enumerate(_objects(document, "accounts")):
            self._account(index, account)

    def base_currency(self) -> str:
        user = self.document.get("user")
        settings = user.get("settings") if isinstance(user, dict) else None
        code = settings.get("currency") if isinstance(settings, dict) else None
        return code if isinstance(code, str) and _CURRENCY.match(code) else ""

    def _account(self, index: int, account: Mapping[str, Any]) -> None:
        key, name, currency = account.get("id"), account.get("name"), account.get("currency")
        if not isinstance(key, str) or not isinstance(currency, str) or not _CURRENCY.match(currency):
            self._problem(f"accounts[{index}]", "has no id or currency and is left out", is_error=False)
            return
        name = as_text(name, "", longest=100) or "Account" if isinstance(name, str | None) else "Account"
        cash = f"{key}/cash"
        self.accounts[cash] = ParsedAccount(key=cash, name=f"{name} (cash)", kind="cash", currency=currency)
        self.accounts[key] = ParsedAccount(
            key=key, name=name, kind="securities", currency=currency, cash_account=cash
        )
        if account.get("balances") or account.get("balance"):
            self._problem(
                f"accounts[{index}].balances",
                "is a figure that Ghostfolio keeps beside the activities and is left out: cash here follows from "
                "entries. Add a deposit if some is missing",
                is_error=False,
            )

    def _problem(self, path: str, message: str, *, is_error: bool = True) -> None:
        self.problems.append(Problem(path=path, message=message, is_error=is_error))

    def row(self, index: int, item: object) -> ParsedRow | None:
        path = f"activities[{index}]"
        if not isinstance(item, dict):
            self._problem(path, "is no object")
            return None
        try:
            return self._row(path, item)
        except BadValue as error:
            self._problem(error.path, error.message)
            return None

    def _row(self, path: str, item: Mapping[str, Any]) -> ParsedRow:
        kind = _TYPES.get(str(item.get("type")))
        if kind is None:
            raise BadValue(f"{path}.type", f"“{str(item.get('type'))[:40]}” is not a kind of activity")
        occurred = as_instant(item.get("date"), f"{path}.date")
        if isinstance(occurred, datetime) and occurred.astimezone(UTC).time() == time(0):
            occurred = occurred.astimezone(UTC).date()  # Ghostfolio writes a day as its midnight in UTC
        quantity = as_decimal(item.get("quantity", Decimal(0)), f"{path}.quantity")
        price = as_decimal(item.get("unitPrice", Decimal(0)), f"{path}.unitPrice")
        fee = as_decimal(item.get("fee", Decimal(0)), f"{path}.fee")
        currency = as_text(item.get("currency"), f"{path}.currency")
        if not _CURRENCY.match(currency):
            raise BadValue(f"{path}.currency", f"“{currency[:40]}” is not a currency code")
        instrument = self._instrument(path, item, currency)
        account = item.get("accountId")
        common: dict[str, Any] = {
            "path": path,
            "type": kind,
            "occurred": occurred,
            "currency": currency,
            "account": account if isinstance(account, str) and account in self.accounts else "",
            "external_id": f"id:{item['id']}"[:200] if isinstance(item.get("id"), str) and item["id"] else "",
            "note": as_text(item.get("comment"), f"{path}.comment"),
            "tags": self._tags(item),
        }
        if kind in ("buy", "sell", "delivery_in"):
            return self._trade(common, instrument, quantity, price, fee)
        return self._cash(common, instrument, quantity * price, fee, item)

    def _trade(
        self,
        common: dict[str, Any],
        instrument: ParsedInstrument,
        quantity: Decimal,
        price: Decimal,
        fee: Decimal,
    ) -> ParsedRow:
        self.instruments[instrument.key] = instrument
        skip = "It is of 0 units and changes nothing." if quantity == 0 and fee == 0 else ""
        if quantity == 0 and fee:
            raise BadValue(f"{common['path']}.quantity", "is 0, but there is a fee")
        if common["type"] == "delivery_in":
            common["cost"] = quantity * price + fee
            fee = Decimal(0)
        return ParsedRow(
            **common, instrument=instrument.key, quantity=quantity, price=price, fees=fee, skip=skip
        )

    def _cash(
        self,
        common: dict[str, Any],
        instrument: ParsedInstrument,
        amount: Decimal,
        fee: Decimal,
        item: Mapping[str, Any],
    ) -> ParsedRow:
        kind = common["type"]
        key = ""
        if kind == "dividend":
            self.instruments[instrument.key] = instrument
            key = instrument.key
        elif not common["note"] and str(item.get("dataSource")) == "MANUAL":
            common["note"] = instrument.name
        if kind == "fee":
            amount, fee = amount + fee, Decimal(0)
        skip = "It is of an amount of 0 and changes nothing." if amount == 0 and fee == 0 else ""
        return ParsedRow(**common, instrument=key, amount=amount, fees=fee, skip=skip)

    def _tags(self, item: Mapping[str, Any]) -> tuple[str, ...]:
        names = {tag.get("id"): tag.get("name") for tag in _objects(self.document, "tags")}
        tags = item.get("tags")
        if not isinstance(tags, list):
            return ()
        found = (names.get(tag.get("id") if isinstance(tag, dict) else tag) for tag in tags if _hashable(tag))
        return tuple(dict.fromkeys(name[:60] for name in found if isinstance(name, str)))

    def _instrument(self, path: str, item: Mapping[str, Any], currency: str) -> ParsedInstrument:
        symbol = as_text(item.get("symbol"), f"{path}.symbol", longest=100)
        source = as_text(item.get("dataSource"), f"{path}.dataSource", longest=40) or "YAHOO"
        if not _SYMBOL.match(symbol):
            raise BadValue(f"{path}.symbol", f"“{symbol[:40]}” is not a symbol")
        profile = self.profiles.get((source, symbol), {})
        name = profile.get("name")
        kind = profile.get("assetSubClass") or profile.get("assetClass")
        isin, own_currency = profile.get("isin"), profile.get("currency")
        return ParsedInstrument(
            key=f"{source}:{symbol}",
            symbol="" if source == "MANUAL" else symbol,
            name=name[:200] if isinstance(name, str) else "",
            currency=own_currency
            if isinstance(own_currency, str) and _CURRENCY.match(own_currency)
            else currency,
            asset_class=_ASSET_CLASSES.get(str(kind), ""),
            isin=isin if isinstance(isin, str) else "",
            provider=source.lower(),
            provider_symbol=symbol,
        )


def _objects(document: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    items = document.get(key)
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []


def _hashable(value: object) -> bool:
    return isinstance(value, str | dict)


def _instant(row: ParsedRow) -> datetime:
    occurred = row.occurred
    return occurred if isinstance(occurred, datetime) else datetime.combine(occurred, time(0), tzinfo=UTC)
