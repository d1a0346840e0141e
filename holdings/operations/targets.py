"""Setting what a portfolio is meant to be made of."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import transaction

from holdings.models import TargetDimension, TargetWeight
from holdings.operations.locking import lock_for_writing
from holdings.queries.targets import CASH, instrument_ids
from marketdata.models import AssetClass, Instrument
from portfolio_site.kernel.errors import DomainError

ONE = Decimal(1)


class TargetsRefused(DomainError):
    """Target weights cannot be as they were asked for; `field` names the part at fault, None all of them together."""

    code = "targets_refused"


def set_targets(
    *, portfolio_id: int, dimension: str, weights: Mapping[str, Decimal], actor: Any, now: datetime
) -> None:
    """Replace the target weights of one dimension (parts of 1; at most 1 together). An empty mapping takes them away.

    A holding is named by the id of an instrument that `actor` may see: somebody else's is as unknown as one that is not
    there. Raises `TargetsRefused`, `PortfolioUnknown`, `PortfolioArchived`.
    """
    if dimension not in TargetDimension.values:
        raise TargetsRefused("Targets are set by holding, asset class, sector, currency or country.")
    for key, weight in weights.items():
        if not weight.is_finite() or not 0 <= weight <= ONE:
            raise TargetsRefused("A target lies between 0 and 100 %.", field=key)
        if weight != weight.quantize(Decimal("0.000001")):
            raise TargetsRefused("A target has at most four digits after the point.", field=key)
        if not key or len(key) > 100 or not key.isprintable():
            raise TargetsRefused("A target needs the name of its part.", field=key[:100])
    _check_names(dimension, weights, actor)
    total = sum(weights.values(), Decimal(0))
    if total > ONE:
        raise TargetsRefused(f"Together the targets are {total:.2%}: more than 100 %.")
    with transaction.atomic():
        lock_for_writing(portfolio_id)
        TargetWeight.objects.filter(portfolio_id=portfolio_id, dimension=dimension).delete()
        TargetWeight.objects.bulk_create(
            TargetWeight(portfolio_id=portfolio_id, dimension=dimension, key=key, weight=weight)
            for key, weight in weights.items()
        )


def _check_names(dimension: str, weights: Mapping[str, Decimal], actor: Any) -> None:
    """Raise `TargetsRefused` at the first holding or class that is none for this person."""
    names = weights.keys() - {CASH}
    if dimension == TargetDimension.INSTRUMENT:
        visible = Instrument.objects.visible_to(actor).filter(pk__in=instrument_ids(names))
        unknown = names - {str(pk) for pk in visible.values_list("pk", flat=True)}
        sentence = "There is no such instrument."
    elif dimension == TargetDimension.ASSET_CLASS:
        unknown, sentence = names - set(AssetClass.values), "There is no such asset class."
    else:
        return
    if unknown:
        raise TargetsRefused(sentence, field=min(unknown))
