"""A number kept to its last digit: for what is derived, where a rounded share of a cost would not add up."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.db import models


class ExactField(models.Field[Any, Any]):
    """A `numeric` column without a precision. Takes Decimals, never floats; bounded by `models.checks.bounded`."""

    description = "An exact decimal number"
    empty_strings_allowed = False

    def db_type(self, connection: Any) -> str:
        """`numeric`, which in PostgreSQL keeps as many digits as it is given."""
        return "numeric"

    def get_internal_type(self) -> str:
        """A decimal to the database layer, which may then insert many rows as arrays: several times as fast."""
        return "DecimalField"

    def to_python(self, value: Any) -> Decimal | None:
        """A Decimal from a Decimal, an int or text."""
        if isinstance(value, float):
            raise TypeError(f"{self.name} takes Decimal, not float")
        return value if value is None or isinstance(value, Decimal) else Decimal(value)

    def get_prep_value(self, value: Any) -> Any:
        """What goes into the row."""
        prepared = super().get_prep_value(value)
        return self.to_python(prepared)
