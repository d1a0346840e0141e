"""Allocation: what the portfolio is made of, what it should be made of, and the trades from one to the other."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods

from holdings.domain.numbers import plain
from holdings.forms import ExactDecimalField, InstrumentField
from holdings.operations.targets import TargetsRefused, set_targets
from holdings.queries.insights.allocation import (
    DIMENSIONS,
    TARGETABLE,
    Allocation,
    Part,
    allocation_of,
    label_of,
    rebalancing_of,
)
from holdings.queries.insights.lens import Lens
from holdings.queries.targets import CASH, instrument_ids
from holdings.web.common import own_portfolio, person, shown_portfolio
from holdings.web.insights.common import page_context
from marketdata.models import AssetClass
from portfolio_site.kernel import clock
from portfolio_site.kernel.errors import DomainError
from portfolio_site.kernel.money import round_money


def _lens(request: HttpRequest, portfolio_id: int) -> Lens:
    return Lens(shown_portfolio(request, portfolio_id), now=clock.now())


def _dimension(request: HttpRequest) -> str:
    asked = request.GET.get("by", "")
    return asked if asked in DIMENSIONS else "asset_class"


@login_required
@require_GET
def allocation(request: HttpRequest, portfolio_id: int) -> HttpResponse:
    """The parts as a ring and a table, the treemap of holdings, and the way back to the targets."""
    lens = _lens(request, portfolio_id)
    by = _dimension(request)
    found = allocation_of(lens, by)
    opened = request.GET.get("in")
    part = next((part for part in found.parts if part.key == opened), None) if opened is not None else None
    base = lens.portfolio.base_currency
    map_cells = _cells(lens)
    return render(
        request,
        "holdings/insights/allocation.html",
        {
            **page_context(request, lens, current="allocation", carries=()),
            "allocation": found,
            "by": by,
            "by_label": DIMENSIONS[by],
            "dimensions": list(DIMENSIONS.items()),
            "opened": part,
            "can_target": by in TARGETABLE,
            "rebalancing": rebalancing_of(lens, found),
            "chart_src": f"{reverse('holdings:allocation_chart', args=[portfolio_id])}?by={by}",
            "chart_columns": (DIMENSIONS[by], f"Value in {base}", "Weight"),
            "chart_rows": [
                (
                    part.label,
                    plain(round_money(part.value, base)),
                    "" if part.weight is None else f"{part.weight:.2%}",
                )
                for part in found.parts
            ],
            "map_columns": ("Holding", f"Value in {base}", "Today"),
            "map_rows": [
                (cell["label"], cell["value"], f"{Decimal(cell['change'] or 0):.2%}") for cell in map_cells
            ],
        },
    )


@login_required
@require_GET
def allocation_chart(request: HttpRequest, portfolio_id: int) -> HttpResponse:
    """The ring of the parts."""
    return JsonResponse(allocation_chart_body(request, portfolio_id))


def allocation_chart_body(request: HttpRequest, portfolio_id: int) -> dict[str, Any]:
    """The ring: parts worth something, each leading to its holdings."""
    lens = _lens(request, portfolio_id)
    found = allocation_of(lens, _dimension(request))
    parts = [part for part in found.parts if part.value > 0]
    if not parts:
        return {"labels": [], "series": [], "empty": "Nothing is held at present."}
    base = lens.portfolio.base_currency
    values = [plain(round_money(part.value, base)) for part in parts]
    return {
        "kind": "doughnut",
        "unit": "money",
        "currency": base,
        "labels": [part.label for part in parts],
        "series": [{"key": "value", "label": "Value", "values": values}],
        "urls": [_part_url(portfolio_id, found, part) for part in parts],
    }


@login_required
@require_GET
def treemap(request: HttpRequest, portfolio_id: int) -> HttpResponse:
    """Holdings by value (size) and change of the day (colour); a cell leads to its holding."""
    lens = _lens(request, portfolio_id)
    cells = _cells(lens)
    if not cells:
        return JsonResponse({"labels": [], "cells": [], "empty": "Nothing is held at present."})
    return JsonResponse(
        {"kind": "treemap", "unit": "money", "currency": lens.portfolio.base_currency, "cells": cells}
    )


def _cells(lens: Lens) -> list[dict[str, str]]:
    portfolio = lens.portfolio
    return [
        {
            "label": row.symbol,
            "value": plain(round_money(row.market_value_base, portfolio.base_currency)),
            "change": "" if row.day_change_fraction is None else plain(round(row.day_change_fraction, 6)),
            "url": reverse("holdings:holding", args=[portfolio.pk, row.instrument_id]),
            "group": row.asset_class_label,
        }
        for row in lens.snapshot.holdings
        if row.market_value_base is not None and row.market_value_base > 0
    ]


def _part_url(portfolio_id: int, found: Allocation, part: Part) -> str:
    if found.dimension == "instrument" and instrument_ids([part.key]):
        return reverse("holdings:holding", args=[portfolio_id, int(part.key)])
    query = urlencode({"by": found.dimension, "in": part.key})
    return f"{reverse('holdings:allocation', args=[portfolio_id])}?{query}#part"


class TargetsForm(forms.Form):
    """A percentage for each part; empty means no target."""

    mark_optional = False

    def __init__(self, *args: Any, allocation: Allocation, user: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.allocation, self.keys = allocation, {}
        for number, (key, part) in enumerate(_targetable(allocation).items()):
            name = f"part{number}"
            self.keys[name] = key
            now = "" if part is None or part.weight is None else f"Now {part.weight:.1%}"
            self.fields[name] = ExactDecimalField(
                label=part.label if part is not None else label_of(allocation.dimension, key),
                required=False,
                suffix="%",
                help_text=now,
                initial=None if part is None or part.target is None else part.target * 100,
            )
        if allocation.dimension == "instrument":
            self.fields["other"] = InstrumentField(user=user, label="Something not held yet", required=False)
            self.fields["other_weight"] = ExactDecimalField(label="Its target", required=False, suffix="%")

    def weights(self) -> dict[str, Decimal]:
        """Parts of 1 by part; call it when the form is valid."""
        found = {
            key: self.cleaned_data[name] / 100
            for name, key in self.keys.items()
            if self.cleaned_data.get(name) is not None
        }
        other, weight = self.cleaned_data.get("other"), self.cleaned_data.get("other_weight")
        if other is not None and weight is not None:
            found[str(other.pk)] = weight / 100
        return found


def _targetable(allocation: Allocation) -> dict[str, Part | None]:
    """The parts that can have a target: those that are there, and every asset class."""
    found: dict[str, Part | None] = {part.key: part for part in allocation.parts if part.key}
    if allocation.dimension == "asset_class":
        for key in AssetClass.values:
            found.setdefault(key, None)
    if allocation.dimension != "currency":
        found.setdefault(CASH, None)
    return found


@login_required
@require_http_methods(["GET", "POST"])
def targets(request: HttpRequest, portfolio_id: int) -> HttpResponse:
    """Say what part of the value each class (or sector, currency, country, holding) should have."""
    portfolio = own_portfolio(request, portfolio_id)
    lens = Lens(portfolio, now=clock.now())
    by = _dimension(request)
    by = by if by in TARGETABLE else "asset_class"
    found = allocation_of(lens, by)
    form = TargetsForm(request.POST or None, allocation=found, user=person(request))
    if request.method == "POST" and form.is_valid():
        try:
            set_targets(
                portfolio_id=portfolio.pk,
                dimension=by,
                weights=form.weights(),
                actor=person(request),
                now=clock.now(),
            )
        except TargetsRefused as refusal:
            names = {key: name for name, key in form.keys.items()}
            form.add_error(names.get(refusal.field or ""), refusal.message)
        except DomainError as refusal:
            form.add_error(None, refusal.message)
        else:
            messages.success(request, "The targets are saved.")
            url = reverse("holdings:allocation", args=[portfolio.pk])
            return HttpResponseRedirect(f"{url}?by={by}#targets", status=303)
    return render(
        request,
        "holdings/insights/targets.html",
        {
            "portfolio": portfolio,
            "form": form,
            "by": by,
            "by_label": DIMENSIONS[by],
            "dimensions": [(code, label) for code, label in DIMENSIONS.items() if code in TARGETABLE],
            "cancel_url": f"{reverse('holdings:allocation', args=[portfolio.pk])}?by={by}",
        },
        status=422 if form.is_bound and form.errors else 200,
    )
