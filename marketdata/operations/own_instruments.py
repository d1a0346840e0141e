"""Market data operations: instruments of one's own: changed, and removed while nothing refers to them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import ProtectedError, RestrictedError

from marketdata.models import Instrument, PriceBar
from marketdata.operations.instruments import InstrumentRefused, currency_of, first_fault
from marketdata.queries import InstrumentNotFound
from marketdata.queries.quotes import forget
from portfolio_site.kernel.errors import ForbiddenError

#: What says in a few words where an instrument is used: `["12 entries of “Savings”"]`; nothing where it is not.
Uses = Callable[[int], Sequence[str]]

_uses: dict[str, Uses] = {}

#: What an owner may change. What its prices and the books count in cannot change under them.
_PLAIN = (
    "symbol",
    "name",
    "asset_class",
    "isin",
    "sector",
    "country",
    "coupon_rate",
    "maturity_date",
    "is_active",
)
_COUNTED_IN = ("currency", "quote_unit")


class InstrumentInUse(InstrumentRefused):
    """An instrument that cannot go, or change what it is counted in, because something refers to it."""

    code = "instrument_in_use"
    status = 409


def register_use(name: str, uses: Uses) -> None:
    """Say how a room above tells where an instrument is used (in its `AppConfig.ready()`)."""
    _uses[name] = uses


def uses_of(instrument_id: int) -> list[str]:
    """Return in words where the rooms above use an instrument."""
    return [use for uses in _uses.values() for use in uses(instrument_id)]


def own_instrument(*, instrument_id: int, actor: Any) -> Instrument:
    """Return an instrument that this person may change: their own.

    Raises `InstrumentNotFound` for what they cannot see, `ForbiddenError` for what they can see but do not own.
    """
    instrument = Instrument.objects.visible_to(actor).filter(pk=instrument_id).first()
    if instrument is None:
        raise InstrumentNotFound
    if instrument.owner_id != actor.pk or getattr(actor, "is_read_only", False):
        raise ForbiddenError("You may only change instruments of your own.")
    return instrument


def update_instrument(
    *,
    instrument_id: int,
    actor: Any,
    symbol: str | None = None,
    name: str | None = None,
    asset_class: str | None = None,
    currency: str | None = None,
    isin: str | None = None,
    sector: str | None = None,
    country: str | None = None,
    quote_unit: str | None = None,
    coupon_rate: Decimal | None = None,
    maturity_date: date | None = None,
    is_active: bool | None = None,
    clear: Sequence[str] = (),
) -> Instrument:
    """Change an instrument of one's own; what is None stays, what is named in `clear` (coupon, maturity) is emptied.

    Its currency and quoting unit can change only while it has no prices and nothing refers to it. Raises
    `InstrumentRefused` with the field at fault, `InstrumentInUse`, `InstrumentNotFound`, `ForbiddenError`.
    """
    given: dict[str, Any] = {
        "symbol": symbol.strip() if symbol is not None else None,
        "name": name.strip() if name is not None else None,
        "asset_class": asset_class,
        "isin": isin.strip().upper() if isin is not None else None,
        "sector": sector.strip() if sector is not None else None,
        "country": country.strip().upper() if country is not None else None,
        "coupon_rate": coupon_rate,
        "maturity_date": maturity_date,
        "is_active": is_active,
    }
    with transaction.atomic():
        own_instrument(instrument_id=instrument_id, actor=actor)
        instrument = Instrument.objects.select_for_update().get(pk=instrument_id)
        for field in _PLAIN:
            if given[field] is not None:
                setattr(instrument, field, given[field])
            elif field in clear and field in {"coupon_rate", "maturity_date"}:
                setattr(instrument, field, None)
        counted_in = {
            "currency": currency_of(currency) if currency is not None else instrument.currency,
            "quote_unit": quote_unit if quote_unit is not None else instrument.quote_unit,
        }
        if counted_in != {field: getattr(instrument, field) for field in _COUNTED_IN}:
            _refuse_if_counted(instrument)
            for field, value in counted_in.items():
                setattr(instrument, field, value)
        try:
            instrument.clean_fields(exclude=["owner"])
        except ValidationError as error:
            raise first_fault(error) from error
        try:
            with transaction.atomic():
                instrument.save(update_fields=[*_PLAIN, *_COUNTED_IN])
        except IntegrityError as error:
            raise InstrumentRefused(
                f"You already have an instrument called {instrument.symbol}.",
                code="symbol_taken",
                field="symbol",
                status=409,
            ) from error
        transaction.on_commit(lambda: forget([instrument_id]))
    return instrument


def _refuse_if_counted(instrument: Instrument) -> None:
    counted = uses_of(instrument.pk)
    if PriceBar.objects.filter(instrument=instrument).exists():
        counted.insert(0, "its prices")
    if counted:
        raise InstrumentInUse(
            f"What {instrument.symbol} is counted in cannot change any more: {_list(counted)} would mean something else."
            " Add another instrument instead.",
            field="currency",
        )


def delete_instrument(*, instrument_id: int, actor: Any) -> str:
    """Remove an instrument of one's own with its prices, and return its symbol.

    Raises `InstrumentInUse` with what refers to it: books are never robbed of what they speak of.
    """
    with transaction.atomic():
        own_instrument(instrument_id=instrument_id, actor=actor)
        instrument = Instrument.objects.select_for_update().get(pk=instrument_id)
        used = uses_of(instrument_id)
        if used:
            raise _in_use(instrument, _list(used))
        try:
            with transaction.atomic():
                instrument.delete()
        except (ProtectedError, RestrictedError) as error:
            # Something refers to it that did not say so: the database knows.
            kinds = {str(row._meta.verbose_name_plural) for row in _rows_of(error)}
            raise _in_use(instrument, _list(sorted(kinds))) from error
        transaction.on_commit(lambda: forget([instrument_id]))
    return instrument.symbol


def _rows_of(error: ProtectedError | RestrictedError) -> Any:
    return error.protected_objects if isinstance(error, ProtectedError) else error.restricted_objects


def _in_use(instrument: Instrument, where: str) -> InstrumentInUse:
    return InstrumentInUse(
        f"{instrument.symbol} cannot be deleted: it is used in {where}. Mark it as no longer quoted instead.",
        details={"instrument_id": instrument.pk},
    )


def _list(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
