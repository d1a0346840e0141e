"""Dividends and splits that became known: what waits, booking it with one click or with changes, dismissing it."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from holdings import queries
from holdings.forms import refuse
from holdings.forms.actions import DividendForm, SplitForm
from holdings.operations import actions
from holdings.queries.fractions import FractionOfSplit, fraction_of_split
from holdings.queries.proposals import ProposalView
from holdings.web.common import done_once, may_write, own_portfolio, person, shown_portfolio
from portfolio_site.kernel import clock
from portfolio_site.kernel.errors import DomainError


@login_required
@require_GET
def index(request: HttpRequest, portfolio_id: int) -> HttpResponse:
    """All of them: what waits, what was booked, what was in the books already, what was dismissed."""
    portfolio = shown_portfolio(request, portfolio_id)
    return render(
        request,
        "holdings/actions.html",
        {
            "portfolio": portfolio,
            "proposals": queries.open_proposals(portfolio.pk),
            "decided": [row for row in queries.proposals_of(portfolio.pk) if not row.is_open],
            "may_write": may_write(request, portfolio),
            "is_owner": portfolio.owner_id == request.user.pk,
        },
    )


@login_required
@require_GET
def panel(request: HttpRequest, portfolio_id: int) -> HttpResponse:
    """What waits, for the portfolio's page, which asks again when the portfolio changes."""
    portfolio = shown_portfolio(request, portfolio_id)
    return render(
        request,
        "holdings/partials/_proposals.html",
        {
            "portfolio": portfolio,
            "proposals": queries.open_proposals(portfolio.pk),
            "may_write": may_write(request, portfolio),
        },
    )


@login_required
@require_http_methods(["GET", "POST"])
def book(request: HttpRequest, portfolio_id: int, proposal_id: int) -> HttpResponse:
    """The form with what can be changed; posting it books. Booked twice it is booked once."""
    portfolio = own_portfolio(request, portfolio_id)
    proposal = _proposal(portfolio.pk, proposal_id)
    now = clock.now()
    kind = SplitForm if proposal.is_split else DividendForm
    form = kind(request.POST or None, proposal=proposal, today=now.date())
    if request.method == "POST" and form.is_valid():

        def do() -> str:
            actions.book_proposal(
                portfolio_id=portfolio.pk,
                proposal_id=proposal_id,
                actor=person(request),
                now=now,
                change=form.change(),
            )
            return reverse("holdings:detail", args=[portfolio.pk])

        try:
            answer = done_once(request, form, route=f"holdings.action:{proposal_id}", do=do)
        except DomainError as refusal:
            refuse(form, refusal)
        else:
            messages.success(request, f"{_name(proposal)} is booked.")
            return answer
    fraction: FractionOfSplit | None = fraction_of_split(proposal) if proposal.is_split else None
    return render(
        request,
        "holdings/action_form.html",
        {"portfolio": portfolio, "proposal": proposal, "form": form, "fraction": fraction},
        status=422 if form.is_bound and form.errors else 200,
    )


@login_required
@require_POST
def book_now(request: HttpRequest, portfolio_id: int, proposal_id: int) -> HttpResponse:
    """Book it as proposed, with one click."""
    portfolio = own_portfolio(request, portfolio_id)
    proposal = _proposal(portfolio.pk, proposal_id)

    def do() -> str:
        actions.book_proposal(
            portfolio_id=portfolio.pk, proposal_id=proposal_id, actor=person(request), now=clock.now()
        )
        return f"{_name(proposal)} is booked."

    return _done(request, portfolio.pk, do)


@login_required
@require_POST
def book_all(request: HttpRequest, portfolio_id: int) -> HttpResponse:
    """Book everything that can be booked without looking closer."""
    portfolio = own_portfolio(request, portfolio_id)

    def do() -> str:
        booked = actions.book_all_proposals(portfolio_id=portfolio.pk, actor=person(request), now=clock.now())
        return f"{len(booked)} {'entry is' if len(booked) == 1 else 'entries are'} booked."

    return _done(request, portfolio.pk, do)


@login_required
@require_POST
def dismiss(request: HttpRequest, portfolio_id: int, proposal_id: int) -> HttpResponse:
    """Say that it is not to be booked."""
    portfolio = own_portfolio(request, portfolio_id)
    proposal = _proposal(portfolio.pk, proposal_id)

    def do() -> str:
        actions.dismiss_proposal(
            portfolio_id=portfolio.pk, proposal_id=proposal_id, actor=person(request), now=clock.now()
        )
        return f"{_name(proposal)} is dismissed."

    return _done(request, portfolio.pk, do)


@login_required
@require_POST
def reopen(request: HttpRequest, portfolio_id: int, proposal_id: int) -> HttpResponse:
    """Bring a dismissed one back."""
    portfolio = own_portfolio(request, portfolio_id)
    proposal = _proposal(portfolio.pk, proposal_id)

    def do() -> str:
        actions.reopen_proposal(
            portfolio_id=portfolio.pk, proposal_id=proposal_id, actor=person(request), now=clock.now()
        )
        return f"{_name(proposal)} is back."

    return _done(request, portfolio.pk, do)


def _done(request: HttpRequest, portfolio_id: int, do: Callable[[], str]) -> HttpResponse:
    """Do it, say so, and go back to where it was asked for. What is done already is done once."""
    try:
        messages.success(request, do())
    except DomainError as refusal:
        messages.error(request, refusal.message)
    back = "holdings:actions" if request.POST.get("back") == "list" else "holdings:detail"
    return HttpResponseRedirect(reverse(back, args=[portfolio_id]), status=303)


def _proposal(portfolio_id: int, proposal_id: int) -> ProposalView:
    found = queries.proposal_of(portfolio_id, proposal_id)
    if found is None:
        raise actions.ProposalUnknown
    return found


def _name(proposal: ProposalView) -> str:
    what = "split" if proposal.is_split else "dividend"
    return f"The {what} of {proposal.symbol} of {proposal.ex_date.isoformat()}"
