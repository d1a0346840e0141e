"""The ground floor: columns for money, prices and quantities, so that every table has the same precision."""

from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models


class _ExactDecimalField(models.DecimalField[Any, Any]):
    """A `numeric` column that takes Decimals (or ints, or their text), never floats, NaN or infinities."""

    digits = 28
    places = 12

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["max_digits"] = self.digits
        kwargs["decimal_places"] = self.places
        super().__init__(*args, **kwargs)

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        del kwargs["max_digits"]
        del kwargs["decimal_places"]
        return name, path, args, kwargs

    def to_python(self, value: Any) -> Decimal | None:
        if isinstance(value, float):
            raise TypeError(f"{self.name} takes Decimal, not float")
        result: Decimal | None = super().to_python(value)
        if result is not None and not result.is_finite():
            raise ValidationError(f"{self.name} must be a finite number", code="invalid")
        return result


class MoneyField(_ExactDecimalField):
    """An amount of money: numeric(24,8), in the currency that a column beside it names."""

    digits = 24
    places = 8


class PriceField(_ExactDecimalField):
    """A price per unit or an exchange rate: numeric(28,12)."""


class QuantityField(_ExactDecimalField):
    """A number of shares, units or coins: numeric(28,12)."""
