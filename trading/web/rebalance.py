"""Rebalancing: targets, the plan with its orders, placing them as one, and the page of a basket. A tracked portfolio gets the
plan as advice."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core import signing
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from holdings import queries as books
from holdings.domain.numbers import plain
from holdings.operations.targets import set_targets
from portfolio_site.kernel import clock
from portfolio_site.kernel.errors import DomainError
from trading import operations, queries
from trading.forms_rebalance import BandForm, TargetWeightsForm
from trading.operations import AskedLine
from trading.queries import RebalancePlan
from trading.queries.rebalancing import DIMENSIONS
from trading.web.common import in_words, person
from trading.web.drafts import Said, asked_again, said_of, typed_in

_SALT = "trading.rebalance"
#: A review is good for so long; after that prices are others.
_GOOD_FOR = 15 * 60
USUAL_TOLERANCE, USUAL_LEAST = Decimal(1), Decimal(25)


@never_cache
@login_required
@require_GET
def plan(request: HttpRequest, portfolio_id: int) -> HttpResponse:
    """The review: now, target and after, each order with what it costs; or what is missing for it."""
    portfolio = _shown(request, portfolio_id)
    return _plan_page(request, portfolio)


@never_cache
@login_required
@require_http_methods(["GET", "POST"])
def targets(request: HttpRequest, portfolio_id: int) -> HttpResponse:
    """Say what part each thing, or class, and cash should be: 100 % together."""
    portfolio = _own(request, portfolio_id)
    found = _found(request, portfolio)
    suggested = {} if any(part.target is not None for part in found.parts) else queries.even_targets(found)
    form = TargetWeightsForm(typed_in(request), plan=found, suggested=suggested, user=person(request))
    said: Said | None = None
    if request.method == "POST" and form.is_valid():
        try:
            set_targets(
                portfolio_id=portfolio_id,
                dimension=found.dimension,
                weights=form.weights(),
                actor=person(request),
                now=clock.now(),
            )
        except DomainError as refusal:
            said = said_of(refusal, field="")
        else:
            messages.success(request, "The targets are saved.")
            return redirect(f"{reverse('trading:rebalance', args=[portfolio_id])}?by={found.dimension}")
    context = {"portfolio": portfolio, "plan": found, "dimensions": DIMENSIONS.items()}
    return asked_again(request, form, "trading/rebalance/targets.html", context, said)


@never_cache
@login_required
@require_POST
def place(request: HttpRequest, portfolio_id: int) -> HttpResponse:
    """Place the basket that was reviewed; however often it is sent, it is placed once."""
    _own(request, portfolio_id)
    try:
        reviewed = signing.loads(request.POST.get("plan", ""), salt=_SALT, max_age=_GOOD_FOR)
    except signing.SignatureExpired:
        return _not_placed(
            request, portfolio_id, "The review is older than a quarter of an hour. Here is a fresh one."
        )
    except signing.BadSignature:
        return _not_placed(request, portfolio_id, "Look at the plan first, then place it.")
    if reviewed["portfolio"] != portfolio_id:
        raise operations.PortfolioUnknownError
    try:
        basket_id = operations.place_basket(
            portfolio_id=portfolio_id,
            actor=person(request),
            basket_id=uuid.UUID(reviewed["id"]),
            lines=[_line(each) for each in reviewed["lines"]],
            drift_before=Decimal(reviewed["drift"][0]),
            drift_after=Decimal(reviewed["drift"][1]),
            weights=reviewed["weights"],
            now=clock.now(),
        )
    except operations.BasketRefusedError as refusal:
        lines = refusal.details.get("lines", [])
        return _not_placed(request, portfolio_id, refusal.message, lines if len(lines) > 1 else [])
    except operations.OrderRefusedError as refusal:
        return _not_placed(request, portfolio_id, refusal.message)
    return HttpResponseRedirect(reverse("trading:basket", args=[basket_id]), status=303)


@never_cache
@login_required
@require_GET
def basket(request: HttpRequest, basket_id: uuid.UUID) -> HttpResponse:
    """What has become of a basket, line by line."""
    found = queries.visible_basket(person(request), basket_id)
    if found is None:
        raise operations.BasketUnknownError
    part = request.headers.get("HX-Target") == "basket"
    context = {"basket": found, "is_owner": found.owner_id == person(request).pk}
    return render(
        request, "trading/rebalance/_basket.html" if part else "trading/rebalance/basket.html", context
    )


@never_cache
@login_required
@require_POST
def stop(request: HttpRequest, basket_id: uuid.UUID) -> HttpResponse:
    """Drop what waits and cancel what is open."""
    operations.stop_basket(basket_id=basket_id, actor=person(request), now=clock.now())
    messages.success(request, "The basket is stopped. What was filled stays.")
    return redirect("trading:basket", basket_id)


def _shown(request: HttpRequest, portfolio_id: int) -> Any:
    portfolio = books.visible_portfolio(person(request), portfolio_id)
    if portfolio is None:
        raise operations.PortfolioUnknownError
    return portfolio


def _own(request: HttpRequest, portfolio_id: int) -> Any:
    portfolio = _shown(request, portfolio_id)
    if portfolio.owner_id != person(request).pk:
        raise operations.ReadOnlyError
    return portfolio


def _found(request: HttpRequest, portfolio: Any) -> RebalancePlan:
    band = BandForm(request.GET, currency=portfolio.base_currency)
    given = band.cleaned_data if band.is_valid() else {}
    tolerance, least = given.get("tolerance"), given.get("least")
    by = request.GET.get("by", "")
    return queries.rebalance_plan(
        portfolio,
        dimension=by if by in DIMENSIONS else "instrument",
        tolerance=(USUAL_TOLERANCE if tolerance is None else tolerance) / 100,
        least=USUAL_LEAST if least is None else least,
        now=clock.now(),
    )


def _not_placed(
    request: HttpRequest, portfolio_id: int, problem: str, refused: Sequence[Mapping[str, str]] = ()
) -> HttpResponse:
    """Back to a fresh review, with what stood in the way of the one before."""
    symbols = {line["symbol"] for line in refused}
    messages.error(request, in_words(request, problem, but=symbols))
    for line in refused:
        messages.error(request, f"{line['symbol']}: {in_words(request, line['message'], but=symbols)}")
    address, query = reverse("trading:rebalance", args=[portfolio_id]), request.GET.urlencode()
    return HttpResponseRedirect(f"{address}?{query}" if query else address, status=303)


def _plan_page(request: HttpRequest, portfolio: Any) -> HttpResponse:
    found = _found(request, portfolio)
    band = BandForm(
        {"tolerance": plain(USUAL_TOLERANCE), "least": plain(USUAL_LEAST), **request.GET.dict()},
        currency=portfolio.base_currency,
    )
    is_owner = portfolio.owner_id == person(request).pk
    context = {
        "portfolio": portfolio,
        "account": queries.visible_account(person(request), portfolio.pk) if portfolio.is_paper else None,
        "plan": found,
        "dimensions": DIMENSIONS.items(),
        "band": band,
        "is_owner": is_owner,
        "can_place": is_owner and portfolio.is_paper and portfolio.archived_at is None and bool(found.orders),
        "working": queries.working_basket_id(portfolio.pk),
        "baskets": queries.latest_baskets(portfolio.pk),
        "signed": _signed(portfolio, found) if found.basket is not None else "",
    }
    return render(request, "trading/rebalance/plan.html", context)


def _signed(portfolio: Any, found: RebalancePlan) -> str:
    """The reviewed basket as the form carries it: what is placed is what was seen."""
    assert found.basket is not None
    text = {part.key: part.label for part in found.parts}
    return signing.dumps(
        {
            "portfolio": portfolio.pk,
            "id": str(uuid.uuid4()),
            "lines": [
                [
                    leg.id,
                    leg.side,
                    plain(leg.quantity),
                    plain(leg.price) if leg.side == "buy" else None,
                    plain(leg.amount),
                    plain(leg.fees),
                ]
                for leg in found.basket.legs
            ],
            "drift": [f"{found.basket.drift:.6f}", f"{found.basket.drift_after:.6f}"],
            "weights": [
                {
                    "name": row.instrument.symbol,
                    "now": f"{row.place.weight:.6f}",
                    "target": None if row.place.target is None else f"{row.place.target:.6f}",
                    "after": f"{row.place.weight_after:.6f}",
                }
                for row in found.rows
            ]
            + [
                {
                    "name": text.get("cash", "Cash"),
                    "now": f"{found.basket.cash_weight:.6f}",
                    "target": f"{found.basket.cash_target:.6f}",
                    "after": f"{found.basket.cash_weight_after:.6f}",
                }
            ],
        },
        salt=_SALT,
        compress=True,
    )


def _line(fields: list[Any]) -> AskedLine:
    pk, side, quantity, limit, amount, fees = fields
    return AskedLine(
        instrument_id=pk,
        side=side,
        quantity=Decimal(quantity),
        limit_price=None if limit is None else Decimal(limit),
        amount=Decimal(amount),
        fees=Decimal(fees),
    )
