"""The pages: who sees what, what they cost, what they say to bad input."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from django.core.management import call_command
from django.urls import reverse

from marketdata import operations
from marketdata.models import CorporateAction, Instrument, PriceBar, Quote
from marketdata.tests.conftest import NOW, bar

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _today(time_machine):
    time_machine.move_to(NOW, tick=False)


@pytest.fixture
def share(make_instrument):
    instrument = make_instrument(
        "AAPL", name="Apple Inc.", provider="simulated", exchange="XNAS", isin="US0378331005"
    )
    operations.backfill_history(now=NOW, instrument_ids=[instrument.pk], years=2)
    operations.refresh_quotes(now=NOW)
    return instrument


def url(name, *args):
    return reverse(f"marketdata:{name}", args=args)


class TestAccess:
    def test_strangers_are_sent_to_the_login(self, client, share):
        for address in (
            url("index"),
            url("search"),
            url("new"),
            url("detail", share.pk),
            url("chart", share.pk),
        ):
            response = client.get(address)
            assert response.status_code == 302
            assert "login" in response.headers["Location"]

    @pytest.mark.parametrize(
        ("name", "method"), [("detail", "get"), ("chart", "get"), ("record_price", "post")]
    )
    def test_others_do_not_see_what_is_ones_own(self, client_of, owner, outsider, flat, name, method):
        address = url(name, flat.pk)
        answer = getattr(client_of(outsider), method)(address, {"date": "2026-11-19", "price": "1"})
        assert answer.status_code == 404
        assert b"Flat in Lyon" not in answer.content
        assert (
            getattr(client_of(owner), method)(address, {"date": "2026-11-19", "price": "1"}).status_code < 400
        )

    def test_search_and_list_leave_it_out(self, client_of, outsider, owner, flat):
        for address in (url("index"), url("index") + "?q=flat", url("search") + "?q=flat"):
            assert b"Flat in Lyon" not in client_of(outsider).get(address).content
        assert b"Flat in Lyon" in client_of(owner).get(url("index") + "?q=flat").content

    def test_auditors_look_but_do_not_touch(self, client_of, auditor, flat):
        client = client_of(auditor)
        assert client.get(url("detail", flat.pk)).status_code == 200
        assert (
            client.post(url("record_price", flat.pk), {"date": "2026-11-19", "price": "1"}).status_code == 403
        )
        assert PriceBar.objects.filter(instrument=flat).count() == 1


class TestMarkets:
    def test_lists_by_kind_with_prices(self, client_of, owner, share, flat):
        page = client_of(owner).get(url("index")).content.decode()
        assert "Apple Inc." in page
        assert "Stocks" in page
        assert f'data-quote-id="{share.pk}"' in page
        assert "simulated" in page

    def test_cost_does_not_grow_with_the_list(
        self, client_of, owner, make_instrument, django_assert_max_num_queries
    ):
        for n in range(40):
            made = make_instrument(f"S{n:02}", provider="simulated", asset_class="etf" if n % 2 else "equity")
            Quote.objects.create(
                instrument=made, last=n + 1, quoted_at=NOW, received_at=NOW, source="simulated"
            )
        client = client_of(owner)
        client.get(url("index"))
        with django_assert_max_num_queries(10):
            client.get(url("index"))

    def test_htmx_gets_the_part_that_changes(self, client_of, owner, share):
        headers = {"HX-Request": "true", "HX-Target": "markets"}
        part = client_of(owner).get(url("index") + "?q=apple", headers=headers).content.decode()
        assert "Apple Inc." in part
        assert "<html" not in part

    def test_one_kind_has_pages(self, client_of, owner, make_instrument):
        for n in range(101):
            make_instrument(f"S{n:03}")
        client = client_of(owner)
        first = client.get(url("index") + "?class=equity").content.decode()
        assert ("S049" in first, "S050" in first) == (True, False)
        assert "page=2" in first
        assert "S099" in client.get(url("index") + "?class=equity&page=2").content.decode()

    @pytest.mark.parametrize(
        "query", ["?class=nonsense", "?class=equity&page=x", "?page=-1", "?q=%00", "?class=bond&page=9999"]
    )
    def test_odd_addresses_are_no_error(self, client_of, owner, query):
        assert client_of(owner).get(url("index") + query).status_code == 200

    def test_names_are_text_and_not_markup(self, client_of, owner, make_instrument):
        made = make_instrument("EVIL", name="<script>alert(1)</script>", owner=owner)
        for address in (url("index"), url("detail", made.pk), url("index") + "?q=%3Cscript"):
            assert b"<script>alert" not in client_of(owner).get(address).content


class TestSearch:
    def test_answers_the_combobox(self, client_of, owner, share):
        found = client_of(owner).get(url("search") + "?q=aap").json()
        assert found == {
            "results": [{"value": share.pk, "label": "AAPL", "detail": "Apple Inc. · XNAS · USD"}]
        }

    def test_gives_links_to_htmx(self, client_of, owner, share):
        part = client_of(owner).get(url("search") + "?q=aap", headers={"HX-Request": "true"}).content.decode()
        assert url("detail", share.pk) in part

    def test_cost(self, client_of, owner, share, django_assert_max_num_queries):
        client = client_of(owner)
        client.get(url("search") + "?q=a")
        with django_assert_max_num_queries(3):
            client.get(url("search") + "?q=aap")


class TestInstrumentPage:
    def test_says_what_is_known(self, client_of, owner, share, django_assert_max_num_queries):
        client = client_of(owner)
        client.get(url("detail", share.pk))
        with django_assert_max_num_queries(12):
            page = client.get(url("detail", share.pk)).content.decode()
        for text in ("Apple Inc.", "US0378331005", "simulated", "52 weeks", "Previous close", "market open"):
            assert text in page
        assert "range=1Y" in page

    def test_range_stays_in_the_address(self, client_of, owner, share):
        page = client_of(owner).get(url("detail", share.pk) + "?range=3M").content.decode()
        assert 'data-range="3M" aria-current="true"' in page
        assert "chart/?range=3M" in page

    def test_says_when_a_price_is_old(self, client_of, owner, share, time_machine):
        time_machine.shift(3600)
        assert "old:" in client_of(owner).get(url("detail", share.pk)).content.decode()

    def test_unknown_is_not_found(self, client_of, owner):
        assert client_of(owner).get(url("detail", 999999)).status_code == 404

    def test_without_any_price(self, client_of, owner, make_instrument):
        page = client_of(owner).get(url("detail", make_instrument("NEW").pk))
        assert "There is no price yet" in page.content.decode()

    def test_bond_is_quoted_in_percent(self, client_of, owner, time_machine):
        call_command("load_starter_instruments", "--without-history")
        operations.refresh_quotes(now=NOW)
        bond = Instrument.objects.get(symbol="DE000BU2Z031")
        page = client_of(owner).get(url("detail", bond.pk)).content.decode()
        assert "percent of the nominal" in page
        assert "Coupon" in page


class TestChart:
    @pytest.mark.parametrize("code", ["1M", "3M", "6M", "YTD", "1Y", "5Y", "10Y", "MAX", "junk", ""])
    def test_has_few_points_as_text(self, client_of, owner, share, code, django_assert_max_num_queries):
        client = client_of(owner)
        client.get(url("chart", share.pk))
        with django_assert_max_num_queries(8):
            body = client.get(url("chart", share.pk) + f"?range={code}").json()
        assert len(body["labels"]) == len(body["series"][0]["values"]) <= 600
        assert all(isinstance(value, str) for value in body["series"][0]["values"])
        assert body["labels"] == sorted(body["labels"])
        assert body["labels"][-1] == "2026-11-20"
        assert "Simulated prices" in body["summary"]

    def test_candles(self, client_of, owner, share):
        body = client_of(owner).get(url("chart", share.pk) + "?range=1M&kind=candles").json()
        assert (body["kind"], body["form"]) == ("price", "candles")
        assert set(body["bars"][0]) == {"at", "open", "high", "low", "close", "volume"}

    def test_has_no_cliff_at_a_split_and_a_flag_there(self, client_of, owner, make_instrument):
        made = make_instrument("SPLT")
        bar(made, "2026-11-10", "400")
        bar(made, "2026-11-11", "101")
        CorporateAction.objects.create(
            instrument=made, ex_date=date(2026, 11, 11), kind="split", value=4, source="test"
        )
        body = client_of(owner).get(url("chart", made.pk)).json()
        assert body["series"][0]["values"] == ["100", "101"]
        assert body["markers"] == [
            {"at": "2026-11-11", "on": "2026-11-11", "kind": "split", "label": "Split 4:1"}
        ]
        assert body["summary"] == "Up 1.00% since 2026-11-10, adjusted for splits."

    def test_says_from_when_on_it_is_simulated(self, client_of, owner, share):
        real = PriceBar.objects.filter(instrument=share, date__lte=date(2026, 10, 30))
        real.update(source="file real")
        Instrument.objects.filter(pk=share.pk).update(anchor_date=date(2026, 10, 30), anchor_price=1)
        body = client_of(owner).get(url("chart", share.pk) + "?range=3M").json()
        assert body["summary"].endswith("over three months. Simulated after 2026-10-30.")

    def test_says_when_there_is_nothing(self, client_of, owner, make_instrument):
        body = client_of(owner).get(url("chart", make_instrument("NEW").pk)).json()
        assert body["labels"] == []
        assert body["empty"]


class TestOwnInstruments:
    def post(self, client, **fields):
        page = client.get(url("new"))
        token = page.context["form"]["form_token"].value()
        given = {
            "form_token": token, "name": "Flat in Lyon", "symbol": "FLAT", "asset_class": "real_estate",
            "currency": "eur", "isin": "", "price": "310000", "date": "2026-11-01",
        }  # fmt: skip
        return {**given, **fields}

    def test_is_entered_with_its_first_price(self, client_of, owner):
        client = client_of(owner)
        answer = client.post(url("new"), self.post(client))
        made = Instrument.objects.get()
        assert answer.headers["Location"] == url("detail", made.pk)
        assert (made.owner, made.currency, made.provider) == (owner, "EUR", "manual")
        assert Quote.objects.get().last == 310000

    def test_double_click_enters_it_once(self, client_of, owner):
        client = client_of(owner)
        given = self.post(client)
        answers = [client.post(url("new"), given) for _ in range(2)]
        assert answers[0].headers["Location"] == answers[1].headers["Location"]
        assert Instrument.objects.count() == 1

    @pytest.mark.parametrize(
        ("fields", "field"),
        [
            ({"name": ""}, "name"),
            ({"symbol": ""}, "symbol"),
            ({"currency": "XQX"}, "currency"),
            ({"isin": "NOT-AN-ISIN"}, "isin"),
            ({"asset_class": "lottery"}, "asset_class"),
            ({"price": "-1"}, "price"),
            ({"price": "NaN"}, "price"),
            ({"price": "1e40"}, "price"),
            ({"date": "2027-01-01"}, "date"),
            ({"date": "soon"}, "date"),
            ({"symbol": "x" * 41}, "symbol"),
        ],
    )
    def test_bad_input_is_told_at_the_field_and_leaves_nothing(self, client_of, owner, fields, field):
        client = client_of(owner)
        answer = client.post(url("new"), self.post(client, **fields))
        assert answer.status_code == 422
        assert answer.context["form"].errors[field]
        assert not Instrument.objects.exists()

    def test_a_symbol_of_ones_own_is_there_once(self, client_of, owner, flat, make_instrument):
        client = client_of(owner)
        answer = client.post(url("new"), self.post(client, symbol="flat"))
        assert "already" in str(answer.context["form"].errors["symbol"])

    def test_prices_are_added_and_replaced(self, client_of, owner, flat):
        client = client_of(owner)
        for price in ("320000", "325000.5"):
            answer = client.post(url("record_price", flat.pk), {"date": "2026-11-19", "price": price})
            assert answer.status_code == 302
        assert PriceBar.objects.filter(instrument=flat).count() == 2
        quote = Quote.objects.get()
        assert (quote.last, quote.previous_close) == (Decimal("325000.5"), 310000)

    def test_an_older_price_does_not_become_the_quote(self, client_of, owner, flat):
        client = client_of(owner)
        client.post(url("record_price", flat.pk), {"date": "2026-11-19", "price": "2"})
        client.post(url("record_price", flat.pk), {"date": "2026-01-01", "price": "1"})
        assert Quote.objects.get().last == 2

    @pytest.mark.parametrize(
        "given",
        [
            {"date": "", "price": "1"},
            {"date": "2026-12-24", "price": "1"},
            {"date": "2026-11-19", "price": "x"},
        ],
    )
    def test_a_bad_price_is_told_on_the_page(self, client_of, owner, flat, given):
        answer = client_of(owner).post(url("record_price", flat.pk), given)
        assert answer.status_code == 422
        assert answer.context["price_form"].errors

    def test_prices_of_what_a_provider_quotes_cannot_be_entered(self, client_of, owner, share):
        before = PriceBar.objects.count()
        answer = client_of(owner).post(url("record_price", share.pk), {"date": "2026-11-19", "price": "1"})
        assert answer.status_code == 422
        assert PriceBar.objects.count() == before
