"""What another cost-basis method would say: the same journal, replayed under each, before anything is changed."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from holdings.domain.types import CostMethod, PortfolioError
from holdings.models import CostBasisMethod
from holdings.queries.insights.lens import Lens, problem_of


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodEffect:
    """The figures that depend on the method, in the portfolio's currency; `problem` where the entries do not fit it."""

    code: str
    label: str
    is_current: bool
    realised_gain: Decimal | None = None
    unrealised_gain: Decimal | None = None
    cost_basis: Decimal | None = None
    total_gain: Decimal | None = None
    parcels: int = 0
    problem: str = ""


def method_effects(lens: Lens) -> list[MethodEffect]:
    """Each method's figures, the present one first. One replay each, cached until books or prices change."""
    found = lens.cached(
        "methods", lambda: [_effect(lens, code) for code in CostBasisMethod.values], live=True
    )
    return sorted(found, key=lambda row: not row.is_current)


def _effect(lens: Lens, code: str) -> MethodEffect:
    label, current = str(CostBasisMethod(code).label), code == lens.portfolio.cost_basis_method
    try:
        analysis = lens.analysis(method=CostMethod(code))
    except PortfolioError as error:
        return MethodEffect(code=code, label=label, is_current=current, problem=problem_of(error))
    totals = analysis.totals
    return MethodEffect(
        code=code,
        label=label,
        is_current=current,
        realised_gain=totals.realised_gain,
        unrealised_gain=totals.unrealised_gain,
        cost_basis=totals.cost_basis,
        total_gain=totals.total_gain,
        parcels=len(analysis.replay.effects.realised),
    )
