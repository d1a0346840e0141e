"""Forms of an account that are not taken come back by an address: going back asks nobody to send them again."""

from __future__ import annotations

import re

import pytest
from django.urls import reverse

from portfolio_site.kernel import clock
from trading.models import Order
from trading.queries import account_of
from trading.tests.support import make_instrument, order, set_quote
from trading.tests.test_account_pages import settings_of


@pytest.fixture
def desk(client, trader):
    client.force_login(trader)
    return client


@pytest.fixture
def share(db):
    share = make_instrument("ACME")
    set_quote(share, "100.00", "100.02", at=clock.now())
    return share


@pytest.fixture
def faults(account, trader, share):
    """Forms with something wrong: address, fields, what is typed in them, and the sentence."""
    resting = order(account, trader, share, limit_price="90", quantity=5, now=clock.now())
    order(account, trader, share, quantity=3, now=clock.now())
    return [
        (reverse("trading:account_settings", args=[account]), {"slippage_bps": "1001"}, "1001"),
        (reverse("trading:account_reset", args=[account]), {"cash": "12345", "typed_number": "PA1"}, "12345"),
        (reverse("trading:account_switch", args=[account]), {"reason": "x" * 400}, "x" * 400),
        (reverse("trading:open_account"), {"name": "Play", "cash": "0"}, "Play"),
        (reverse("trading:rebalance_targets", args=[account]) + "?by=instrument", {"part0": "17"}, "17"),
        (reverse("trading:replace", args=[resting.id]), {"quantity": "5", "limit_price": "9x"}, "9x"),
    ]


def test_come_back_by_an_address_that_can_be_read_again(desk, faults):
    for address, fields, typed in faults:
        answer = desk.post(address, fields)
        assert answer.status_code == 303, address
        for _ in range(2):
            page = desk.get(answer.url)
            assert page.status_code == 200
            assert page.context["form"].errors, address
            assert typed in page.content.decode()
    assert Order.objects.count() == 2


def test_keep_the_rest_of_the_address(desk, faults):
    address, fields, _ = next(each for each in faults if "?by=" in each[0])
    assert "by=instrument" in desk.post(address, fields).url


def test_are_read_by_nobody_else(desk, client, faults, auditor, outsider):
    address, fields, _ = faults[1]
    url = desk.post(address, fields).url
    client.force_login(outsider)
    assert client.get(url).status_code == 404


def test_that_no_address_can_hold_are_answered_at_once(desk, account):
    page = desk.post(reverse("trading:account_switch", args=[account]), {"reason": "ab " * 3000})
    assert page.status_code == 422
    assert page.context["form"].errors["reason"]


def test_refused_by_the_counter_say_so_at_their_field_each_time(desk, account, monkeypatch):
    from trading import operations

    def refuse(**_):
        raise operations.OrderRefusedError(
            "It lies between 1 and 2000000.50.", code="range", field="latency_ms"
        )

    monkeypatch.setattr("trading.operations.change_settings", refuse)
    address = reverse("trading:account_settings", args=[account])
    fields = settings_of(desk.get(address))
    url = desk.post(address, fields).url
    for _ in range(2):
        errors = desk.get(url).context["form"].errors
        assert errors == {"latency_ms": ["It lies between 1 and 2,000,000.50."]}


def test_sent_a_second_time_with_something_else_can_be_sent_as_new(desk, trader):
    address = reverse("trading:open_account")
    token = re.search(r'name="form_token" value="([^"]+)"', desk.get(address).content.decode())[1]
    fields = {"name": "One", "cash": "5000", "currency": "USD", "multiplier": "1", "form_token": token}
    assert desk.post(address, fields).status_code == 302
    page = desk.get(desk.post(address, {**fields, "name": "Two"}).url)
    assert "This form was sent before" in page.content.decode()
    fresh = re.search(r'name="form_token" value="([^"]+)"', page.content.decode())[1]
    assert fresh != token
    assert desk.post(address, {**fields, "name": "Two", "form_token": fresh}).status_code == 302


def test_a_settings_form_that_is_mended_is_saved(desk, account):
    address = reverse("trading:account_settings", args=[account])
    fields = settings_of(desk.get(address))
    url = desk.post(address, {**fields, "slippage_bps": "1001"}).url
    assert desk.post(url, {**fields, "slippage_bps": "3"}).status_code == 302
    assert account_of(account).fill_model.slippage_bps == 3


class TestFiguresOfARefusal:
    @pytest.mark.parametrize(
        ("locale", "figure"), [("en-us", "102,520.50"), ("de-de", "102.520,50"), ("fr-fr", "102\u202f520,50")]
    )
    def test_are_written_as_the_person_reads_them(self, desk, trader, account, share, locale, figure):
        trader.locale = locale
        trader.save()
        fields = {
            "side": "buy",
            "instrument": str(share.pk),
            "type": "market",
            "quantity": "1000",
            "time_in_force": "day",
            "client_order_id": "a-1",
            "step": "review",
        }
        page = desk.get(desk.post(reverse("trading:new", args=[account]), fields).url)
        assert figure in " ".join(page.context["form"].errors["quantity"])

    def test_a_symbol_of_digits_is_no_figure(self, desk, trader, account):
        thing = make_instrument("70000", quantity_step="1")
        set_quote(thing, "100.00", "100.02", at=clock.now())
        fields = {
            "side": "buy",
            "instrument": str(thing.pk),
            "type": "market",
            "quantity": "1.5",
            "time_in_force": "day",
            "client_order_id": "a-1",
            "step": "review",
        }
        page = desk.get(desk.post(reverse("trading:new", args=[account]), fields).url)
        assert "70000 trades in whole units only." in page.context["form"].errors["quantity"]


class TestNumbersOfATicket:
    @pytest.mark.parametrize(("typed", "limit"), [("99,5", "99.5"), ("99.50", "99.5"), ("0.099,5", None)])
    def test_may_have_a_decimal_comma(self, desk, account, share, typed, limit):
        fields = {
            "side": "buy",
            "instrument": str(share.pk),
            "type": "limit",
            "quantity": "2",
            "limit_price": typed,
            "time_in_force": "day",
            "client_order_id": "a-1",
            "step": "place",
        }
        desk.post(reverse("trading:new", args=[account]), fields)
        assert [str(found.limit_price.normalize()) for found in Order.objects.all()] == (
            [limit] if limit else []
        )

    def test_that_can_be_read_in_two_ways_are_asked_about(self, desk, account, share):
        fields = {
            "side": "buy",
            "instrument": str(share.pk),
            "type": "market",
            "quantity": "1,000",
            "time_in_force": "day",
            "client_order_id": "a-1",
            "step": "review",
        }
        page = desk.get(desk.post(reverse("trading:new", args=[account]), fields).url)
        (error,) = page.context["form"].errors["quantity"]
        assert "as 1000, or as 1.000" in error
        assert 'value="1,000"' in page.content.decode()


class TestTheSameOrderAgain:
    def test_an_order_that_has_ended_fills_in_a_new_ticket(self, desk, account, trader, share):
        placed = order(
            account, trader, share, limit_price="90.5", quantity="2", time_in_force="gtc", now=clock.now()
        )
        detail = reverse("trading:detail", args=[placed.id])
        assert "the same order again" not in desk.get(detail).content.decode()
        desk.post(reverse("trading:cancel", args=[placed.id]))
        address = re.search(
            r'href="([^"]+)"[^>]*>.{0,600}Fill in the same order',
            desk.get(detail).content.decode(),
            re.DOTALL,
        )
        assert address
        again = desk.get(desk.get(detail).context["again"])
        form = again.context["form"]
        shown = {
            name: str(form[name].value())
            for name in ("side", "type", "quantity", "limit_price", "time_in_force")
        }
        assert shown == {
            "side": "buy",
            "type": "limit",
            "quantity": "2",
            "limit_price": "90.5",
            "time_in_force": "gtc",
        }
        assert form["client_order_id"].value() != placed.client_order_id

    def test_is_not_offered_to_an_auditor(self, client, auditor, account, trader, share):
        placed = order(account, trader, share, now=clock.now())
        client.force_login(auditor)
        text = client.get(reverse("trading:detail", args=[placed.id])).content.decode()
        assert "the same order again" not in text
