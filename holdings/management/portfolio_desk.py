"""What `manage.py portfolio` can do, for its menu and its subcommands alike: the same operations as the site's."""

from __future__ import annotations

import re
import shutil
import tempfile
from dataclasses import asdict
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, BinaryIO
from uuid import UUID

from django.db import transaction

from documents.operations import open_document
from holdings import operations, queries
from holdings.models import Portfolio
from holdings.operations import RestoreOutcome, RestoreRefused
from marketdata.queries import PriceAnswer, find_assets, kind_of, price_answers
from portfolio_site.kernel import clock
from portfolio_site.kernel.api.fields import plain

Json = dict[str, Any]
#: A thousand to some, and one to others.
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")


def number(text: str, *, zero: bool = False) -> Decimal:
    """Read a quantity or price that somebody typed. Raises ValueError with a sentence."""
    if _THOUSANDS.fullmatch(text.strip()):
        raise ValueError(
            f"“{text.strip()[:40]}” can be read in two ways. Write it without a comma, like 1500 or 1.5."
        )
    try:
        value = Decimal(text.strip().replace(",", "."))
    except InvalidOperation:
        raise ValueError(f"“{text[:40]}” is not a number. Write it like 12.5.") from None
    if not value.is_finite() or abs(value.adjusted()) > 24:
        raise ValueError(f"“{text[:40]}” is not a number that can be booked.")
    if value < 0 or (value == 0 and not zero):
        raise ValueError("It must be more than zero." if not zero else "It must not be negative.")
    return value


class Desk:
    """The assets of one person, in their main portfolio or the one that was named."""

    def __init__(self, user: Any, portfolio_id: int | None = None) -> None:
        self.user, self.portfolio_id = user, portfolio_id

    @property
    def portfolio(self) -> Portfolio | None:
        """The portfolio; None before there is one. Raises `queries.PortfolioNotFound`."""
        return queries.chosen_portfolio(self.user, self.portfolio_id)

    def view(self) -> Json:
        """Assets and totals."""
        now, portfolio = clock.now(), self.portfolio
        summary = queries.asset_summary(self.user, portfolio, now=now)
        return {
            "portfolio": summary.portfolio,
            "currency": summary.currency,
            "total_value": _text(summary.total_value),
            "cash": _text(summary.cash),
            "cost_basis": _text(summary.cost_basis),
            "gain": _text(summary.gain),
            "is_simulated": summary.is_simulated,
            "missing": list(summary.missing),
            "assets": [
                {
                    "id": row.instrument_id,
                    "symbol": row.symbol,
                    "name": row.name,
                    "type": kind_of(row.asset_class),
                    "quantity": plain(row.quantity),
                    "price": _text(row.price.price if row.price else None),
                    "price_currency": row.currency,
                    "value": _text(row.market_value_base),
                    "gain": _text(row.unrealised_gain_base),
                }
                for row in queries.assets_of(portfolio, now=now)
            ],
        }

    def add(
        self, symbol: str, quantity: Decimal, *, price: Decimal | None = None, kind: str | None = None,
        on: date | None = None,
    ) -> Json:  # fmt: skip
        """Add to what is held of an asset."""
        _, asset_id = operations.add_asset(
            owner=self.user, symbol=symbol, quantity=quantity, price=price, kind=kind, on=on,
            portfolio_id=self.portfolio_id, now=clock.now(),
        )  # fmt: skip
        return self.one(asset_id)

    def update(self, symbol: str, quantity: Decimal, *, price: Decimal | None = None) -> Json:
        """Say how much there is now; zero takes it off the list."""
        asset_id = self.held(symbol)
        operations.update_asset(
            owner=self.user, asset_id=asset_id, quantity=quantity, price=price,
            portfolio_id=self.portfolio_id, now=clock.now(),
        )  # fmt: skip
        return self.one(asset_id) if quantity else {"id": asset_id, "symbol": symbol, "quantity": "0"}

    def remove(self, symbol: str) -> Json:
        """Take an asset off the list."""
        asset_id = self.held(symbol)
        operations.remove_asset(
            owner=self.user, asset_id=asset_id, portfolio_id=self.portfolio_id, now=clock.now()
        )
        return {"id": asset_id, "symbol": symbol, "quantity": "0"}

    def one(self, asset_id: int) -> Json:
        """One asset of the view."""
        found: Json = next(row for row in self.view()["assets"] if row["id"] == asset_id)
        return found

    def held(self, symbol: str) -> int:
        """The id of a held asset by its symbol. Raises `queries.AssetNotFound`."""
        wanted = symbol.strip().upper()
        rows = queries.assets_of(self.portfolio, now=clock.now())
        exact = [row.instrument_id for row in rows if row.symbol.upper() == wanted]
        if exact:
            return exact[0]
        meant = find_assets(user=self.user, symbols=[symbol]).get(symbol)
        if meant is None or meant.pk not in {row.instrument_id for row in rows}:
            raise queries.AssetNotFound(f"“{symbol[:40]}” is not in the portfolio.")
        return meant.pk

    def prices(self, symbols: list[str], *, currency: str = "") -> list[PriceAnswer]:
        """The latest prices."""
        return price_answers(user=self.user, symbols=symbols, currency=currency.upper(), now=clock.now())

    def back_up(self, *, everything: bool) -> Json:
        """Write a backup of the portfolio, or of all, into the private store."""
        portfolio = None if everything else self.portfolio
        made = operations.make_backup(
            owner=self.user, portfolio_id=portfolio.pk if portfolio else None, now=clock.now()
        )
        return {
            "id": str(made.id), "filename": made.filename, "size": made.size, "sha256": made.sha256,
            "created_at": made.created_at.isoformat(),
        }  # fmt: skip

    def backups(self) -> list[Json]:
        """What was put away, newest first."""
        return [
            {"id": str(row.id), "filename": row.filename, "size": row.size, "sha256": row.sha256,
             "created_at": row.created_at.isoformat()}
            for row in operations.backups_for(self.user, now=clock.now())
        ]  # fmt: skip

    def fetch(self, backup_id: UUID) -> BinaryIO:
        """A backup from the store, in a temporary file. Raises `DocumentNotFound`."""
        _, stored = open_document(document_id=backup_id, actor=self.user, now=clock.now())
        local = tempfile.TemporaryFile()  # noqa: SIM115 - the caller closes it
        with stored:
            shutil.copyfileobj(stored, local)
        local.seek(0)
        return local

    def restore(
        self, content: BinaryIO, *, into: int | None, exact: bool = False, preview: bool = False
    ) -> list[RestoreOutcome]:
        """Bring every portfolio of a backup back, or none of them; with `into` its one portfolio into that one."""
        manifest = operations.look_into_backup(content=content)
        if into is not None and len(manifest.members) != 1:
            raise RestoreRefused(
                f"The backup holds {len(manifest.members)} portfolios; only one of its own goes into an existing one.",
                field="into",
            )
        with transaction.atomic():
            return [
                operations.restore_backup(
                    owner=self.user, content=content, file=member.file, portfolio_id=into, is_exact=exact,
                    is_preview=preview, now=clock.now(),
                )
                for member in manifest.members
            ]  # fmt: skip


def save_as(content: BinaryIO, path: Path) -> None:
    """Write a fetched backup to a file that is not there yet. Raises OSError."""
    with path.open("xb") as file:
        content.seek(0)
        shutil.copyfileobj(content, file)


def outcome_json(outcome: RestoreOutcome) -> Json:
    """A restore's outcome as JSON-able values."""
    body = asdict(outcome)
    for name in ("cash", "holdings"):
        body[name] = [
            {"label": row["label"], "before": plain(row["before"]), "after": plain(row["after"])}
            for row in body[name]
        ]
    return body | {"problems": list(outcome.problems), "changes_nothing": outcome.changes_nothing}


def price_json(answer: PriceAnswer) -> Json:
    """A price as JSON-able values."""
    body = asdict(answer)
    body["price"] = _text(answer.price)
    body["time"] = answer.time.isoformat() if answer.time else None
    return body


def _text(value: Decimal | None) -> str | None:
    return None if value is None else plain(value)
