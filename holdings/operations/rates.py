"""The exchange rates of a day, for recording them in entries. Each is looked up once."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import ROUND_HALF_EVEN, Context, Decimal

from holdings.domain.market import Market, MissingRate
from holdings.domain.series import Series
from holdings.entries import Entry
from holdings.operations.errors import EntryRefused
from holdings.queries.rates import rates_since
from marketdata.queries import FxRateMissing, fx_rate

_TWELVE = Decimal(1).scaleb(-12)
_CONTEXT = Context(prec=60, rounding=ROUND_HALF_EVEN)
# From so many entries on, all rates of the time are fetched at once.
_MANY = 20


class Rates:
    """Rates by pair and day. Those that came with a file (`"USD/CHF"` → day → rate) go before the site's own."""

    def __init__(
        self, base_currency: str, *, file_rates: Mapping[str, Mapping[date, Decimal]] | None = None
    ) -> None:
        self.base_currency = base_currency
        self._known: dict[tuple[str, str, date], Decimal] = {}
        self._series: dict[tuple[str, str], tuple[list[date], list[Decimal]]] = {}
        fx: dict[tuple[str, str], Series] = {}
        for name, dated in (file_rates or {}).items():
            source, _, target = name.partition("/")
            fx[source, target] = Series.from_pairs(dated)
        self._file = Market(base_currency=base_currency, instruments={}, prices={}, fx=fx) if fx else None

    def preload(self, entries: Iterable[Entry], currencies: Iterable[str]) -> None:
        """Fetch the site's rates to the base currency for the time of many entries in one statement."""
        days = [
            entry.occurred.date() if isinstance(entry.occurred, datetime) else entry.occurred
            for entry in entries
        ]
        if len(days) < _MANY:
            return
        for pair, dated in rates_since(currencies, self.base_currency, min(days), max(days)).items():
            self._series[pair] = (list(dated), list(dated.values()))

    def need(self, *, base: str, quote: str, on: date, field: str) -> Decimal:
        """What one unit of `base` is worth in `quote`, to 12 places. Raises `EntryRefused` when nobody knows."""
        key = (base, quote, on)
        rate = self._known.get(key)
        if rate is None:
            rate = self._known[key] = self._find(base, quote, on, field)
        return rate

    def _find(self, base: str, quote: str, on: date, field: str) -> Decimal:
        rate = self._of_file(base, quote, on)
        if rate is None:
            rate = self._preloaded(base, quote, on)
        if rate is None:
            try:
                rate = fx_rate(base=base, quote=quote, on=on)
            except FxRateMissing as error:
                raise EntryRefused(
                    f"No exchange rate from {base} to {quote} is known on or before {on.isoformat()}. "
                    "Enter the rate of that day.",
                    code="missing_rate",
                    field=field,
                ) from error
        rounded = rate.quantize(_TWELVE, context=_CONTEXT)
        if rounded <= 0:
            raise EntryRefused(f"The rate from {base} to {quote} is too small.", field=field)
        return rounded

    def _of_file(self, base: str, quote: str, on: date) -> Decimal | None:
        if self._file is None:
            return None
        try:
            return self._file.rate(base, quote, on.toordinal())
        except MissingRate:
            return None

    def _preloaded(self, base: str, quote: str, on: date) -> Decimal | None:
        days, rates = self._series.get((base, quote), ([], []))
        place = bisect_right(days, on) - 1
        return rates[place] if place >= 0 else None
