"""The API: instruments of one's own, their prices, and what providers find."""

from __future__ import annotations

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from marketdata import operations, queries
from marketdata.models import Instrument
from marketdata.tests.conftest import NOW
from marketdata.tests.test_finding import Searcher, hit, searchers

__all__ = ["Searcher", "searchers"]

pytestmark = pytest.mark.django_db
ROOT = "/api/v1/instruments"
JSON = "application/json"


@pytest.fixture(autouse=True)
def _today(time_machine):
    time_machine.move_to(NOW, tick=False)


class TestOwn:
    def test_entered_changed_and_deleted(self, client_of, owner, outsider):
        client = client_of(owner)
        sent = {
            "symbol": "BOND1",
            "name": "A bond",
            "currency": "EUR",
            "asset_class": "bond",
            "coupon_rate": "2.5",
        }
        made = client.post(f"{ROOT}/", sent, content_type=JSON)
        assert made.status_code == 201
        pk = made.json()["id"]
        assert (made.json()["coupon_rate"], made.json()["is_own"]) == ("2.5", True)
        address = f"{ROOT}/{pk}/"
        changed = client.patch(address, {"name": "Bond", "coupon_rate": None, "isin": ""}, content_type=JSON)
        assert (changed.status_code, changed.json()["name"], changed.json()["coupon_rate"]) == (
            200,
            "Bond",
            None,
        )
        assert client_of(outsider).patch(address, {"name": "Mine"}, content_type=JSON).status_code == 404
        assert client_of(outsider).delete(address).status_code == 404
        assert client.delete(address).status_code == 204
        assert client.get(address).status_code == 404

    def test_unknown_fields_are_named(self, client_of, owner, flat):
        answer = client_of(owner).patch(f"{ROOT}/{flat.pk}/", {"owner": 5}, content_type=JSON)
        assert answer.status_code == 400
        assert "owner" in str(answer.json())

    def test_refusals_are_problems_with_a_code(self, client_of, owner, flat):
        client = client_of(owner)
        counted = client.patch(f"{ROOT}/{flat.pk}/", {"currency": "USD"}, content_type=JSON)
        assert (counted.status_code, counted.json()["code"]) == (409, "instrument_in_use")
        mistyped = client.patch(f"{ROOT}/{flat.pk}/", {"isin": "US0378331006"}, content_type=JSON)
        assert (mistyped.status_code, mistyped.headers["Content-Type"]) == (422, "application/problem+json")

    def test_shared_ones_are_nobodys_to_change(self, client_of, owner, auditor, make_instrument, flat):
        shared = make_instrument("AAPL")
        for person, pk in ((owner, shared.pk), (auditor, flat.pk)):
            assert (
                client_of(person).patch(f"{ROOT}/{pk}/", {"name": "X"}, content_type=JSON).status_code == 403
            )
            assert client_of(person).delete(f"{ROOT}/{pk}/").status_code == 403


class TestPrices:
    def test_of_a_day_are_put_and_deleted(self, client_of, owner, flat):
        client = client_of(owner)
        put = client.put(f"{ROOT}/{flat.pk}/prices/2026-11-19/", {"price": "321000.5"}, content_type=JSON)
        assert put.json() == {
            "instrument_id": flat.pk, "date": "2026-11-19", "price": "321000.5", "source": "manual",
        }  # fmt: skip
        assert client.get(f"/api/v1/quotes/?ids={flat.pk}").json()["results"][0]["last"] == "321000.5"
        assert client.delete(f"{ROOT}/{flat.pk}/prices/2026-11-19/").status_code == 204
        assert client.get(f"/api/v1/quotes/?ids={flat.pk}").json()["results"][0]["last"] == "310000"

    @pytest.mark.parametrize(
        ("day", "price", "status"),
        [
            ("2026-13-01", "1", 400),
            ("2030-01-01", "1", 422),
            ("2026-11-19", "-1", 422),
            ("2026-11-19", "x", 400),
        ],
    )
    def test_odd_ones_are_refused(self, client_of, owner, flat, day, price, status):
        answer = client_of(owner).put(f"{ROOT}/{flat.pk}/prices/{day}/", {"price": price}, content_type=JSON)
        assert answer.status_code == status

    def test_come_from_a_file(self, client_of, owner, flat):
        file = SimpleUploadedFile("p.csv", b"date,close\n2026-11-10,1\nnever,2\n")
        loaded = client_of(owner).post(f"{ROOT}/{flat.pk}/prices/", {"file": file}).json()
        assert (loaded["added"], loaded["fault_count"], loaded["faults"][0]["line"]) == (1, 1, 3)

    def test_are_the_owners_alone(self, client_of, outsider, auditor, flat):
        for person, status in ((outsider, 404), (auditor, 403)):
            client = client_of(person)
            address = f"{ROOT}/{flat.pk}/prices/2026-11-02/"
            assert client.put(address, {"price": "1"}, content_type=JSON).status_code == status
            assert client.delete(address).status_code == status
            file = SimpleUploadedFile("p.csv", b"date,close\n2026-11-10,1\n")
            assert client.post(f"{ROOT}/{flat.pk}/prices/", {"file": file}).status_code == status
        assert queries.prices_of(flat.pk).count() == 1


class TestBeyond:
    def test_finds_and_adds(self, client_of, owner, searchers, django_assert_max_num_queries):
        searchers[0].answers = [hit()]
        client = client_of(owner)
        found = client.get(f"{ROOT}/beyond/?q=sap").json()
        assert found["asked"] == ["alpha", "beta"]
        (result,) = found["results"]
        assert (result["symbol"], result["instrument_id"]) == ("SAP", None)
        sent = {"provider": "alpha", "provider_symbol": "SAP.X", "q": "sap"}
        added = client.post(f"{ROOT}/beyond/", sent, content_type=JSON).json()
        assert (added["symbol"], added["provider_symbols"]) == ("SAP", {"alpha": "SAP.X"})
        with django_assert_max_num_queries(5):
            again = client.get(f"{ROOT}/beyond/?q=sap").json()["results"][0]
        assert again["instrument_id"] == added["id"]

    def test_refuses_what_was_not_found(self, client_of, owner, auditor, searchers):
        sent = {"provider": "alpha", "provider_symbol": "NOPE", "q": "sap"}
        assert client_of(owner).post(f"{ROOT}/beyond/", sent, content_type=JSON).status_code == 422
        assert client_of(auditor).post(f"{ROOT}/beyond/", sent, content_type=JSON).status_code == 403
        assert not Instrument.objects.exists()


class TestSimulatedSaysSo:
    def test_every_answer_has_a_header_and_prices_a_flag(self, client_of, owner, make_instrument):
        share = make_instrument("KO", provider="simulated", exchange="XNYS")
        operations.backfill_history(now=NOW, instrument_ids=[share.pk], years=1)
        operations.refresh_quotes(now=NOW)
        client = client_of(owner)
        bars = client.get(f"{ROOT}/{share.pk}/bars/?from=2026-11-02")
        assert bars.json()["is_simulated"] is True
        assert bars.headers["Simulated-Prices"] == "true"
        assert client.get(f"/api/v1/quotes/?ids={share.pk}").json()["results"][0]["is_simulated"] is True

    def test_without_a_simulated_market_nothing_says_so(self, client_of, owner, flat):
        bars = client_of(owner).get(f"{ROOT}/{flat.pk}/bars/?from=2026-11-01")
        assert bars.json()["is_simulated"] is False
        assert "Simulated-Prices" not in bars.headers
