"""The print shop: asking for a report, and throwing one away."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from django.db import transaction

from documents.errors import DocumentNotFound
from documents.operations import delete_document
from holdings.queries import visible_portfolio
from portfolio_site.kernel.clock import day_in
from portfolio_site.kernel.errors import ForbiddenError
from portfolio_site.kernel.events import publish
from portfolio_site.kernel.money import is_currency
from reports.errors import ReportRefused, TooManyReports
from reports.events import ReportRequested, stream_of
from reports.models import ReportJob
from reports.queries import visible_report
from reports.registry import FORMATS, KINDS, why_off

MOST_UNFINISHED: Final = 10
FIRST_DAY: Final = date(1900, 1, 1)


def request_report(
    *,
    actor: Any,
    portfolio_id: int,
    kind: str,
    format: str,  # noqa: A002 - the word of the API
    now: datetime,
    period_from: date | None = None,
    period_to: date | None = None,
    currency: str = "",
) -> ReportJob:
    """Put a report on the list of what is to be made, and return its job.

    ``period_to`` defaults to today where the person is, ``currency`` to the portfolio's. Raises `ReportRefused` with the
    field for what cannot be made (a portfolio the actor does not see included), `TooManyReports` while ten are unfinished.
    """
    if getattr(actor, "is_read_only", False):
        raise ForbiddenError("Auditors read and change nothing.")
    portfolio = visible_portfolio(actor, portfolio_id)
    if portfolio is None:
        raise ReportRefused("There is no such portfolio.", code="portfolio_unknown", field="portfolio")
    chosen = KINDS.get(kind)
    if chosen is None:
        raise ReportRefused("There is no such kind of report.", code="kind_unknown", field="kind")
    if format not in chosen.formats:
        raise ReportRefused(
            "This report does not come in that format.", code="format_unknown", field="format"
        )
    if reason := why_off(format):
        raise ReportRefused(reason, code="format_unavailable", field="format")
    today = day_in(actor.time_zone, now)
    period_to = period_to or today
    _require_period(period_from, period_to, today)
    currency = currency or portfolio.base_currency
    if not is_currency(currency):
        raise ReportRefused("This is not a currency code.", code="currency_unknown", field="currency")
    with transaction.atomic():
        if ReportJob.objects.visible_to(actor).unfinished().count() >= MOST_UNFINISHED:
            raise TooManyReports(
                f"{MOST_UNFINISHED} reports of yours are being made. Wait for one of them to be ready."
            )
        job = ReportJob.objects.create(
            owner=actor,
            portfolio_id=portfolio.pk,
            kind=kind,
            format=format,
            parameters={
                "from": period_from.isoformat() if period_from else None,
                "to": period_to.isoformat(),
                "currency": currency,
            },
            title=f"{chosen.title}: {portfolio.name}"[:200],
            stage=f"Waiting to be made as {FORMATS[format]}",
            created_at=now,
        )
        publish(ReportRequested(job_id=job.pk, user_id=actor.pk), stream=stream_of(job.pk))
    return job


def delete_report(*, job_id: UUID, actor: Any, now: datetime) -> None:
    """Throw a report of the actor away, its file included; one that is being made is given up.

    Raises `ReportNotFound`.
    """
    with transaction.atomic():
        job = visible_report(actor, job_id)
        document_id = job.document_id
        job.delete()
        if document_id is not None:
            try:
                delete_document(document_id=document_id, actor=actor, now=now)
            except DocumentNotFound:
                # Its time ran out while the page was open: gone is what was asked for.
                return


def _require_period(period_from: date | None, period_to: date, today: date) -> None:
    if period_to > today:
        raise ReportRefused("A report cannot end in the future.", code="period_in_future", field="period_to")
    if period_to < FIRST_DAY or (period_from is not None and period_from < FIRST_DAY):
        raise ReportRefused("Reports begin in 1900.", code="period_too_early", field="period_from")
    if period_from is not None and period_from > period_to:
        raise ReportRefused(
            "The first day is after the last one.", code="period_reversed", field="period_from"
        )
