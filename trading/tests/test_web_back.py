"""Going back to a ticket: no page asks to send the form again, nothing typed is lost, and no link leads past the review."""

from __future__ import annotations

import re
import uuid
from urllib.parse import parse_qs, urlsplit

import pytest
from django.urls import reverse

from portfolio_site.kernel import clock
from trading.models import Order
from trading.tests.support import make_account, make_instrument, set_quote


@pytest.fixture
def desk(client, trader):
    client.force_login(trader)
    return client


@pytest.fixture
def address(account):
    return reverse("trading:new", args=[account])


@pytest.fixture
def fields(db):
    share = make_instrument("ACME")
    set_quote(share, "100.00", "100.02", at=clock.now())
    return {
        "side": "buy",
        "instrument": str(share.pk),
        "instrument_text": "ACME",
        "quantity": "10",
        "type": "limit",
        "limit_price": "99.50",
        "time_in_force": "gtc",
        "client_order_id": str(uuid.uuid4()),
    }


class TestEveryAnswerIsAnAddress:
    @pytest.mark.parametrize(
        "changes",
        [
            {},
            {"quantity": "ten"},
            {"quantity": "99999999"},
            {"limit_price": "1" * 400},
            {"instrument": "", "instrument_text": "NOPE"},
            {"step": "edit"},
            {"step": "place", "limit_price": "NaN"},
        ],
    )
    def test_and_reading_it_again_shows_the_same(self, desk, address, fields, changes):
        answer = desk.post(address, {**fields, "step": "review", **changes})
        assert answer.status_code == 303
        pages = [desk.get(answer.url) for _ in range(2)]
        assert {page.status_code for page in pages} == {200}
        assert len({page.templates[0].name for page in pages}) == 1
        shown = {**fields, **changes}
        for name in ("quantity", "limit_price", "client_order_id"):
            assert f'value="{shown[name]}"' in pages[1].content.decode(), name
        assert Order.objects.count() == 0

    def test_what_no_address_can_hold_is_answered_at_once(self, desk, address, fields):
        page = desk.post(address, {**fields, "quantity": "9" * 9000, "step": "review"})
        assert page.status_code == 422
        assert page.context["form"].errors["quantity"]

    def test_a_refusal_while_placing_is_still_there_when_the_page_is_read_again(
        self, desk, address, fields, monkeypatch
    ):
        from trading import operations

        def refuse(**_):
            raise operations.OrderRefusedError(
                "The price ran away.", code="price_collar", field="limit_price"
            )

        monkeypatch.setattr("trading.operations.place_order", refuse)
        answer = desk.post(address, {**fields, "step": "place"})
        for _ in range(2):
            assert desk.get(answer.url).context["form"].errors["limit_price"] == ["The price ran away."]


class TestATicketThatHasMadeAnOrder:
    def test_says_so_when_one_comes_back_to_its_review(self, desk, address, fields):
        review = desk.post(address, {**fields, "step": "review"}).url
        placed = desk.post(address, {**fields, "step": "place"}).url
        text = desk.get(review).content.decode()
        assert "An order was already placed with this ticket" in text
        assert placed in text
        assert fields["client_order_id"] not in text
        assert 'value="99.50"' in text

    def test_says_so_when_one_comes_back_to_the_ticket(self, desk, address, fields):
        placed = desk.post(address, {**fields, "step": "place"}).url
        text = desk.get(address, fields).content.decode()
        assert placed in text
        assert f'name="client_order_id" value="{fields["client_order_id"]}"' not in text

    def test_keeps_its_id_until_then(self, desk, address, fields):
        text = desk.get(address, fields).content.decode()
        assert f'name="client_order_id" value="{fields["client_order_id"]}"' in text

    @pytest.mark.parametrize("nonsense", ["x" * 200, "\x00", "\n"])
    def test_nonsense_for_an_id_is_left_out(self, desk, address, nonsense):
        page = desk.get(address, {"client_order_id": nonsense})
        assert re.search(r'name="client_order_id" value="[0-9a-f-]{36}"', page.content.decode())


class TestALinkFromElsewhere:
    def test_that_was_forged_shows_an_empty_ticket(self, desk, address, fields):
        review = desk.post(address, {**fields, "step": "review"}).url
        for forged in (review[:-2] + "xx", f"{address}?draft=x", f"{address}?draft=", f"{address}?draft=%00"):
            page = desk.get(forged)
            assert page.status_code == 200
            assert page.templates[0].name == "trading/ticket.html"
            assert "Place order" not in page.content.decode()

    def test_of_somebody_else_or_for_another_account_shows_an_empty_ticket(
        self, client, desk, trader, outsider, address, fields
    ):
        review = desk.post(address, {**fields, "step": "review"}).url
        draft = parse_qs(urlsplit(review).query)["draft"][0]
        second = reverse("trading:new", args=[make_account(trader)])
        assert "Place order" not in desk.get(second, {"draft": draft}).content.decode()
        client.force_login(outsider)
        assert client.get(review).status_code == 404
        own = reverse("trading:new", args=[make_account(outsider)])
        page = client.get(own, {"draft": draft}).content.decode()
        assert "Place order" not in page
        assert "99.50" not in page


class TestAnInstrumentThatWasTyped:
    def test_is_still_known_when_another_field_was_wrong(self, desk, address, fields):
        typed = {**fields, "instrument": "", "quantity": "1e400"}
        again = desk.get(desk.post(address, {**typed, "step": "review"}).url).content.decode()
        sent = dict(re.findall(r'<input type="hidden" name="(instrument\w*)"(?: value="([^"]*)")?', again))
        assert sent == {"instrument": ""}
        page = desk.get(desk.post(address, {**typed, **sent, "quantity": "1", "step": "review"}).url)
        assert page.templates[0].name == "trading/review.html"

    def test_counts_when_it_is_another_than_the_one_that_was_shown(self, desk, address, fields):
        other = make_instrument("ZED")
        set_quote(other, "10.00", "10.02", at=clock.now())
        shown = desk.get(address, {"instrument": fields["instrument"]}).content.decode()
        sent = dict(re.findall(r'<input type="hidden" name="(instrument\w*)" value="([^"]*)"', shown))
        assert sent == {"instrument": fields["instrument"], "instrument_shown": "ACME"}
        changed = {**fields, **sent, "instrument_text": "ZED", "limit_price": "10", "step": "place"}
        desk.post(address, changed)
        assert Order.objects.get().instrument.symbol == "ZED"

    def test_may_be_a_number(self, desk, address, fields):
        share = make_instrument(fields["instrument"])
        set_quote(share, "10.00", "10.02", at=clock.now())
        number = {**fields, "instrument": "", "instrument_text": share.symbol, "limit_price": "10"}
        desk.post(address, {**number, "step": "place"})
        assert Order.objects.get().instrument_id == share.pk
