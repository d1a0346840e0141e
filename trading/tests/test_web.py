"""The counter's pages as a person meets them: ticket, review, blotter, order, cancel, paper account."""

from __future__ import annotations

import re
import uuid
from datetime import timedelta

import pytest
from django.template import Context
from django.urls import reverse

from holdings import queries as books
from portfolio_site.kernel import clock
from trading.models import Order
from trading.operations import cancel_order
from trading.tests.support import make_account, make_instrument, order, sent, set_quote


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
def ticket(account, share):
    """A filled-in ticket and where it goes."""
    return reverse("trading:new", args=[account]), {
        "side": "buy",
        "instrument": str(share.pk),
        "quantity": "10",
        "type": "market",
        "limit_price": "",
        "time_in_force": "day",
        "client_order_id": str(uuid.uuid4()),
    }


def place_now(account, trader, share, **terms):
    return order(account, trader, share, now=clock.now(), **terms)


class TestTicket:
    def test_shows_the_market_and_buying_power(self, desk, account, share):
        page = desk.get(reverse("trading:new", args=[account]), {"instrument": share.pk, "side": "sell"})
        text = page.content.decode()
        assert page.status_code == 200
        assert f'data-quote-id="{share.pk}" data-field="ask"' in text
        assert "$10,000.00" in text
        assert re.search(r'value="sell"[^>]*checked', text)
        assert "ACME" in text

    def test_each_ticket_has_an_id_of_its_own(self, desk, account):
        address = reverse("trading:new", args=[account])
        ids = {
            re.search(r'name="client_order_id" value="([^"]+)"', desk.get(address).content.decode())[1]
            for _ in range(2)
        }
        assert len(ids) == 2

    def test_nonsense_in_the_address_is_ignored(self, desk, account):
        query = {"instrument": "<b>", "side": "both", "quantity": "x" * 999}
        assert desk.get(reverse("trading:new", args=[account]), query).status_code == 200

    def test_works_with_a_typed_symbol(self, desk, ticket, trader):
        address, fields = ticket
        del fields["instrument"]
        page = sent(desk, address, {**fields, "instrument_text": "acme", "step": "review"})
        assert page.status_code == 200
        assert "Review your order" in page.content.decode()

    def test_tracked_portfolio_says_why_not(self, desk, trader, ticket):
        from holdings.operations import create_portfolio

        tracked = create_portfolio(owner=trader, name="Real", base_currency="USD", now=clock.now())
        address = reverse("trading:new", args=[tracked.pk])
        assert "This portfolio is tracked" in desk.get(address).content.decode()
        assert desk.post(address, {**ticket[1], "step": "place"}).status_code == 422


class TestReviewAndPlace:
    def test_review_shows_the_figures_and_places_nothing(self, desk, ticket):
        address, fields = ticket
        page = sent(desk, address, {**fields, "step": "review"})
        text = page.content.decode()
        assert page.status_code == 200
        for figure in ("$1,000.20", "$8,999.80", "10.00%", "filled at once"):
            assert figure in text, figure
        assert Order.objects.count() == 0

    def test_place_leads_to_the_order(self, desk, ticket, account, share):
        address, fields = ticket
        answer = desk.post(address, {**fields, "step": "place"})
        placed = Order.objects.get()
        assert (answer.status_code, answer.url) == (303, reverse("trading:detail", args=[placed.pk]))
        text = desk.get(answer.url).content.decode()
        assert "Filled" in text
        assert "the best ask of" in text
        assert books.position_quantity(account, share.pk) == 10

    def test_double_click_and_two_tabs_place_one_order(self, desk, ticket):
        address, fields = ticket
        answers = [desk.post(address, {**fields, "step": "place"}) for _ in range(3)]
        assert len({answer.url for answer in answers}) == 1
        assert Order.objects.count() == 1

    def test_used_ticket_with_other_content_asks_to_look_first(self, desk, ticket):
        address, fields = ticket
        desk.post(address, {**fields, "step": "place"})
        page = sent(desk, address, {**fields, "quantity": "11", "step": "place"})
        text = page.content.decode()
        assert reverse("trading:detail", args=[Order.objects.get().pk]) in text
        assert fields["client_order_id"] not in text

    def test_change_brings_the_ticket_back_as_it_was(self, desk, ticket):
        address, fields = ticket
        text = sent(desk, address, {**fields, "step": "edit"}).content.decode()
        assert fields["client_order_id"] in text
        assert 'value="10"' in text

    @pytest.mark.parametrize("step", ["review", "place"])
    @pytest.mark.parametrize(
        ("change", "field", "sentence"),
        [
            ({"quantity": "1000"}, "quantity", "This order needs"),
            ({"side": "sell"}, "quantity", "do not hold any ACME"),
            ({"quantity": "-1"}, "quantity", "greater than zero"),
            ({"quantity": "0"}, "quantity", "greater than zero"),
            ({"quantity": "1e400"}, "quantity", "cannot be more than"),
            ({"quantity": "9" * 40}, "quantity", "cannot be more than"),
            ({"quantity": "NaN"}, "quantity", "Give a number"),
            ({"quantity": "ten"}, "quantity", "Give a number"),
            ({"quantity": ""}, "quantity", "How many?"),
            ({"type": "limit"}, "limit_price", "needs a limit price"),
            ({"type": "limit", "limit_price": "99.001"}, "limit_price", "at most 2 decimals"),
            ({"instrument": "999999999"}, "instrument", "no such instrument"),
            ({"instrument": "9" * 30}, "instrument", "no such instrument"),
            ({"instrument": "<script>"}, "instrument", "no such instrument"),
        ],
    )
    def test_faults_are_shown_at_their_field(self, desk, ticket, step, change, field, sentence):
        address, fields = ticket
        page = sent(desk, address, {**fields, **change, "step": step})
        assert sentence in " ".join(page.context["form"].errors[field])
        assert "<script>" not in page.content.decode().split("</head>")[1].split("<script")[0]
        assert Order.objects.count() == 0

    def test_price_left_over_in_a_market_order_does_no_harm(self, desk, ticket):
        address, fields = ticket
        desk.post(address, {**fields, "limit_price": "5", "step": "place"})
        assert Order.objects.get().limit_price is None


class TestPreview:
    def test_estimates_while_typing(self, desk, ticket, account):
        page = desk.post(reverse("trading:preview", args=[account]), ticket[1])
        assert page.status_code == 200
        assert "$1,000.20" in page.content.decode()

    def test_says_what_is_wrong_in_advance(self, desk, ticket, account):
        text = desk.post(
            reverse("trading:preview", args=[account]), {**ticket[1], "quantity": "1000"}
        ).content.decode()
        assert "This order needs" in text

    @pytest.mark.parametrize("quantity", ["", "x", "1e999999", "NaN"])
    def test_unfinished_ticket_is_no_error(self, desk, ticket, account, quantity):
        page = desk.post(reverse("trading:preview", args=[account]), {**ticket[1], "quantity": quantity})
        assert page.status_code == 200


class TestBlotter:
    def test_shows_open_orders_with_the_reason_fills_and_what_has_ended(self, desk, account, trader, share):
        place_now(account, trader, share, quantity=10)
        place_now(account, trader, share, quantity=5, limit_price="90")
        gone = place_now(account, trader, share, limit_price="80")
        cancel_order(order_id=gone.id, actor=trader, now=clock.now())
        text = re.sub("<[^>]+>", "", desk.get(reverse("trading:index")).content.decode())
        assert "Limit 90.00: the best ask is 100.02, above the limit" in text
        assert "Bought ACME" in text
        assert "Cancelled" in text

    def test_part_renews_itself(self, desk):
        text = desk.get(reverse("trading:blotter")).content.decode()
        assert 'hx-trigger="hf:refresh-blotter from:body"' in text
        assert "<html" not in text

    def test_can_be_narrowed_to_a_portfolio(self, desk, account, trader, share):
        place_now(account, trader, share)
        other = make_account(trader)
        assert "Bought ACME" not in desk.get(reverse("trading:index"), {"portfolio": other}).content.decode()
        assert desk.get(reverse("trading:index"), {"portfolio": "9" * 40}).status_code == 200

    def test_cancels_in_place(self, desk, account, trader, share):
        placed = place_now(account, trader, share, limit_price="50")
        answer = desk.post(reverse("trading:cancel", args=[placed.id]), headers={"HX-Target": "blotter"})
        assert answer.status_code == 200
        assert "No open orders" in answer.content.decode()
        assert Order.objects.get().status == "canceled"

    def test_cancel_that_comes_too_late_says_so(self, desk, account, trader, share):
        placed = place_now(account, trader, share)
        address = reverse("trading:cancel", args=[placed.id])
        for headers in ({"HX-Target": "blotter"}, {}):
            answer = desk.post(address, headers=headers, follow=True)
            assert answer.status_code == 200
            assert "already filled" in answer.content.decode()

    def test_cancel_without_javascript_asks_first(self, desk, account, trader, share):
        placed = place_now(account, trader, share, limit_price="50")
        address = reverse("trading:cancel", args=[placed.id])
        assert "Cancel this order?" in desk.get(address).content.decode()
        assert desk.post(address).url == reverse("trading:detail", args=[placed.id])


class TestPaperAccount:
    def test_opens_once_however_often_the_form_is_sent(self, desk, trader):
        address = reverse("trading:open_account")
        token = re.search(r'name="form_token" value="([^"]+)"', desk.get(address).content.decode())[1]
        fields = {"name": "Play", "cash": "5000", "currency": "USD", "form_token": token}
        answers = [desk.post(address, fields) for _ in range(2)]
        assert answers[0].url == answers[1].url
        (card,) = books.portfolios_for(trader)
        assert (card.kind, card.name, books.cash_balance(card.id, "USD")) == ("paper", "Play", 5000)

    @pytest.mark.parametrize("cash", ["0", "-1", "1e12", "NaN", "1.001", "x"])
    def test_absurd_cash_is_refused_at_the_field(self, desk, cash):
        fields = {"name": "Play", "cash": cash, "currency": "USD", "form_token": "t"}
        page = sent(desk, reverse("trading:open_account"), fields)
        assert page.context["form"].errors["cash"]

    def test_buy_without_a_portfolio_leads_to_the_one_account(self, desk, account, share):
        answer = desk.get(reverse("trading:choose"), {"instrument": share.pk, "side": "buy"})
        assert answer.url == f"{reverse('trading:new', args=[account])}?instrument={share.pk}&side=buy"

    def test_or_to_the_choice(self, desk, trader, account):
        make_account(trader)
        assert desk.get(reverse("trading:choose")).status_code == 200

    def test_or_to_opening_one(self, desk, trader):
        assert "You have no trading account yet" in desk.get(reverse("trading:choose")).content.decode()


@pytest.fixture
def addresses(account, trader, share):
    """Every address that names something of the trader: (method, url)."""
    placed = place_now(account, trader, share, limit_price="50")
    return [
        ("get", reverse("trading:new", args=[account])),
        ("post", reverse("trading:new", args=[account])),
        ("post", reverse("trading:preview", args=[account])),
        ("get", reverse("trading:account", args=[account])),
        ("get", reverse("trading:ticket", args=[account])),
        ("get", reverse("trading:detail", args=[placed.id])),
        ("get", reverse("trading:cancel", args=[placed.id])),
        ("post", reverse("trading:cancel", args=[placed.id])),
        ("get", reverse("trading:replace", args=[placed.id])),
        ("post", reverse("trading:replace", args=[placed.id])),
        ("get", f"{reverse('trading:cancel_all')}?portfolio={account}"),
        ("post", f"{reverse('trading:cancel_all')}?portfolio={account}"),
        ("get", reverse("api:order-detail", args=[placed.id])),
        ("delete", reverse("api:order-detail", args=[placed.id])),
        ("get", reverse("api:portfolio-buying-power", args=[account])),
    ]


class TestOutsider:
    def test_finds_nothing_at_any_address(self, client, outsider, addresses):
        client.force_login(outsider)
        for method, address in addresses:
            assert getattr(client, method)(address).status_code == 404, address
        assert Order.objects.get().status == "new"

    def test_sees_none_of_it_in_lists(self, client, outsider, addresses):
        client.force_login(outsider)
        for name in ("trading:index", "trading:blotter"):
            assert "ACME" not in client.get(reverse(name)).content.decode()
        assert client.get(reverse("api:order-list")).json()["results"] == []

    def test_stranger_is_sent_to_the_sign_in(self, client, addresses):
        for method, address in addresses:
            status = getattr(client, method)(address).status_code
            assert status == (401 if address.startswith("/api/") else 302), address

    def test_auditor_looks_and_changes_nothing(self, client, auditor, addresses, account):
        client.force_login(auditor)
        answers = {
            (method, address): getattr(client, method)(address).status_code for method, address in addresses
        }
        assert set(answers.values()) == {200, 403}
        assert Order.objects.get().status == "new"
        assert "ACME" in client.get(reverse("trading:index")).content.decode()

    def test_unknown_numbers_are_not_found(self, desk):
        assert desk.get(reverse("trading:detail", args=[uuid.uuid4()])).status_code == 404
        assert desk.get(reverse("trading:new", args=[2**63 - 1])).status_code == 404
        assert desk.get("/portfolios/99999999999999999999999/orders/new/").status_code == 404


class TestQueryBudgets:
    @pytest.fixture
    def busy(self, account, trader, share):
        for number in range(6):
            place_now(account, trader, share, limit_price="50")
            place_now(account, trader, share)
            other = make_instrument()
            set_quote(other, "10", "10.01", at=clock.now() - timedelta(seconds=number))
            place_now(account, trader, other, limit_price="9")
        return account

    @pytest.mark.parametrize(
        ("name", "of_account", "budget"),
        [
            ("index", False, 12),
            ("blotter", False, 12),
            ("new", True, 12),
            ("account", True, 8),
            ("ticket", True, 12),
        ],
    )
    def test_pages_do_not_grow_with_the_number_of_orders(
        self, desk, busy, django_assert_max_num_queries, name, of_account, budget
    ):
        address = reverse(f"trading:{name}", args=[busy] if of_account else [])
        desk.get(address)
        with django_assert_max_num_queries(budget):
            desk.get(address)

    def test_order_page(self, desk, busy, django_assert_max_num_queries):
        address = reverse("trading:detail", args=[Order.objects.filter(status="filled")[0].pk])
        with django_assert_max_num_queries(10):
            desk.get(address)

    def test_api_list(self, desk, busy, django_assert_max_num_queries):
        with django_assert_max_num_queries(6):
            assert len(desk.get(reverse("api:order-list")).json()["results"]) == 18


class TestPrivacy:
    def test_figures_of_a_trail_are_hidden_like_amounts_and_text_is_escaped(self):
        from trading.templatetags.trading import told

        assert told(Context(), "Bought 2.5 <b> at 100.02, the best ask of 15:00:05 UTC.") == (
            'Bought <span class="amount"><span class="amount-value">2.5</span></span> &lt;b&gt; at '
            '<span class="amount"><span class="amount-value">100.02</span></span>, '
            "the best ask of 15:00:05 UTC."
        )
