"""The data health page and its API: what is old or missing, why, what would help, and who may do what."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.roles import Role
from accounts.tests.support import make_user
from marketdata import operations
from marketdata.models import HeldQuote, Instrument, InstrumentTrouble, Quote
from marketdata.operations import gateway, interest
from marketdata.operations.gateway import calling, records
from marketdata.operations.quotes import claims
from marketdata.providers.base import ProviderUnavailable, QuoteData, RateLimited, SymbolUnknown
from marketdata.queries import attention
from marketdata.tests.conftest import NOW
from marketdata.tests.scripted import ScriptedProvider, forget_gateway, install
from portfolio_site.kernel import valkey

pytestmark = pytest.mark.django_db
D = Decimal
PAGE = "/markets/health/"


@pytest.fixture(autouse=True)
def _now(time_machine: Any, monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    forget_gateway()
    attention.forget()
    claims.forget()
    settings.QUOTE_POLL_SECONDS = 0
    monkeypatch.setattr(calling, "_sleep", lambda _seconds: None)
    monkeypatch.setattr(records, "EVERY_SECONDS", 0.0)
    time_machine.move_to(NOW, tick=False)


@pytest.fixture
def vendor(monkeypatch: pytest.MonkeyPatch) -> ScriptedProvider:
    (made,) = install(monkeypatch, "vendor")
    return made


@pytest.fixture
def share(make_instrument: Any, vendor: ScriptedProvider, owner: Any) -> Instrument:
    made: Instrument = make_instrument("ACME", name="Acme Inc.", provider="vendor", exchange="XNAS")
    listed = operations.create_watchlist(owner=owner, name="Mine", now=NOW)
    operations.add_to_watchlist(watchlist_id=listed.id, instrument_id=made.pk, actor=owner, now=NOW)
    return made


@pytest.fixture
def admin() -> Any:
    return make_user("admin@example.com", roles=(Role.ADMINISTRATOR,))


def browser(person: Any) -> Client:
    client = Client()
    client.force_login(person)
    return client


def refresh(now: Any = None) -> None:
    claims.forget()
    valkey.client().delete("hf:quotes:asked-at")
    operations.refresh_quotes(now=now or timezone.now(), providers=["vendor"])


def page(person: Any) -> str:
    answer = browser(person).get(PAGE)
    assert answer.status_code == 200
    return answer.content.decode()


class TestPersonsPage:
    def test_says_that_all_is_well(self, share: Any, vendor: Any, owner: Any) -> None:
        vendor.prices = {"ACME": 100}
        refresh()
        assert "All your prices are in order" in page(owner)

    def test_says_what_is_wrong_since_when_and_what_the_source_said(
        self, share: Any, vendor: Any, owner: Any, time_machine: Any
    ) -> None:
        vendor.prices = {"ACME": 100}
        refresh()
        vendor.prices = {"ACME": SymbolUnknown("Vendor has no quote for ACME")}
        time_machine.shift(600)
        refresh()
        time_machine.shift(600)
        text = page(owner)
        for words in (
            "Acme Inc.",
            "watched",
            "Vendor does not know it.",
            "Vendor has no quote for ACME",
            "10 minutes ago",
            "$100.00",
            "20 minutes ago",
            "Ask again",
        ):
            assert words in text, words

    def test_an_old_price_without_a_fault_shows_too(
        self, share: Any, vendor: Any, owner: Any, time_machine: Any
    ) -> None:
        vendor.prices = {"ACME": 100}
        refresh()
        time_machine.shift(3600)
        assert "No newer price has come while its market is open" in page(owner)

    def test_ones_own_things_lead_to_where_prices_are_entered(
        self, owner: Any, flat: Any, outsider: Any
    ) -> None:
        text = page(owner)
        assert "It has no price yet" in text
        assert reverse("marketdata:prices", args=[flat.pk]) in text
        assert reverse("marketdata:health_source", args=[flat.pk]) in text
        assert "Flat in Lyon" not in page(outsider)

    def test_cost_does_not_grow_with_the_list(
        self, make_instrument: Any, owner: Any, vendor: Any, django_assert_max_num_queries: Any
    ) -> None:
        listed = operations.create_watchlist(owner=owner, name="Many", now=NOW)
        for n in range(30):
            made = make_instrument(f"S{n}", provider="vendor")
            operations.add_to_watchlist(watchlist_id=listed.id, instrument_id=made.pk, actor=owner, now=NOW)
            InstrumentTrouble.objects.create(
                instrument=made, kind="unavailable", provider="vendor", message="x", since=NOW, last_at=NOW
            )
        client = browser(owner)
        client.get(PAGE)
        with django_assert_max_num_queries(22):
            assert client.get(PAGE).content.count(b"cannot be reached") == 30

    def test_names_are_text_and_not_markup(self, share: Any, vendor: Any, owner: Any) -> None:
        vendor.prices = {"ACME": SymbolUnknown("<script>alert(1)</script>")}
        refresh()
        assert "<script>alert" not in page(owner)

    def test_auditors_look_and_press_nothing(self, share: Any, auditor: Any, vendor: Any) -> None:
        client = browser(auditor)
        assert client.get(PAGE).status_code == 200
        for name in ("health_retry", "health_confirm", "health_source"):
            assert client.post(reverse(f"marketdata:{name}", args=[share.pk])).status_code == 403


class TestRetry:
    def test_asks_again_in_the_background(
        self, share: Any, vendor: Any, owner: Any, monkeypatch: Any, django_capture_on_commit_callbacks: Any
    ) -> None:
        told: list[int] = []
        monkeypatch.setattr(attention, "_when_wanted", {lambda: told.append(1)})
        vendor.prices = {"ACME": SymbolUnknown("?")}
        refresh()
        asked = len(vendor.asked)
        with django_capture_on_commit_callbacks(execute=True):
            answer = browser(owner).post(reverse("marketdata:health_retry", args=[share.pk]))
        assert answer.status_code == 302
        assert (told, len(vendor.asked)) == ([1], asked)
        vendor.prices = {"ACME": 100}
        assert operations.refresh_wanted_quotes(now=timezone.now()).stored == [share.pk]
        assert not InstrumentTrouble.objects.exists()

    def test_all_at_once(
        self, share: Any, vendor: Any, owner: Any, django_capture_on_commit_callbacks: Any, monkeypatch: Any
    ) -> None:
        monkeypatch.setattr(attention, "_when_wanted", set())
        refresh()
        with django_capture_on_commit_callbacks(execute=True):
            browser(owner).post(reverse("marketdata:health_retry_all"))
        assert attention.take_wanted() == [share.pk]

    def test_what_one_cannot_see_is_not_found(self, flat: Any, outsider: Any) -> None:
        for name in ("health_retry", "health_confirm", "health_dismiss", "health_source"):
            assert browser(outsider).post(reverse(f"marketdata:{name}", args=[flat.pk])).status_code == 404


class TestHeldPrices:
    @pytest.fixture
    def held(self, share: Any, vendor: Any, time_machine: Any) -> Any:
        vendor.prices = {"ACME": 100}
        refresh()
        vendor.prices = {"ACME": 250}
        time_machine.shift(60)
        refresh()
        assert HeldQuote.objects.exists()
        return share

    def test_are_shown_beside_the_price_that_counts(self, held: Any, owner: Any) -> None:
        text = page(owner)
        for words in ("too far from the last one", "$250.00", "150.00%", "$100.00"):
            assert words in text, words
        assert "It is right" not in text

    def test_administrators_decide(self, held: Any, owner: Any, admin: Any) -> None:
        assert browser(owner).post(reverse("marketdata:health_confirm", args=[held.pk])).status_code == 403
        assert "It is right" in page(admin)
        assert browser(admin).post(reverse("marketdata:health_confirm", args=[held.pk])).status_code == 302
        assert Quote.objects.get().last == 250

    def test_one_decides_about_ones_own(self, make_instrument: Any, vendor: Any, owner: Any) -> None:
        mine = make_instrument("MINE", provider="vendor", owner=owner)
        interest.register_interest("test", lambda: [mine.pk])
        for minutes, price in ((0, 100), (1, 400)):
            operations.apply_quotes(
                quotes=[
                    QuoteData(
                        instrument_id=mine.pk,
                        last=D(price),
                        quoted_at=NOW + timedelta(minutes=minutes - 5),
                        source="vendor",
                    )
                ],
                now=NOW,
            )
        client = browser(owner)
        assert "It is right" in page(owner)
        client.post(reverse("marketdata:health_dismiss", args=[mine.pk]))
        assert Quote.objects.get().last == 100
        answer = client.post(reverse("marketdata:health_confirm", args=[mine.pk]), follow=True)
        assert "nothing to decide any more" in answer.content.decode()


class TestOtherSource:
    def test_is_chosen_for_ones_own(
        self, flat: Any, owner: Any, vendor: Any, django_capture_on_commit_callbacks: Any, monkeypatch: Any
    ) -> None:
        monkeypatch.setattr(attention, "_when_wanted", set())
        client, url = browser(owner), reverse("marketdata:health_source", args=[flat.pk])
        assert "Its symbol there" in client.get(url).content.decode()
        with django_capture_on_commit_callbacks(execute=True):
            answer = client.post(url, {"provider": "vendor", "provider_symbol": "FLAT.X"})
        assert answer.status_code == 302
        flat.refresh_from_db()
        assert (flat.provider, flat.provider_symbols) == ("vendor", {"vendor": "FLAT.X"})
        assert attention.take_wanted() == [flat.pk]

    @pytest.mark.parametrize(
        "data", [{"provider": "nobody"}, {}, {"provider": "vendor", "provider_symbol": "x" * 61}]
    )
    def test_must_be_one(self, flat: Any, owner: Any, vendor: Any, data: Any) -> None:
        answer = browser(owner).post(reverse("marketdata:health_source", args=[flat.pk]), data)
        assert answer.status_code == 422

    def test_of_a_shared_instrument_is_not_a_persons_business(self, share: Any, owner: Any) -> None:
        assert browser(owner).get(reverse("marketdata:health_source", args=[share.pk])).status_code == 404


class TestProviders:
    def test_are_for_who_runs_or_audits_the_site(
        self, share: Any, owner: Any, admin: Any, auditor: Any
    ) -> None:
        Group.objects.get(name="Auditor")
        assert "Providers" not in page(owner)
        assert "Providers" in page(admin)

    def test_show_calls_errors_quota_and_state(
        self, share: Any, vendor: Any, admin: Any, settings: Any
    ) -> None:
        settings.PROVIDER_LIMITS = {"vendor": (30, 100)}
        vendor.prices = {"ACME": 100}
        refresh()
        vendor.down = RateLimited("Too Many Requests", retry_after=600)
        refresh()
        refresh()
        text = page(admin)
        for words in (
            "Vendor",
            "Wants to be left alone",
            "told to wait (429) 1",
            "Too Many Requests",
            "of 100",
        ):
            assert words in text, words
        assert "30 a minute" in text

    def test_an_administrator_lets_one_be_asked_again(
        self, share: Any, vendor: Any, admin: Any, owner: Any
    ) -> None:
        vendor.down = ProviderUnavailable("connection refused")
        for _ in range(3):
            refresh()
        assert "Kept failing" in page(admin)
        url = reverse("marketdata:health_reset")
        assert browser(owner).post(url, {"provider": "vendor"}).status_code == 404
        assert browser(admin).post(url, {"provider": "nobody"}).status_code == 404
        assert browser(admin).post(url, {"provider": "vendor"}).status_code == 302
        vendor.down = None
        assert gateway.call("vendor", "quotes", lambda: "fine") == "fine"

    def test_others_instruments_in_trouble_are_listed_for_administrators(
        self, share: Any, vendor: Any, admin: Any
    ) -> None:
        vendor.prices = {"ACME": SymbolUnknown("?")}
        refresh()
        text = page(admin)
        assert "Other instruments without a good price" in text
        assert "Acme Inc." in text

    def test_come_from_the_record_when_valkey_is_away(
        self, share: Any, vendor: Any, admin: Any, settings: Any
    ) -> None:
        vendor.down = RateLimited("Too Many Requests", retry_after=600)
        refresh()
        settings.REDIS_LOCATION = "redis://127.0.0.1:1/0"
        text = page(admin)
        assert "Wants to be left alone" in text
        assert "Too Many Requests" in text


class TestApi:
    def test_tells_the_same(self, share: Any, vendor: Any, owner: Any, admin: Any) -> None:
        vendor.prices = {"ACME": SymbolUnknown("Vendor has no quote for ACME")}
        refresh()
        body = browser(owner).get("/api/v1/market-data/health/").json()
        assert body["instruments"] == 1
        (problem,) = body["problems"]
        assert (problem["symbol"], problem["kind"], problem["why"]) == ("ACME", "unknown_symbol", ["watched"])
        assert problem["told"] == {"Vendor": "Vendor has no quote for ACME"}
        assert problem["last"] is None
        assert "providers" not in body
        providers = browser(admin).get("/api/v1/market-data/health/").json()["providers"]
        assert {"name", "calls", "failures", "left_today", "state"} <= providers[0].keys()

    def test_strangers_learn_nothing(self) -> None:
        assert Client().get("/api/v1/market-data/health/").status_code == 401


class TestHints:
    def test_the_dashboard_says_whose_price_is_old(
        self, share: Any, vendor: Any, owner: Any, time_machine: Any
    ) -> None:
        from holdings.tests.support import make_portfolio, post

        vendor.prices = {"ACME": 100}
        refresh()
        post(
            make_portfolio(owner, base_currency="USD"),
            "buy",
            "2026-01-12",
            instrument_id=share.pk,
            quantity="1",
            price="90",
        )
        assert "price of ACME" not in browser(owner).get("/").content.decode()
        time_machine.shift(3600)
        text = browser(owner).get("/").content.decode()
        assert "The price of ACME is old" in text
        assert PAGE in text
