"""The exchange rates of a day, for recording them in entries. Each is looked up once."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import ROUND_HALF_EVEN, Context, Decimal

from holdings.operations.errors import EntryRefused
from marketdata.queries import FxRateMissing, fx_rate

_TWELVE = Decimal(1).scaleb(-12)
_CONTEXT = Context(prec=60, rounding=ROUND_HALF_EVEN)


class Rates:
    """Rates by pair and day. `extra` are rates that came with a file; they go before the site's own."""

    def __init__(
        self, base_currency: str, extra: Mapping[tuple[str, str, date], Decimal] | None = None
    ) -> None:
        self.base_currency = base_currency
        self._known: dict[tuple[str, str, date], Decimal] = dict(extra or {})

    def need(self, *, base: str, quote: str, on: date, field: str) -> Decimal:
        """What one unit of `base` is worth in `quote`, to 12 places. Raises `EntryRefused` when nobody knows."""
        key = (base, quote, on)
        rate = self._known.get(key)
        if rate is None:
            try:
                rate = fx_rate(base=base, quote=quote, on=on)
            except FxRateMissing as error:
                raise EntryRefused(
                    f"No exchange rate from {base} to {quote} is known on or before {on.isoformat()}. "
                    f"Enter the rate of that day.",
                    code="missing_rate",
                    field=field,
                ) from error
            self._known[key] = rate
        rounded = rate.quantize(_TWELVE, context=_CONTEXT)
        if rounded <= 0:
            raise EntryRefused(f"The rate from {base} to {quote} is too small.", field=field)
        return rounded
