"""Conditions that the database itself holds the books to."""

from __future__ import annotations

from decimal import Decimal

from django.db import models
from django.db.models import Q

# numeric(24,8) and numeric(28,12) both end below this. PostgreSQL sorts NaN above every number, so that the bound keeps
# it out as well; Infinity does not fit a column with a precision.
BOUND = Decimal(10) ** 16


def finite(table: str, *columns: str) -> models.CheckConstraint:
    """A constraint: none of `columns` holds NaN."""
    condition = Q()
    for column in columns:
        condition &= Q(**{f"{column}__isnull": True}) | Q(**{f"{column}__lt": BOUND})
    return models.CheckConstraint(condition=condition, name=f"holdings_{table}_finite")


def not_negative(table: str, *columns: str) -> models.CheckConstraint:
    """A constraint: none of `columns` is below zero."""
    condition = Q()
    for column in columns:
        condition &= Q(**{f"{column}__isnull": True}) | Q(**{f"{column}__gte": 0})
    return models.CheckConstraint(condition=condition, name=f"holdings_{table}_not_negative")


def positive(table: str, *columns: str) -> models.CheckConstraint:
    """A constraint: each of `columns`, where it is given, is above zero."""
    condition = Q()
    for column in columns:
        condition &= Q(**{f"{column}__isnull": True}) | Q(**{f"{column}__gt": 0})
    return models.CheckConstraint(condition=condition, name=f"holdings_{table}_positive")


# Far above any cost that books can hold; PostgreSQL sorts NaN and Infinity above it, -Infinity below its negative.
EXACT_BOUND = Decimal(10) ** 40


def bounded(table: str, *columns: str) -> models.CheckConstraint:
    """A constraint for columns without a precision: none of `columns` holds NaN or an infinity."""
    condition = Q()
    for column in columns:
        condition &= Q(**{f"{column}__gt": -EXACT_BOUND, f"{column}__lt": EXACT_BOUND})
    return models.CheckConstraint(condition=condition, name=f"holdings_{table}_finite")
