"""Market data operations: the list of instruments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Q

from marketdata.domain.currencies import major
from marketdata.domain.numbers import isin_is_valid
from marketdata.models import AssetClass, CorporateAction, Instrument
from marketdata.operations.real_prices import assign_real_sources
from marketdata.providers.starter import starter_instruments
from portfolio_site.kernel.errors import DomainError
from portfolio_site.kernel.money import is_currency

#: Splits of the starter list are facts, whatever else is simulated.
STARTER_SOURCE = "starter list"


class InstrumentRefused(DomainError):
    """An instrument that cannot be entered like this; `field` says where."""

    code = "instrument_refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundInstrument:
    """An instrument, and whether it was made for this."""

    instrument: Instrument
    created: bool


def create_instrument(
    *,
    owner: Any,
    symbol: str,
    name: str,
    currency: str,
    asset_class: str = AssetClass.EQUITY,
    exchange: str = "",
    isin: str = "",
    sector: str = "",
    country: str = "",
    quoted_in: str = "",
    quote_unit: str = "unit",
    coupon_rate: Decimal | None = None,
    maturity_date: date | None = None,
    provider: str = "manual",
    provider_symbols: Mapping[str, str] | None = None,
) -> Instrument:
    """Enter an instrument: of one's own (`owner` a user, seen by nobody else) or for everybody
    (`owner=None`).

    `quoted_in`: the unit that its provider quotes in where that is a hundredth of the currency. Raises
    `InstrumentRefused` with the field at fault: empty or taken symbol, unknown currency, mistyped ISIN, ...
    """
    instrument = Instrument(
        owner=owner,
        symbol=symbol.strip(),
        name=name.strip() or symbol.strip(),
        currency=currency_of(currency),
        quoted_in=quoted_in,
        asset_class=asset_class,
        exchange=exchange.strip().upper(),
        isin=isin.strip().upper(),
        sector=sector.strip(),
        country=country.strip().upper(),
        quote_unit=quote_unit,
        coupon_rate=coupon_rate,
        maturity_date=maturity_date,
        provider=provider,
        provider_symbols=dict(provider_symbols or {}),
    )
    if quoted_in and major(quoted_in) == (quoted_in, Decimal(1)):
        raise InstrumentRefused(f"“{quoted_in}” is no unit that prices are quoted in.", field="quoted_in")
    if quoted_in and major(quoted_in)[0] != instrument.currency:
        raise InstrumentRefused(f"{quoted_in} is not a part of {instrument.currency}.", field="quoted_in")
    try:
        instrument.clean_fields(exclude=["owner"])
    except ValidationError as error:
        raise first_fault(error) from error
    try:
        with transaction.atomic():
            instrument.save()
    except IntegrityError as error:
        raise InstrumentRefused(
            f"There is already an instrument with the symbol {instrument.symbol}.",
            code="symbol_taken",
            field="symbol",
            status=409,
        ) from error
    return instrument


def currency_of(text: str) -> str:
    """Return the code of a currency that somebody typed. Raises `InstrumentRefused` for what is none.

    Pence are refused, and not read as pounds: an instrument's prices are in whole currency.
    """
    typed = text.strip()
    whole, units = major(typed)
    if units != 1:
        raise InstrumentRefused(
            f"{typed} is a hundredth of {whole}: choose {whole}, and enter prices in {whole}.",
            field="currency",
        )
    code = typed.upper()
    if not is_currency(code):
        raise InstrumentRefused(f"“{text}” is not a currency we know.", field="currency")
    return code


def first_fault(error: ValidationError) -> InstrumentRefused:
    """Return what the model found wrong as a refusal that names the field."""
    field, messages = next(iter(error.message_dict.items()))
    return InstrumentRefused(messages[0], field=field)


def get_or_create_instrument(
    *,
    owner: Any,
    symbol: str,
    name: str,
    currency: str,
    asset_class: str = AssetClass.EQUITY,
    isin: str = "",
    exchange: str = "",
) -> FoundInstrument:
    """Find what an import means, or enter it as one of the owner's own: hand-kept until somebody provides
    prices.

    A match has the same ISIN or the same symbol (also by a provider's name for it), and the same currency. Of several
    the one with that ISIN counts, then that with the very symbol, then that with the name; then the shared list is
    preferred to the owner's. Raises `InstrumentRefused` when it has to be made and cannot.
    """
    if major(currency.strip())[1] != 1:
        currency_of(currency)  # pence would be taken for pounds
    # A mistyped number would find nothing, and must not stop an import.
    isin = isin if isin_is_valid(isin.strip().upper()) else ""
    code, key, isin_key = currency.strip().upper(), symbol.strip().upper(), isin.strip().upper()
    names = (
        Q(symbol_key=key)
        | Q(provider_symbols__yahoo=symbol.strip())
        | Q(provider_symbols__coingecko=symbol.strip())
    )
    wanted = (names | Q(isin=isin_key)) if isin_key else names
    rows = Instrument.objects.visible_to(owner).filter(wanted, currency=code)
    if exchange:
        rows = rows.filter(exchange__in=[exchange.strip().upper(), ""])
    mine = rows.filter(Q(owner__isnull=True) | Q(owner=owner))
    found = sorted(
        mine,
        key=lambda i: (
            not isin_key or i.isin != isin_key,
            i.symbol_key != key,
            i.name_key != name.strip().lower(),
            i.owner_id is not None,
            not i.is_active,
            i.pk,
        ),
    )
    if found:
        return FoundInstrument(instrument=found[0], created=False)
    taken = Instrument.objects.filter(owner=owner, symbol_key=key).exists()
    made = create_instrument(
        owner=owner,
        symbol=f"{symbol.strip()} {code}"[:40] if taken else symbol,
        name=name,
        currency=code,
        asset_class=asset_class,
        isin=isin,
        exchange=exchange,
    )
    return FoundInstrument(instrument=made, created=True)


def load_starter_instruments() -> int:
    """Enter the instruments of the starter list that are not there yet, with their splits; return how many
    were new.

    What is there is left as it is: an administrator may have changed it. They begin on the simulated market; with
    `MARKET_DATA=real` with a real source, or without any.
    """
    with transaction.atomic():
        present = set(Instrument.objects.shared().values_list("symbol_key", "currency"))
        missing = [
            line
            for line in starter_instruments().values()
            if (line.symbol.upper(), line.currency) not in present
        ]
        begun = [
            Instrument(
                symbol=line.symbol,
                name=line.name,
                asset_class=line.asset_class,
                currency=line.currency,
                quoted_in=line.quoted_in,
                exchange=line.exchange,
                isin=line.isin,
                sector=line.sector,
                country=line.country,
                quote_unit=line.quote_unit,
                quantity_step=line.quantity_step,
                coupon_rate=line.coupon_rate,
                maturity_date=line.maturity_date,
                provider="simulated",
                provider_symbols=dict(line.provider_symbols),
            )
            for line in missing
        ]
        if settings.MARKET_DATA == "real":
            for instrument in begun:
                assign_real_sources(instrument)
        made = Instrument.objects.bulk_create(begun)
        CorporateAction.objects.bulk_create(
            CorporateAction(
                instrument=instrument, ex_date=ex_date, kind="split", value=ratio, source=STARTER_SOURCE
            )
            for instrument, line in zip(made, missing, strict=True)
            for ex_date, ratio in line.simulation.splits
        )
    return len(made)
