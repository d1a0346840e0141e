"""Searching beyond the list: what providers find, what becomes of those that cannot answer, and what is added."""

from __future__ import annotations

import pytest
from django.test import override_settings
from django.urls import reverse

from marketdata import operations
from marketdata.models import Instrument
from marketdata.operations import InstrumentRefused
from marketdata.providers import registry
from marketdata.providers.base import (
    BaseProvider,
    Capability,
    NotAuthorised,
    ProviderError,
    ProviderUnavailable,
    SearchHit,
)
from marketdata.tests.scripted import forget_gateway
from portfolio_site.kernel.errors import ForbiddenError

pytestmark = pytest.mark.django_db


def hit(symbol="SAP", **fields):
    return SearchHit(
        **{
            "symbol": symbol,
            "name": f"{symbol} Corporation",
            "asset_class": "equity",
            "currency": "EUR",
            "provider": "alpha",
            "provider_symbol": f"{symbol}.X",
            "exchange": "XETR",
            **fields,
        }
    )


class Searcher(BaseProvider):
    """Finds what a test says."""

    capabilities = frozenset({Capability.SEARCH})

    def __init__(self, name):
        self.name = name
        self.answers: list[SearchHit] | ProviderError = []
        self.asked: list[str] = []

    def search(self, text):
        self.asked.append(text)
        if isinstance(self.answers, ProviderError):
            raise self.answers
        return self.answers


@pytest.fixture
def searchers(monkeypatch):
    """Two providers with a search, and none of the real ones."""
    forget_gateway()
    made = [Searcher("alpha"), Searcher("beta")]
    providers = {
        name: maker for name, maker in registry._PROVIDERS.items() if name in {"manual", "simulated"}
    }
    providers |= {one.name: _maker(one) for one in made}
    monkeypatch.setattr(registry, "_PROVIDERS", providers)
    registry._made.cache_clear()
    yield made
    registry._made.cache_clear()


def _maker(provider):
    return lambda _options: provider


class TestSearchProviders:
    def test_asks_all_and_shows_each_thing_once(self, searchers, owner):
        searchers[0].answers = [hit("SAP"), hit("SAP2")]
        searchers[1].answers = [hit("SAP", provider="beta", provider_symbol="sap-beta")]
        found = operations.search_providers(user=owner, text="  sap ")
        assert [(f.hit.symbol, f.hit.provider) for f in found.found] == [("SAP", "alpha"), ("SAP2", "alpha")]
        assert (found.asked, found.failed) == (["alpha", "beta"], [])

    def test_what_is_in_the_list_is_shown_as_such(self, searchers, owner, make_instrument):
        by_name = make_instrument("OURS", provider_symbols={"alpha": "SAP.X"}, currency="EUR")
        by_place = make_instrument("XYZ", exchange="XETR", currency="EUR")
        make_instrument("XYZ", owner=owner)
        searchers[0].answers = [hit("SAP"), hit("XYZ"), hit("NEW")]
        found = operations.search_providers(user=owner, text="x").found
        assert [f.instrument for f in found] == [by_name, by_place, None]

    def test_answers_are_remembered(self, searchers, owner):
        searchers[0].answers = [hit()]
        for text in ("sap", "SAP", " sap"):
            operations.search_providers(user=owner, text=text)
        assert searchers[0].asked == ["sap"]

    def test_one_that_cannot_answer_is_named_and_the_other_still_asked(self, searchers, owner):
        searchers[0].answers = ProviderUnavailable("no route")
        searchers[1].answers = [hit(provider="beta")]
        found = operations.search_providers(user=owner, text="sap")
        assert found.failed == ["alpha"]
        assert len(found.found) == 1

    def test_one_without_a_key_is_left_out(self, searchers, owner):
        searchers[0].answers = NotAuthorised("needs a key")
        assert operations.search_providers(user=owner, text="sap").asked == ["beta"]

    @pytest.mark.parametrize("text", ["", "   "])
    def test_nothing_typed_asks_nobody(self, searchers, owner, text):
        assert operations.search_providers(user=owner, text=text).asked == []

    def test_zero_bytes_and_long_texts_are_no_error(self, searchers, owner):
        operations.search_providers(user=owner, text="a\0b" * 200)
        assert len(searchers[0].asked[0]) <= 100


class TestAdd:
    def add(self, owner, **fields):
        return operations.add_found_instrument(
            **{"actor": owner, "provider": "alpha", "provider_symbol": "SAP.X", "text": "sap", **fields}
        )

    def test_makes_a_shared_instrument_of_the_providers_words(self, searchers, owner):
        searchers[0].answers = [hit(isin="DE0007164600", sector="Information Technology", country="DE")]
        made = self.add(owner)
        made.refresh_from_db()
        assert made.owner is None
        assert (made.symbol, made.currency, made.exchange, made.isin) == (
            "SAP",
            "EUR",
            "XETR",
            "DE0007164600",
        )
        assert (made.sector, made.provider, made.provider_symbols) == (
            "Technology",
            "alpha",
            {"alpha": "SAP.X"},
        )
        assert self.add(owner) == made
        assert Instrument.objects.count() == 1

    def test_pence_are_kept_as_the_unit_of_quotes(self, searchers, owner):
        searchers[0].answers = [hit("VOD", currency="GBP", quoted_in="GBp", provider_symbol="VOD.L")]
        made = self.add(owner, provider_symbol="VOD.L", text="vod")
        assert (made.currency, made.quoted_in) == ("GBP", "GBp")

    def test_what_the_provider_does_not_say_is_not_made_up(self, searchers, owner):
        searchers[0].answers = [hit(currency="")]
        with pytest.raises(InstrumentRefused, match="does not say which currency"):
            self.add(owner)
        searchers[0].answers = [hit(currency="DOUBLOON")]
        forget_gateway()
        with pytest.raises(InstrumentRefused, match="not a currency we know"):
            self.add(owner)
        assert not Instrument.objects.exists()

    def test_something_else_than_what_was_found_cannot_be_slipped_in(self, searchers, owner):
        searchers[0].answers = [hit()]
        with pytest.raises(InstrumentRefused, match="does not know this"):
            self.add(owner, provider_symbol="EVIL")
        with pytest.raises(InstrumentRefused, match="No such source"):
            self.add(owner, provider="manual")

    def test_a_provider_that_went_away_is_said(self, searchers, owner):
        searchers[0].answers = ProviderUnavailable("no route")
        with pytest.raises(InstrumentRefused) as refusal:
            self.add(owner)
        assert refusal.value.status == 503

    def test_a_role_that_looks_may_not(self, searchers, auditor):
        searchers[0].answers = [hit()]
        with pytest.raises(ForbiddenError):
            self.add(auditor)

    def test_a_mistyped_isin_of_a_provider_is_left_out(self, searchers, owner):
        searchers[0].answers = [hit(isin="DE0007164601")]
        assert self.add(owner).isin == ""


class TestPages:
    json = {"Accept": "application/json"}

    def test_combobox_is_told_where_to_ask_further(self, client_of, owner, make_instrument):
        make_instrument("AAPL")
        client = client_of(owner)
        address = reverse("marketdata:search")
        assert "beyond" not in client.get(address, {"q": "aapl"}).json()
        assert client.get(address, {"q": "zzz"}).json()["beyond"] == reverse("marketdata:beyond")

    def test_suggestions_say_where_they_are_from_and_can_be_added(self, client_of, owner, searchers):
        searchers[0].answers = [hit()]
        client = client_of(owner)
        (found,) = client.get(reverse("marketdata:beyond"), {"q": "sap"}, headers=self.json).json()["results"]
        assert found["detail"] == "SAP Corporation · XETR · EUR · from alpha: add"
        added = client.post(found["add"]["url"], found["add"]["fields"], headers=self.json).json()
        assert Instrument.objects.get(pk=added["value"]).symbol == "SAP"
        (again,) = client.get(reverse("marketdata:beyond"), {"q": "sap"}, headers=self.json).json()["results"]
        assert again["value"] == added["value"]

    def test_page_without_script(self, client_of, owner, searchers):
        searchers[0].answers = [hit(name="<b>SAP</b>")]
        client = client_of(owner)
        page = client.get(reverse("marketdata:beyond"), {"q": "sap"}).content.decode()
        assert "&lt;b&gt;SAP" in page
        assert "Found by alpha and beta." in page
        sent = {"provider": "alpha", "provider_symbol": "SAP.X", "q": "sap"}
        answer = client.post(reverse("marketdata:add"), sent)
        made = Instrument.objects.get(symbol="SAP")
        assert answer["Location"] == reverse("marketdata:detail", args=[made.pk])

    def test_offline_it_says_that_nothing_was_found_and_why(self, client_of, owner, searchers):
        for one in searchers:
            one.answers = ProviderUnavailable("no route")
        page = client_of(owner).get(reverse("marketdata:beyond"), {"q": "sap"}).content.decode()
        assert "Nothing found" in page
        assert "alpha and beta cannot be reached just now." in page

    def test_refusals_come_back_as_sentences(self, client_of, owner, searchers):
        client = client_of(owner)
        sent = {"provider": "alpha", "provider_symbol": "SAP.X", "q": "sap"}
        answer = client.post(reverse("marketdata:add"), sent, headers=self.json)
        assert (answer.status_code, "does not know" in answer.json()["message"]) == (422, True)
        assert client.post(reverse("marketdata:add"), sent).status_code == 302

    def test_auditors_see_but_do_not_add(self, client_of, auditor, searchers):
        searchers[0].answers = [hit()]
        client = client_of(auditor)
        page = client.get(reverse("marketdata:beyond"), {"q": "sap"}).content.decode()
        assert reverse("marketdata:add") not in page
        sent = {"provider": "alpha", "provider_symbol": "SAP.X", "q": "sap"}
        assert client.post(reverse("marketdata:add"), sent).status_code == 403

    def test_markets_page_offers_it_when_nothing_is_found(self, client_of, owner):
        page = client_of(owner).get(reverse("marketdata:index"), {"q": "z&z"}).content.decode()
        assert f"{reverse('marketdata:beyond')}?q=z%26z" in page


@override_settings(MARKET_DATA_PROVIDERS={"alpha_vantage": {"api_key": ""}})
def test_a_provider_with_a_few_questions_a_day_is_asked_last_and_only_with_a_key(owner):
    from marketdata.operations import finding

    assert "alpha_vantage" not in finding._searching()
    with override_settings(MARKET_DATA_PROVIDERS={"alpha_vantage": {"api_key": "k"}}):
        assert finding._searching()[-1] == "alpha_vantage"
