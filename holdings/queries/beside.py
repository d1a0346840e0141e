"""What of a person's things a portfolio file has no word for: planned entries, target weights, watchlists. For backups."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from holdings.models import Account, DraftTransaction, Portfolio, TargetDimension, TargetWeight
from holdings.queries.exports import unique_names
from holdings.queries.journal import domain_instrument
from holdings.queries.targets import instrument_ids
from marketdata.models import Instrument
from marketdata.queries import watchlists_of

FORMAT: Final = "holdfast-beside/1"
ACCOUNTS: Final = ("account", "to_account", "cash_account")
THINGS: Final = ("instrument", "to_instrument")


def beside(portfolios: Mapping[str, Portfolio], *, owner: Any, with_watchlists: bool) -> dict[str, Any]:
    """As JSON: planned entries and targets by the file that a portfolio has in the backup, watchlists of the person, and the
    instruments that any of them names. Seven statements at most, and one for each portfolio."""
    ids = {portfolio.pk: file for file, portfolio in portfolios.items()}
    things: set[int] = set()
    told: dict[str, dict[str, Any]] = {file: {"planned": [], "targets": {}} for file in portfolios}
    drafts = DraftTransaction.objects.filter(portfolio__in=ids).order_by("occurred_at", "pk")
    names: dict[int, dict[str, str]] = {}
    for draft in drafts:
        if draft.portfolio_id not in names:
            rows = Account.objects.filter(portfolio_id=draft.portfolio_id).order_by("pk")
            names[draft.portfolio_id] = unique_names({str(row.pk): row.name or str(row.pk) for row in rows})
        told[ids[draft.portfolio_id]]["planned"].append(
            _planned(draft.entry, names[draft.portfolio_id], things)
        )
    for target in TargetWeight.objects.filter(portfolio__in=ids).order_by("dimension", "key"):
        if target.dimension == TargetDimension.INSTRUMENT:
            things.update(instrument_ids([target.key]))
        weights = told[ids[target.portfolio_id]]["targets"].setdefault(target.dimension, {})
        weights[target.key] = format(target.weight.normalize(), "f")
    lists = watchlists_of(owner) if with_watchlists else []
    things.update(pk for watchlist in lists for pk in watchlist.instrument_ids)
    return {
        "format": FORMAT,
        "instruments": {str(row.pk): _thing(row) for row in _things(things, owner)},
        "portfolios": told,
        "watchlists": [
            {"name": watchlist.name, "instruments": [str(pk) for pk in watchlist.instrument_ids]}
            for watchlist in lists
        ],
    }


def _planned(entry: Mapping[str, Any], places: Mapping[str, str], things: set[int]) -> dict[str, Any]:
    """An entry with the names that the portfolio file has for accounts, and instruments by the numbers they have here."""
    body = {key: value for key, value in entry.items() if not key.endswith("_id") or key == "external_id"}
    for name in ACCOUNTS:
        place = entry.get(f"{name}_id")
        if place is not None and str(place) in places:
            body[name] = places[str(place)]
    for name in THINGS:
        thing = entry.get(f"{name}_id")
        if thing is not None:
            things.add(int(thing))
            body[name] = str(thing)
    return body


def _things(ids: Iterable[int], owner: Any) -> Iterable[Instrument]:
    """As their owner sees them: what a target names is no way to somebody else's things."""
    return Instrument.objects.visible_to(owner).filter(pk__in=list(ids)).order_by("pk")


def _thing(row: Instrument) -> dict[str, Any]:
    thing = domain_instrument(row)
    body = {
        "symbol": thing.symbol,
        "name": thing.name,
        "currency": thing.currency,
        "asset_class": str(thing.asset_class),
        "isin": thing.isin,
        "exchange": thing.exchange,
    }
    return {key: value for key, value in body.items() if value}
