"""The positions page: figures, closing in whole or part, turning round, closing all; each once however often it is sent."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal

import pytest
from django.urls import reverse

from holdings import queries as books
from portfolio_site.kernel import clock
from trading.models import Order
from trading.operations import OrderRefusedError, open_paper_account, reverse_position
from trading.queries import positions_page
from trading.tests.support import check_books, make_account, make_instrument, order, sent, set_quote


@pytest.fixture
def share(db):
    """A share whose quote is of this moment: pages read the clock."""
    instrument = make_instrument("ACME")
    set_quote(instrument, "100.00", "100.02", at=clock.now())
    return instrument


@pytest.fixture
def desk(client, trader):
    """The trader's browser."""
    client.force_login(trader)
    return client


@pytest.fixture
def margin(trader):
    """An account that may sell short."""
    return open_paper_account(
        owner=trader,
        name="Margin",
        cash=Decimal(10_000),
        currency="USD",
        multiplier=2,
        now=clock.now() - timedelta(days=2),
    )


def trade(account, trader, share, quantity, **terms):
    return order(account, trader, share, quantity=quantity, now=clock.now(), **terms)


def hidden(page, name="client_order_id"):
    """What a field is filled with."""
    tag = re.search(rf'<input[^>]*name="{name}"[^>]*>', page.content.decode())[0]
    return re.search(r'value="([^"]*)"', tag)[1]


class TestPage:
    def test_shows_each_position_with_what_it_is_worth(self, desk, account, trader, share):
        trade(account, trader, share, 10)
        set_quote(share, "110", "110.02", "110", at=clock.now())
        text = desk.get(reverse("trading:positions")).content.decode()
        for figure in ("ACME", "$1,100.00", "+$99.80", "$100.02", "10.89%"):
            assert figure in text, figure
        assert f'data-quote-id="{share.pk}" data-field="gain"' in text

    def test_short_positions_are_negative_and_say_so(self, desk, margin, trader, share):
        trade(margin, trader, share, 5, side="sell")
        (group,) = positions_page(trader, portfolio_id=margin, now=clock.now())
        assert group.market_value == Decimal("-500.10")
        assert group.unrealised == Decimal("-0.10")
        text = desk.get(reverse("trading:positions")).content.decode()
        assert "Short" in text

    def test_several_accounts_stand_beneath_one_another(self, desk, account, margin, trader, share):
        trade(account, trader, share, 1)
        trade(margin, trader, share, 2)
        text = desk.get(reverse("trading:positions")).content.decode()
        assert "Margin" in text
        assert text.count("data-live-totals") == 2
        one = desk.get(reverse("trading:positions"), {"portfolio": margin}).content.decode()
        assert one.count("data-live-totals") == 1

    def test_other_currencies_are_in_no_total(self, trader, account, share):
        from trading.queries import AccountPositions

        trade(account, trader, share, 1)
        (group,) = positions_page(trader, portfolio_id=account, now=clock.now())
        assert isinstance(group, AccountPositions)
        assert not group.has_others
        assert group.rows[0].weight == group.market_value / group.card.figures.equity

    def test_says_when_nothing_is_held(self, desk):
        assert "No open positions" in desk.get(reverse("trading:positions")).content.decode()

    def test_others_see_nothing(self, client, outsider, account, trader, share):
        trade(account, trader, share, 1)
        client.force_login(outsider)
        assert "ACME" not in client.get(reverse("trading:positions")).content.decode()
        assert client.get(reverse("trading:positions"), {"portfolio": account}).status_code == 404
        for name, arguments in (
            ("close_position", [account, share.pk]),
            ("reverse_position", [account, share.pk]),
            ("close_all", [account]),
        ):
            address = reverse(f"trading:{name}", args=arguments)
            assert client.get(address).status_code == 404
            assert client.post(address, {"step": "place", "quantity": "1"}).status_code == 404

    def test_auditor_reads_without_buttons(self, client, auditor, account, trader, share):
        trade(account, trader, share, 1)
        client.force_login(auditor)
        text = client.get(reverse("trading:positions"), {"portfolio": account}).content.decode()
        assert "ACME" in text
        assert "Close all" not in text
        assert client.get(reverse("trading:close_position", args=[account, share.pk])).status_code == 403

    @pytest.mark.parametrize("positions", [1, 6])
    def test_costs_the_same_however_much_is_held(
        self, desk, account, trader, positions, django_assert_max_num_queries
    ):
        for _ in range(positions):
            thing = make_instrument()
            set_quote(thing, "10", "10", at=clock.now())
            trade(account, trader, thing, 1)
        with django_assert_max_num_queries(26):
            desk.get(reverse("trading:positions"))
        with django_assert_max_num_queries(20):
            desk.get(reverse("trading:positions_table"))


class TestClose:
    @pytest.fixture
    def address(self, account, trader, share):
        """Of an account that holds ten."""
        trade(account, trader, share, 10)
        return reverse("trading:close_position", args=[account, share.pk])

    def test_offers_all_of_it_and_reviews_before_anything_happens(self, desk, address):
        page = desk.get(address)
        assert 'value="10"' in page.content.decode()
        fields = {"quantity": "4", "client_order_id": hidden(page), "step": "review"}
        review = sent(desk, address, fields)
        assert review.status_code == 200
        assert "$400.00" in review.content.decode()
        assert Order.objects.count() == 1

    def test_double_click_closes_once_and_lands_at_the_order(self, desk, address, account, share):
        fields = {"quantity": "4", "client_order_id": hidden(desk.get(address)), "step": "place"}
        answers = [desk.post(address, fields) for _ in range(3)]
        assert {(answer.status_code, answer.url) for answer in answers} == {(303, answers[0].url)}
        assert books.position_quantity(account, share.pk) == 6
        check_books()

    def test_so_does_closing_all_of_it(self, desk, address, account, share):
        fields = {"quantity": "10", "client_order_id": hidden(desk.get(address)), "step": "place"}
        answers = [desk.post(address, fields) for _ in range(2)]
        assert answers[0].url == answers[1].url
        assert books.position_quantity(account, share.pk) == 0
        assert desk.get(address).status_code == 404

    def test_keeps_every_digit_of_a_coin(self, desk, account, trader):
        coin = make_instrument(
            "BTC-USD", asset_class="crypto", quantity_step=Decimal("0.000000001"), exchange=""
        )
        set_quote(coin, "50000", "50000", at=clock.now())
        trade(account, trader, coin, "0.012345678", time_in_force="gtc")
        held = books.position_quantity(account, coin.pk)
        address = reverse("trading:close_position", args=[account, coin.pk])
        page = desk.get(address)
        fields = {"quantity": hidden(page, "quantity"), "client_order_id": hidden(page), "step": "review"}
        review = sent(desk, address, fields)
        fields = {"quantity": hidden(review, "quantity"), "client_order_id": hidden(review), "step": "place"}
        assert desk.post(address, fields).status_code == 303
        assert books.position_quantity(account, coin.pk) == 0
        assert held > Decimal("0.0123")

    @pytest.mark.parametrize("quantity", ["", "0", "-1", "11", "NaN", "1e9", "two"])
    def test_refuses_what_is_not_there(self, desk, address, quantity):
        fields = {"quantity": quantity, "client_order_id": hidden(desk.get(address)), "step": "place"}
        for step in ("review", "place"):
            page = sent(desk, address, {**fields, "step": step})
            assert page.context["form"].errors["quantity"]
        assert Order.objects.count() == 1

    def test_going_back_to_the_review_of_what_was_closed_leads_to_the_order(self, desk, address):
        fields = {"quantity": "10", "client_order_id": hidden(desk.get(address))}
        review = desk.post(address, {**fields, "step": "review"})
        assert (review.status_code, desk.get(review.url).status_code) == (303, 200)
        change = desk.post(review.url, {**fields, "step": "edit"})
        assert 'value="10"' in desk.get(change.url).content.decode()
        placed = desk.post(review.url, {**fields, "step": "place"})
        again = desk.get(review.url)
        assert (again.status_code, again.url) == (303, placed.url)

    def test_review_of_another_position_is_none(self, desk, address, account, trader):
        other = make_instrument("OTHER")
        set_quote(other, "10.00", "10.02", at=clock.now())
        trade(account, trader, other, 10)
        fields = {"quantity": "10", "client_order_id": hidden(desk.get(address)), "step": "review"}
        draft = desk.post(address, fields).url.split("?")[1]
        page = desk.get(f"{reverse('trading:close_position', args=[account, other.pk])}?{draft}")
        assert page.templates[0].name == "trading/positions/close.html"

    def test_says_what_open_orders_hold(self, desk, address, account, trader, share):
        trade(account, trader, share, 8, side="sell", limit_price="150")
        page = desk.get(address)
        assert 'value="2"' in page.content.decode()
        fields = {"quantity": "5", "client_order_id": hidden(page), "step": "place"}
        refused = sent(desk, address, fields)
        assert refused.context["form"].errors["quantity"]
        assert "in open sell orders" in refused.content.decode()


class TestReverse:
    def test_turns_long_into_short_once(self, desk, margin, trader, share):
        trade(margin, trader, share, 10)
        address = reverse("trading:reverse_position", args=[margin, share.pk])
        fields = {"client_order_id": hidden(desk.get(address)), "step": "place"}
        answers = [desk.post(address, fields) for _ in range(2)]
        assert answers[0].status_code == 303
        assert answers[0].url == answers[1].url
        assert books.position_quantity(margin, share.pk) == -10
        check_books()

    def test_cash_account_is_told_why_not(self, desk, account, trader, share):
        trade(account, trader, share, 10)
        address = reverse("trading:reverse_position", args=[account, share.pk])
        assert "sells nothing short" in desk.get(address).content.decode()
        page = sent(desk, address, {"client_order_id": "a", "step": "place"})
        assert page.context["form"].non_field_errors()
        assert books.position_quantity(account, share.pk) == 10

    def test_does_neither_when_the_second_is_refused(self, margin, trader, share):
        trade(margin, trader, share, 10)
        from trading.models import InstrumentTerms

        InstrumentTerms.objects.create(instrument=share, is_shortable=False)
        with pytest.raises(OrderRefusedError) as refusal:
            reverse_position(
                portfolio_id=margin,
                actor=trader,
                instrument_id=share.pk,
                client_order_id="x",
                now=clock.now(),
            )
        assert refusal.value.code == "not_shortable"
        assert books.position_quantity(margin, share.pk) == 10
        assert Order.objects.count() == 1

    def test_turns_short_into_long(self, margin, trader, share):
        trade(margin, trader, share, 3, side="sell")
        closed, opened = reverse_position(
            portfolio_id=margin, actor=trader, instrument_id=share.pk, client_order_id="x", now=clock.now()
        )
        assert (closed.side, opened.side, opened.status) == ("buy", "buy", "filled")
        assert books.position_quantity(margin, share.pk) == 3


class TestCloseAll:
    def test_asks_first_then_closes_all_once(self, desk, account, trader, share):
        other = make_instrument("BETA")
        set_quote(other, "50", "50", at=clock.now())
        trade(account, trader, share, 10)
        trade(account, trader, other, 4)
        trade(account, trader, share, 5, side="sell", limit_price="150")
        address = reverse("trading:close_all", args=[account])
        page = desk.get(address)
        assert "BETA" in page.content.decode()
        fields = {"form_token": hidden(page, "form_token"), "cancel_orders": "on"}
        assert [desk.post(address, fields).status_code for _ in range(2)] == [302, 302]
        assert books.position_quantities(account) == {}
        assert Order.objects.count() == 5
        check_books()

    def test_one_that_cannot_trade_does_not_hold_up_the_others(self, desk, account, trader, share):
        other = make_instrument("BETA")
        set_quote(other, "50", "50", at=clock.now())
        trade(account, trader, share, 10)
        trade(account, trader, other, 4)
        set_quote(other, "50", "50", at=clock.now() - timedelta(days=3))
        address = reverse("trading:close_all", args=[account])
        page = desk.post(address, {"form_token": hidden(desk.get(address), "form_token")}, follow=True)
        text = page.content.decode()
        assert "One closing order is placed" in text
        assert "BETA: The last price of BETA is too old" in text
        assert books.position_quantities(account) == {other.pk: 4}

    def test_says_when_there_is_nothing_to_close(self, desk, trader):
        text = desk.get(reverse("trading:close_all", args=[make_account(trader)])).content.decode()
        assert "There is nothing to close" in text
