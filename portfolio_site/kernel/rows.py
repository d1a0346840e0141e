"""The ground floor: models from rows at hand, and rows of models that are about to be inserted, without Django's constructor.

`Model.__init__` walks over every field for what it might have to convert. Where the columns come from the database (or from
code that knows their types) there is nothing to convert, and the hot path makes several of them for each order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, TypeVar

from django.db import DEFAULT_DB_ALIAS, models
from django.db.models.base import ModelState
from django.db.models.fields import NOT_PROVIDED

M = TypeVar("M", bound=models.Model)


def instance_of(model: type[M], columns: Sequence[str], values: Sequence[Any]) -> M | None:
    """The model of a row as it was read; columns that are not given are fetched when they are asked for. None where the key
    is null: nothing was joined."""
    state = dict(zip(columns, values, strict=True))
    if state[_key(model)] is None:
        return None
    return _with(model, state, adding=False)


def new_row(model: type[M], related: Mapping[str, models.Model] | None = None, /, **columns: Any) -> M:
    """A row to be inserted: ``columns`` by the names of its columns (``portfolio_id``), the rest by their defaults;
    ``related`` models, by the names of their fields, are remembered along."""
    plain, made = _defaults(model)
    for name, other in (related or {}).items():
        columns[f"{name}_id"] = other.pk
    state = plain | columns
    for name, default in made:
        if name not in columns:
            state[name] = default()
    if len(state) != len(plain) + len(made):
        raise TypeError(f"{model.__name__} has no {', '.join(columns.keys() - plain.keys())}")
    row = _with(model, state, adding=True)
    row._state.fields_cache.update(related or {})
    return row


def columns_of(row: models.Model, names: Sequence[str]) -> dict[str, Any]:
    """Columns of a row as they are in memory, by their names (``portfolio_id``)."""
    state = row.__dict__
    return {name: state[name] if name in state else getattr(row, name) for name in names}


def _with(model: type[M], state: dict[str, Any], *, adding: bool) -> M:
    row = model.__new__(model)
    row._state = ModelState()
    row._state.adding = adding
    row._state.db = None if adding else DEFAULT_DB_ALIAS
    row.__dict__.update(state)
    return row


@cache
def _key(model: type[models.Model]) -> str:
    key = model._meta.pk
    assert key is not None
    return key.attname


@cache
def _defaults(model: type[models.Model]) -> tuple[dict[str, Any], tuple[tuple[str, Any], ...]]:
    """The defaults that are values, and those that have to be made anew for each row."""
    plain: dict[str, Any] = {}
    made = []
    for field in model._meta.concrete_fields:
        if field.default is not NOT_PROVIDED and callable(field.default):
            made.append((field.attname, field.get_default))
        else:
            plain[field.attname] = field.get_default()
    return plain, tuple(made)
