"""The history of an instrument as its page shows it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from marketdata import operations
from marketdata.models import HistoryGap, HistoryJob, Instrument, RestatedBar, Restatement
from marketdata.operations.gateway import calling
from marketdata.providers.base import ProviderUnavailable
from marketdata.tests.conftest import NOW, bar
from marketdata.tests.history_source import HistorySource, listed
from marketdata.tests.scripted import forget_gateway

pytestmark = pytest.mark.django_db
D = Decimal


@pytest.fixture(autouse=True)
def source(time_machine: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[HistorySource]:
    time_machine.move_to(NOW)
    forget_gateway()
    monkeypatch.setattr(calling, "_sleep", lambda _seconds: None)
    provider = HistorySource()
    with listed(provider):
        yield provider


@pytest.fixture
def acme(make_instrument: Callable[..., Instrument]) -> Instrument:
    return make_instrument("ACME", provider="scripted", exchange="XNAS")


def page(instrument: Instrument) -> str:
    return reverse("marketdata:detail", args=[instrument.pk])


def part(instrument: Instrument) -> str:
    return reverse("marketdata:history", args=[instrument.pk])


class TestOnTheWay:
    def test_opening_the_page_has_it_fetched(
        self, acme: Instrument, owner: Any, client_of: Callable[[Any], Client]
    ) -> None:
        client = client_of(owner)
        body = client.get(page(acme)).content.decode()
        assert HistoryJob.objects.get().reason == "opened"
        assert "Fetching the price history" in body
        assert f'hx-get="{part(acme)}"' in body
        client.get(page(acme))
        assert HistoryJob.objects.count() == 1

    def test_progress_is_shown(
        self, acme: Instrument, owner: Any, client_of: Callable[[Any], Client]
    ) -> None:
        operations.request_history(instrument_id=acme.pk, reason="opened", now=NOW)
        HistoryJob.objects.update(state="running", progress=35, stage="The years since 2016", bars_added=251)
        response = client_of(owner).get(part(acme), headers={"HX-Request": "true"})
        body = response.content.decode()
        assert "The years since 2016" in body
        assert 'value="35"' in body
        assert "251 days so far" in body
        assert "HX-Refresh" not in response.headers

    def test_when_it_is_done_the_page_comes_anew(
        self, acme: Instrument, owner: Any, client_of: Callable[[Any], Client]
    ) -> None:
        job = operations.request_history(instrument_id=acme.pk, reason="opened", now=NOW)
        assert job is not None
        operations.fetch_history(job_id=job.pk, now=NOW)
        response = client_of(owner).get(part(acme), headers={"HX-Request": "true"})
        assert response.headers["HX-Refresh"] == "true"
        assert "hx-get" not in response.content.decode()

    def test_a_failure_says_why_and_can_be_tried_again(
        self,
        acme: Instrument,
        source: HistorySource,
        owner: Any,
        auditor: Any,
        client_of: Callable[[Any], Client],
    ) -> None:
        source.error = ProviderUnavailable("it does not answer")
        job = operations.request_history(instrument_id=acme.pk, reason="opened", now=NOW)
        assert job is not None
        operations.fetch_history(job_id=job.pk, now=NOW)
        body = client_of(owner).get(page(acme)).content.decode()
        assert "it does not answer" in body
        again = reverse("marketdata:history_again", args=[acme.pk])
        assert again in body
        assert again not in client_of(auditor).get(page(acme)).content.decode()
        assert client_of(auditor).post(again).status_code == 403
        assert client_of(owner).post(again).status_code == 303
        assert HistoryJob.objects.order_by("-pk").first().reason == "again"

    def test_missing_days_are_named(
        self, acme: Instrument, owner: Any, client_of: Callable[[Any], Client]
    ) -> None:
        HistoryGap.objects.create(
            instrument=acme,
            first_date=date(2026, 11, 2),
            last_date=date(2026, 11, 3),
            days=2,
            found_at=NOW,
        )
        HistoryJob.objects.create(
            instrument=acme, reason="opened", state="done", wanted_from=NOW, requested_at=NOW, not_before=NOW
        )
        assert (
            "2 trading days without a price in 1 place" in client_of(owner).get(part(acme)).content.decode()
        )

    def test_a_watched_instrument_gets_its_history(self, acme: Instrument, owner: Any) -> None:
        operations.create_watchlist(owner=owner, name="Mine", now=NOW, instrument_ids=[acme.pk])
        assert HistoryJob.objects.get().reason == "watched"

    def test_costs_few_statements(
        self,
        acme: Instrument,
        owner: Any,
        client_of: Callable[[Any], Client],
        django_assert_max_num_queries: Any,
    ) -> None:
        client = client_of(owner)
        client.get(page(acme))
        with django_assert_max_num_queries(8):
            client.get(part(acme))


class TestRestatement:
    @pytest.fixture
    def restated(self, acme: Instrument) -> Restatement:
        bar(acme, "2026-11-17", "102", source="yahoo")
        found = Restatement.objects.create(
            instrument=acme,
            source="yahoo",
            first_date=date(2026, 11, 17),
            last_date=date(2026, 11, 17),
            days=1,
            found_at=NOW,
            seen_at=NOW,
        )
        RestatedBar.objects.create(
            restatement=found,
            date=date(2026, 11, 17),
            close=D(103),
            old_close=D(102),
            old_source="yahoo",
        )
        HistoryJob.objects.create(
            instrument=acme, reason="opened", state="done", wanted_from=NOW, requested_at=NOW, not_before=NOW
        )
        return found

    def address(self, restated: Restatement) -> str:
        return reverse("marketdata:restatement", args=[restated.instrument_id, restated.pk])

    def test_the_instruments_page_leads_to_it(
        self, restated: Restatement, owner: Any, client_of: Callable[[Any], Client]
    ) -> None:
        assert self.address(restated) in client_of(owner).get(page(restated.instrument)).content.decode()

    def test_shows_both_and_lets_administrators_decide(
        self, restated: Restatement, owner: Any, auditor: Any, client_of: Callable[[Any], Client]
    ) -> None:
        for user in (owner, auditor):
            body = client_of(user).get(self.address(restated)).content.decode()
            assert "102.00" in body
            assert "103.00" in body
            assert 'value="accept"' not in body
            assert client_of(user).post(self.address(restated), {"decision": "accept"}).status_code == 403
        owner.user_permissions.add(Permission.objects.get(codename="change_pricebar"))
        client = client_of(owner)
        assert 'value="accept"' in client.get(self.address(restated)).content.decode()
        answer = client.post(self.address(restated), {"decision": "accept"}, follow=True)
        assert "The new prices were taken over" in answer.content.decode()
        assert (
            "decided about already"
            in client.post(self.address(restated), {"decision": "keep"}, follow=True).content.decode()
        )

    def test_is_not_found_under_another_instrument(
        self,
        restated: Restatement,
        owner: Any,
        make_instrument: Callable[..., Instrument],
        client_of: Callable[[Any], Client],
    ) -> None:
        other = make_instrument("OTHER")
        address = reverse("marketdata:restatement", args=[other.pk, restated.pk])
        assert client_of(owner).get(address).status_code == 404

    def test_of_a_private_instrument_outsiders_see_nothing(
        self, restated: Restatement, owner: Any, outsider: Any, client_of: Callable[[Any], Client]
    ) -> None:
        Instrument.objects.filter(pk=restated.instrument_id).update(owner=owner)
        for address in (self.address(restated), part(restated.instrument)):
            assert client_of(outsider).get(address).status_code == 404
