"""The API: instruments, quotes, history."""

from __future__ import annotations

from decimal import Decimal

import pytest

from marketdata import operations
from marketdata.models import Instrument
from marketdata.tests.conftest import NOW

pytestmark = pytest.mark.django_db
ROOT = "/api/v1"


@pytest.fixture(autouse=True)
def _today(time_machine):
    time_machine.move_to(NOW, tick=False)


@pytest.fixture
def share(make_instrument):
    instrument = make_instrument("AAPL", name="Apple Inc.", provider="simulated", exchange="XNAS")
    operations.backfill_history(now=NOW, instrument_ids=[instrument.pk], years=1)
    operations.refresh_quotes(now=NOW)
    return instrument


class TestInstruments:
    def test_needs_somebody(self, client):
        assert client.get(f"{ROOT}/instruments/").status_code in {401, 403}

    def test_lists_and_filters(self, client_of, owner, share, flat, django_assert_max_num_queries):
        client = client_of(owner)
        client.get(f"{ROOT}/instruments/")
        with django_assert_max_num_queries(4):
            found = client.get(f"{ROOT}/instruments/").json()["results"]
        assert [(i["symbol"], i["is_own"], i["is_simulated"], i["is_tradable"]) for i in found] == [
            ("AAPL", False, True, True),
            ("FLAT", True, False, False),
        ]
        assert found[0]["multiplier"] == "1"
        only = client.get(f"{ROOT}/instruments/?symbol=aapl&asset_class=equity").json()["results"]
        assert [i["symbol"] for i in only] == ["AAPL"]

    def test_others_do_not_see_ones_own(self, client_of, outsider, flat):
        client = client_of(outsider)
        assert client.get(f"{ROOT}/instruments/").json()["results"] == []
        for path in (f"instruments/{flat.pk}/", f"instruments/{flat.pk}/bars/"):
            answer = client.get(f"{ROOT}/{path}")
            assert answer.status_code == 404
            assert answer.headers["Content-Type"].startswith("application/problem+json")
        assert client.get(f"{ROOT}/quotes/?ids={flat.pk}").json() == {
            "results": [],
            "missing": [str(flat.pk)],
        }
        assert client.get(f"{ROOT}/quotes/?symbols=FLAT").json()["results"] == []
        assert client.get(f"{ROOT}/instruments/search/?q=flat").json() == []

    def test_search_ranks(self, client_of, owner, share):
        found = client_of(owner).get(f"{ROOT}/instruments/search/?q=appl").json()
        assert [i["symbol"] for i in found] == ["AAPL"]

    def test_own_instrument_is_entered_once_per_key(self, client_of, owner):
        client = client_of(owner)
        body = {"symbol": "MEYER", "name": "Shares of Meyer Ltd", "currency": "EUR"}
        headers = {"Idempotency-Key": "k-1"}
        answers = [
            client.post(f"{ROOT}/instruments/", body, content_type="application/json", headers=headers)
            for _ in range(2)
        ]
        assert [a.status_code for a in answers] == [201, 201]
        assert answers[0].json()["id"] == answers[1].json()["id"]
        assert Instrument.objects.get().owner == owner

    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"symbol": "A", "name": "A", "currency": "NOPE"},
            {"symbol": "A", "name": "A", "currency": "EUR", "isin": "XX"},
            {"symbol": "A", "name": "A", "currency": "EUR", "asset_class": "lottery"},
        ],
    )
    def test_bad_input_is_a_problem(self, client_of, owner, body):
        answer = client_of(owner).post(f"{ROOT}/instruments/", body, content_type="application/json")
        assert answer.status_code in {400, 422}
        assert answer.json()["type"].startswith("/api/problems/")
        assert not Instrument.objects.exists()

    def test_auditors_cannot_enter_any(self, client_of, auditor):
        body = {"symbol": "A", "name": "A", "currency": "EUR"}
        answer = client_of(auditor).post(f"{ROOT}/instruments/", body, content_type="application/json")
        assert answer.status_code == 403


class TestQuotes:
    def test_by_ids_and_symbols(self, client_of, owner, share, flat, django_assert_max_num_queries):
        client = client_of(owner)
        client.get(f"{ROOT}/quotes/?ids={share.pk}")
        with django_assert_max_num_queries(6):
            body = client.get(f"{ROOT}/quotes/?ids={share.pk},{flat.pk},77&symbols=aapl,NOPE").json()
        (quote,) = body["results"]
        assert body["missing"] == [str(flat.pk), "77", "NOPE"]
        assert quote["symbol"] == "AAPL"
        assert quote["is_simulated"] is True
        assert Decimal(quote["bid"]) <= Decimal(quote["last"]) <= Decimal(quote["ask"])
        assert isinstance(quote["change_fraction"], str)

    def test_a_symbol_that_no_table_can_hold_is_refused(self, client_of, owner, share):
        answer = client_of(owner).get(f"{ROOT}/quotes/?symbols=A%00,AAPL")
        assert answer.status_code == 400
        assert answer.json()["errors"][0]["field"] == "symbols"

    @pytest.mark.parametrize(
        "query", ["", "?ids=", "?ids=a", "?ids=-1", "?ids=1e3", "?ids=" + "9" * 30, "?ids=" + "1," * 600]
    )
    def test_bad_requests_are_told(self, client_of, owner, query):
        assert client_of(owner).get(f"{ROOT}/quotes/{query}").status_code == 400


class TestBars:
    def test_history_with_bounds(self, client_of, owner, share, django_assert_max_num_queries):
        client = client_of(owner)
        address = f"{ROOT}/instruments/{share.pk}/bars/"
        client.get(address)
        with django_assert_max_num_queries(5):
            body = client.get(f"{address}?from=2026-11-02&to=2026-11-06").json()
        assert [b["date"] for b in body["results"]] == [f"2026-11-0{n}" for n in range(2, 7)]
        assert body["adjusted"] is True
        assert body["results"][0]["source"] == "simulated"
        assert len(client.get(f"{address}?points=10").json()["results"]) <= 10

    @pytest.mark.parametrize("query", ["from=soon", "to=2026-02-30", "points=0", "points=many"])
    def test_bad_bounds_are_told(self, client_of, owner, share, query):
        assert client_of(owner).get(f"{ROOT}/instruments/{share.pk}/bars/?{query}").status_code == 400

    @pytest.mark.parametrize("query", ["to=0001-01-01", "from=9999-12-31", "from=0001-01-01&to=9999-12-31"])
    def test_the_first_and_last_days_of_the_calendar_are_days(self, client_of, owner, share, query):
        address = f"{ROOT}/instruments/{share.pk}/bars/"
        assert client_of(owner).get(f"{address}?{query}").status_code == 200


class TestSchema:
    def test_every_endpoint_is_described(self, client, owner, client_of):
        schema = client_of(owner).get("/api/schema/", headers={"accept": "application/json"}).json()
        for path in (
            "instruments/",
            "instruments/{id}/",
            "instruments/{id}/bars/",
            "instruments/search/",
            "quotes/",
        ):
            for operation in schema["paths"][f"{ROOT}/{path}"].values():
                assert operation["summary"]
                assert operation["description"]
