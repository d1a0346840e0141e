"""Django admin of market data: lists open, facts entered there say so, instruments cannot be deleted."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.test import RequestFactory
from django.urls import reverse

from marketdata.admin_forms import InstrumentAdminForm
from marketdata.models import CorporateAction, FxRate, Instrument, Quote
from marketdata.tests.conftest import NOW, rate

pytestmark = pytest.mark.django_db


@pytest.fixture
def request_of_admin():
    # The addresses of the site are loaded before any request is served, and with them the last admins.
    request = RequestFactory().get(reverse("admin:index"))
    request.user = get_user_model().objects.create_superuser("root@example.com")
    return request


@pytest.mark.parametrize("model", [Instrument, Quote, FxRate, CorporateAction])
def test_lists_open_with_few_statements(
    model, request_of_admin, make_instrument, django_assert_max_num_queries
):
    for n in range(5):
        made = make_instrument(f"S{n}")
        Quote.objects.create(instrument=made, last=1, quoted_at=NOW, received_at=NOW, source="test")
        CorporateAction.objects.create(
            instrument=made, ex_date=date(2026, 1, 2), kind="split", value=2, source="test"
        )
        rate("EUR", "USD", f"2026-01-0{n + 1}", "1.1")
    with django_assert_max_num_queries(8):
        response: Any = admin.site._registry[model].changelist_view(request_of_admin)
        response.render()
    assert response.status_code == 200


def test_what_is_entered_says_so(request_of_admin):
    entered = FxRate(base="EUR", quote="USD", date=date(2026, 1, 2), rate=1)
    admin.site._registry[FxRate].save_model(request_of_admin, entered, None, False)
    assert FxRate.objects.get().source == "entered by hand"


def test_instruments_are_switched_off_and_not_deleted(request_of_admin):
    assert not admin.site._registry[Instrument].has_delete_permission(request_of_admin)
    assert not admin.site._registry[Quote].has_change_permission(request_of_admin)


class TestSourcesOfAnInstrument:
    def form(self, instrument, **changed):
        data = {
            name: value
            for name, value in InstrumentAdminForm(instance=instrument).initial.items()
            if value is not None
        }
        data |= {"fallback_providers": "", **changed}
        return InstrumentAdminForm(data, instance=instrument)

    def test_are_kept_in_order_and_each_once(self, make_instrument):
        form = self.form(make_instrument(), provider="yahoo", fallback_providers="manual,yahoo,manual")
        assert form.is_valid(), form.errors
        saved = form.save()
        saved.refresh_from_db()
        assert saved.providers == ["yahoo", "manual"]

    def test_prices_that_are_made_up_never_stand_in(self, make_instrument):
        form = self.form(make_instrument(), provider="yahoo", fallback_providers="simulated")
        assert not form.is_valid()
        assert "never stand in" in str(form.errors["fallback_providers"])

    def test_names_at_providers_have_a_box_each(self, make_instrument):
        instrument = make_instrument(provider_symbols={"yahoo": "ACME.DE", "gone": "x1"})
        shown = str(InstrumentAdminForm(instance=instrument)["provider_symbols"])
        assert 'name="provider_symbols-yahoo"' in shown
        assert 'value="ACME.DE"' in shown
        assert "CoinGecko</label>" in shown
        form = self.form(
            instrument,
            **{
                "provider_symbols-yahoo": "",
                "provider_symbols-coingecko": " acme ",
                "provider_symbols-gone": "x1",
            },
        )
        assert form.is_valid(), form.errors
        assert form.save().provider_symbols == {"coingecko": "acme", "gone": "x1"}

    def test_names_that_are_too_long_are_refused(self, make_instrument):
        form = self.form(make_instrument(), **{"provider_symbols-yahoo": "x" * 61})
        assert "no symbol at Yahoo" in str(form.errors["provider_symbols"])

    def test_pence_go_with_pounds(self, make_instrument):
        form = self.form(make_instrument(currency="GBP"), quoted_in="ZAc")
        assert not form.is_valid()
        assert "hundredth of the currency" in str(form.errors)

    @pytest.mark.parametrize(("field", "value"), [("provider", "nobody"), ("fallback_providers", "nobody")])
    def test_must_exist(self, make_instrument, field, value):
        form = self.form(make_instrument(), **{field: value})
        assert "There is no provider" in str(form.errors[field])
