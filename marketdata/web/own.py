"""Pages of market data: instruments of one's own, and the prices a person keeps of them."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from marketdata import operations, queries
from marketdata.forms import OwnInstrumentEditForm, OwnInstrumentForm, PriceFileForm, PriceForm
from marketdata.models import Instrument
from marketdata.web.common import may_change
from portfolio_site.kernel import clock
from portfolio_site.kernel.errors import DomainError, ForbiddenError
from portfolio_site.kernel.idempotency import KeyReused, fingerprint_of, once

PRICES_PER_PAGE = 100


@login_required
@require_http_methods(["GET", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """Enter an instrument of one's own, with its first price if there is one."""
    now = clock.now()
    if request.method == "GET":
        form = OwnInstrumentForm(
            today=now.date(),
            initial={
                "currency": getattr(request.user, "base_currency", ""),
                "symbol": request.GET.get("symbol", "")[:40],
            },
        )
        return render(request, "marketdata/new.html", {"form": form})
    may_change(request)
    form = OwnInstrumentForm(request.POST, today=now.date())
    if form.is_valid():
        given = form.cleaned_data

        def do() -> tuple[int, Any]:
            instrument = operations.create_instrument(
                owner=request.user,
                symbol=given["symbol"],
                name=given["name"],
                currency=given["currency"],
                asset_class=given["asset_class"],
                isin=given["isin"],
            )
            if given["price"] is not None:
                operations.record_price(
                    instrument_id=instrument.pk,
                    day=given["date"] or now.date(),
                    price=given["price"],
                    actor=request.user,
                    now=now,
                )
            return 201, {"id": instrument.pk}

        payload = {name: str(value) for name, value in given.items()}
        try:
            answer = once(
                key=given["form_token"],
                user=request.user,
                route="marketdata.new",
                fingerprint=fingerprint_of(payload),
                do=do,
            )
        except KeyReused:
            form.refuse_reuse()
        except DomainError as error:
            form.add_error(error.field if error.field in form.fields else None, error.message)
        else:
            if not answer.replayed:
                messages.success(request, f"{given['symbol']} was added. Only you see it.")
            return HttpResponseRedirect(reverse("marketdata:detail", args=[answer.body["id"]]))
    return render(request, "marketdata/new.html", {"form": form}, status=422)


@login_required
@require_http_methods(["GET", "POST"])
def edit(request: HttpRequest, instrument_id: int) -> HttpResponse:
    """Change what an instrument of one's own is called and is."""
    instrument = _own(request, instrument_id)
    form = OwnInstrumentEditForm(request.POST if request.method == "POST" else None, instrument=instrument)
    status = 200
    if request.method == "POST":
        may_change(request)
        status = 422
        if form.is_valid():
            try:
                changed = operations.update_instrument(
                    instrument_id=instrument_id, actor=request.user, **form.cleaned_data
                )
            except ForbiddenError:
                raise
            except DomainError as error:
                form.add_error(error.field if error.field in form.fields else None, error.message)
            else:
                messages.success(request, f"{changed.symbol} was changed.")
                return HttpResponseRedirect(reverse("marketdata:detail", args=[instrument_id]))
    return render(
        request, "marketdata/own/edit.html", {"instrument": instrument, "form": form}, status=status
    )


@login_required
@require_http_methods(["GET", "POST"])
def delete(request: HttpRequest, instrument_id: int) -> HttpResponse:
    """Remove an instrument of one's own, or say what it is used in."""
    instrument = _own(request, instrument_id)
    if request.method == "GET":
        context = {"instrument": instrument, "uses": operations.uses_of(instrument_id)}
        return render(request, "marketdata/own/delete.html", context)
    may_change(request)
    try:
        symbol = operations.delete_instrument(instrument_id=instrument_id, actor=request.user)
    except operations.InstrumentInUse as refusal:
        context = {"instrument": instrument, "uses": [], "refusal": refusal.message}
        return render(request, "marketdata/own/delete.html", context, status=refusal.status)
    messages.success(request, f"{symbol} was deleted, with its prices.")
    return HttpResponseRedirect(reverse("marketdata:index"))


@login_required
@require_http_methods(["GET", "POST"])
def prices(request: HttpRequest, instrument_id: int) -> HttpResponse:
    """The prices kept of an instrument: all of them, one to enter or correct, a file of them to add."""
    instrument = queries.visible_instrument(request.user, instrument_id)
    if request.method == "POST":
        return record_price(request, instrument_id)
    form = _price_form(instrument, day=request.GET.get("day"))
    return render(request, "marketdata/own/prices.html", _prices(request, instrument, form=form))


@login_required
@require_POST
def record_price(request: HttpRequest, instrument_id: int) -> HttpResponse:
    """Enter a price of an instrument of one's own. A second entry for a day replaces the first."""
    instrument = queries.visible_instrument(request.user, instrument_id)
    may_change(request)
    now = clock.now()
    form = PriceForm(request.POST, currency=instrument.currency, today=now.date())
    if form.is_valid():
        try:
            operations.record_price(
                instrument_id=instrument.pk,
                day=form.cleaned_data["date"],
                price=form.cleaned_data["price"],
                actor=request.user,
                now=now,
            )
        except ForbiddenError:
            raise
        except DomainError as error:
            form.add_error(error.field if error.field in form.fields else None, error.message)
        else:
            messages.success(request, f"The price of {instrument.symbol} was saved.")
            back = (
                "prices" if request.path == reverse("marketdata:prices", args=[instrument.pk]) else "detail"
            )
            return HttpResponseRedirect(reverse(f"marketdata:{back}", args=[instrument.pk]))
    return render(request, "marketdata/own/prices.html", _prices(request, instrument, form=form), status=422)


@login_required
@require_POST
def delete_price(request: HttpRequest, instrument_id: int, day: str) -> HttpResponse:
    """Remove the price of a day."""
    try:
        wanted = date.fromisoformat(day)
    except ValueError as error:
        raise Http404 from error
    instrument = queries.visible_instrument(request.user, instrument_id)
    may_change(request)
    deleted = operations.delete_price(
        instrument_id=instrument.pk, day=wanted, actor=request.user, now=clock.now()
    )
    if deleted:
        messages.success(request, f"The price of {wanted.isoformat()} was deleted.")
    return HttpResponseRedirect(reverse("marketdata:prices", args=[instrument.pk]))


@login_required
@require_POST
def upload_prices(request: HttpRequest, instrument_id: int) -> HttpResponse:
    """Add the prices of a file. What is wrong in it is said by line; the good rows are kept."""
    instrument = queries.visible_instrument(request.user, instrument_id)
    may_change(request)
    form = PriceFileForm(request.POST, request.FILES)
    loaded: operations.OwnPricesLoaded | None = None
    if form.is_valid():
        upload = form.cleaned_data["file"]
        try:
            loaded = operations.load_own_prices(
                instrument_id=instrument.pk, file=upload.file, actor=request.user, now=clock.now()
            )
        except ForbiddenError:
            raise
        except DomainError as error:
            form.add_error("file", error.message)
    if loaded is not None and not loaded.fault_count:
        messages.success(
            request,
            f"{loaded.added} prices were added, {loaded.changed} changed, {loaded.unchanged} were there already.",
        )
        return HttpResponseRedirect(reverse("marketdata:prices", args=[instrument.pk]))
    context = _prices(request, instrument, file_form=form) | {"loaded": loaded}
    return render(request, "marketdata/own/prices.html", context, status=422)


def _own(request: HttpRequest, instrument_id: int) -> Instrument:
    """The instrument if it is this person's; 404 for what they cannot see, 403 for what is not theirs."""
    instrument = queries.visible_instrument(request.user, instrument_id)
    if instrument.owner_id != request.user.pk:
        raise ForbiddenError("You may only change instruments of your own.")
    return instrument


def _price_form(instrument: Instrument, *, day: str | None = None) -> PriceForm:
    """An empty form, or with `day` one that corrects the price of that day."""
    form = PriceForm(currency=instrument.currency, today=clock.now().date())
    known = queries.price_of_day(instrument.pk, day) if day else None
    if known is not None:
        form.initial = {"date": known.date, "price": known.price}
    return form


def _prices(
    request: HttpRequest,
    instrument: Instrument,
    *,
    form: PriceForm | None = None,
    file_form: PriceFileForm | None = None,
) -> dict[str, Any]:
    is_own = instrument.owner_id == request.user.pk and instrument.provider == "manual"
    page = Paginator(queries.prices_of(instrument.pk), PRICES_PER_PAGE).get_page(request.GET.get("page"))
    return {
        "instrument": instrument,
        "is_own": is_own,
        "page_obj": page,
        "price_unit": "" if instrument.quote_unit == "percent" else instrument.currency,
        "price_form": (form or _price_form(instrument)) if is_own else None,
        "file_form": (file_form or PriceFileForm()) if is_own else None,
    }
