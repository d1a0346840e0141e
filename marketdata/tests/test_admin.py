"""Django admin of market data: lists open, facts entered there say so, instruments cannot be deleted."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.test import Client, RequestFactory
from django.urls import reverse

from accounts.roles import Role
from accounts.tests.support import make_user
from marketdata import operations
from marketdata.admin_forms import InstrumentAdminForm
from marketdata.models import (
    CorporateAction,
    FxRate,
    HeldQuote,
    Instrument,
    InstrumentTrouble,
    ProviderHealth,
    Quote,
)
from marketdata.providers.base import QuoteData
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


class TestPricesThatWait:
    @pytest.fixture
    def held(self, make_instrument):
        share = make_instrument("ACME")
        known = {"quoted_at": NOW, "source": "test"}
        operations.apply_quotes(
            quotes=[QuoteData(instrument_id=share.pk, last=Decimal(100), **known)], now=NOW
        )
        later = NOW + timedelta(minutes=1)
        leap = QuoteData(instrument_id=share.pk, last=Decimal(1000), quoted_at=later, source="test")
        operations.apply_quotes(quotes=[leap], now=later)
        return HeldQuote.objects.get()

    @pytest.fixture
    def browser(self):
        client = Client()
        client.force_login(get_user_model().objects.create_superuser("root@example.com"))
        return client

    def act(self, browser, model, action, *pks):
        url = reverse(f"admin:marketdata_{model}_changelist")
        answer = browser.post(url, {"action": action, "_selected_action": pks}, follow=True)
        assert answer.status_code == 200
        return answer.content.decode()

    def test_are_believed_through_the_operation(self, held, browser):
        assert "Prices believed: 1." in self.act(browser, "heldquote", "confirm", held.pk)
        assert Quote.objects.get().last == 1000
        assert not HeldQuote.objects.exists()

    def test_are_dismissed(self, held, browser):
        assert "Prices dismissed: 1." in self.act(browser, "heldquote", "dismiss", held.pk)
        assert Quote.objects.get().last == 100
        assert not HeldQuote.objects.exists()

    def test_are_not_changed_by_hand(self, held, browser):
        assert (
            "Save"
            not in browser.get(reverse("admin:marketdata_heldquote_change", args=[held.pk])).content.decode()
        )
        assert browser.get(reverse("admin:marketdata_heldquote_add")).status_code == 403

    def test_only_who_may_decide_sees_the_actions(self, held, browser):
        looker = make_user("looker@example.com", roles=(Role.AUDITOR,))
        looker.is_staff = True
        looker.save()
        browser.force_login(looker)
        answer = browser.post(
            reverse("admin:marketdata_heldquote_changelist"),
            {"action": "confirm", "_selected_action": [held.pk]},
            follow=True,
        )
        assert answer.status_code in (200, 403)
        assert Quote.objects.get().last == 100

    def test_providers_are_shown_and_may_be_asked_again(self, browser):
        ProviderHealth.objects.create(
            provider="yahoo", state="resting", since=NOW, day=NOW.date(), updated_at=NOW
        )
        told = self.act(browser, "providerhealth", "ask_again", "yahoo")
        assert "The next question goes out." in told
        assert ProviderHealth.objects.get().state != "resting"

    def test_instruments_in_trouble_are_listed(self, browser, make_instrument):
        InstrumentTrouble.objects.create(
            instrument=make_instrument("ACME"),
            kind="unavailable",
            provider="yahoo",
            message="HTTP 500",
            since=NOW,
            last_at=NOW,
        )
        listed = browser.get(reverse("admin:marketdata_instrumenttrouble_changelist")).content.decode()
        assert "ACME" in listed
