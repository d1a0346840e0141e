"""The pages of every kind of order: ticket, review, duplicates, changing in place, groups, cancelling all, switches."""

from __future__ import annotations

import re
import uuid
from datetime import timedelta
from decimal import Decimal

import pytest
from django.urls import reverse

from portfolio_site.kernel import clock
from trading.models import Order, TradingAccount
from trading.operations import StopLoss, TakeProfit, replace_order, set_kill_switch
from trading.tests.support import make_account, make_instrument, order, sent, set_quote

D = Decimal


@pytest.fixture
def share(db):
    """A share whose quote is of this moment: pages read the clock."""
    instrument = make_instrument("ACME")
    set_quote(instrument, "100.00", "100.02", at=clock.now())
    return instrument


@pytest.fixture
def coin(db):
    """A coin at about fifty thousand."""
    instrument = make_instrument("BTC-USD", asset_class="crypto", exchange="", quantity_step=D("0.00000001"))
    set_quote(instrument, "50000", "50010", at=clock.now())
    return instrument


@pytest.fixture
def desk(client, trader):
    """The trader's browser."""
    client.force_login(trader)
    return client


@pytest.fixture
def fields(share):
    """A ticket as a browser without script sends it: every field is there."""
    return {
        "side": "buy",
        "instrument": str(share.pk),
        "type": "market",
        "quantity": "5",
        "notional": "",
        "limit_price": "",
        "stop_price": "",
        "trail_price": "",
        "trail_percent": "",
        "order_class": "simple",
        "take_profit_limit_price": "",
        "stop_loss_stop_price": "",
        "stop_loss_limit_price": "",
        "time_in_force": "day",
        "client_order_id": str(uuid.uuid4()),
    }


@pytest.fixture
def send(desk, account, fields):
    """Send the ticket with some fields different."""

    TradingAccount.objects.filter(portfolio_id=account).update(price_collar=D("0.2"))

    def send(step, **changes):
        return sent(desk, reverse("trading:new", args=[account]), {**fields, **changes, "step": step})

    return send


@pytest.fixture
def now_placed(account, trader, share):
    return lambda **terms: order(account, trader, share, now=clock.now(), **terms)


def text_of(page):
    """What a person reads of a page."""
    return re.sub(r"\s+", " ", re.sub("<[^>]+>", " ", page.content.decode()))


BRACKET = {
    "order_class": "bracket",
    "take_profit_limit_price": "110",
    "stop_loss_stop_price": "95",
}


class TestEveryKindOfOrder:
    @pytest.mark.parametrize(
        ("changes", "said", "stored"),
        [
            ({}, "Market order: at the best price", {"type": "market", "quantity": D(5)}),
            ({"quantity": "", "notional": "250"}, "$250.00", {"notional": D(250)}),
            ({"type": "limit", "limit_price": "99"}, "Limit order: at $99.00", {"limit_price": D(99)}),
            ({"type": "stop", "stop_price": "105"}, "or above", {"type": "stop", "stop_price": D(105)}),
            (
                {"type": "stop_limit", "stop_price": "105", "limit_price": "106"},
                "it works at $106.00 or better",
                {"stop_price": D(105), "limit_price": D(106)},
            ),
            (
                {"type": "trailing_stop", "trail_percent": "2.5"},
                "at a distance of 2.5 %",
                {"trail_percent": D("2.5"), "trail_price": None},
            ),
            ({"type": "trailing_stop", "trail_price": "3"}, "distance of $3.00", {"trail_price": D(3)}),
            ({"time_in_force": "gtc", "type": "limit", "limit_price": "99"}, "Good till cancelled", {}),
            ({"time_in_force": "ioc"}, "the rest is cancelled", {"time_in_force": "ioc"}),
            ({"time_in_force": "fok"}, "or nothing", {"time_in_force": "fok"}),
            (
                {"type": "limit", "limit_price": "99", "extended_hours": "on"},
                "before and after the session",
                {"extended_hours": True},
            ),
            (
                {**BRACKET, "stop_loss_limit_price": "94"},
                "Stop-loss: when $95.00 has traded, at $94.00 or better",
                {"order_class": "bracket"},
            ),
            (
                {"order_class": "oto", "stop_loss_stop_price": "95"},
                "Nothing of this works before the entry is filled",
                {"order_class": "oto"},
            ),
        ],
    )
    def test_is_said_in_the_review_and_placed_as_it_was_said(self, send, changes, said, stored):
        page = send("review", **changes)
        assert page.status_code == 200, page.context["form"].errors
        assert said in text_of(page)
        assert Order.objects.count() == 0
        sent = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page.content.decode()))
        sent.pop("csrfmiddlewaretoken", None)
        answer = page.client.post(page.request["PATH_INFO"], {**sent, "step": "place"})
        assert answer.status_code == 303
        placed = Order.objects.get(parent__isnull=True)
        for name, value in stored.items():
            assert getattr(placed, name) == value, name

    def test_exits_for_what_is_held_need_no_type(self, send, now_placed):
        now_placed(quantity=5)
        oco = {
            "order_class": "oco",
            "side": "sell",
            "take_profit_limit_price": "110",
            "stop_loss_stop_price": "95",
        }
        page = send("review", **oco)
        assert "Take-profit: sell at $110.00 or better" in text_of(page)
        assert send("place", **oco).status_code == 303
        assert {leg.role for leg in Order.objects.filter(order_class="oco")} == {"take_profit", "stop_loss"}

    def test_review_shows_what_a_bracket_may_win_and_lose(self, send):
        text = text_of(send("review", type="limit", limit_price="100", **BRACKET))
        assert "+$50.00" in text
        assert "$25.00" in text

    def test_crypto_starts_as_good_till_cancelled_and_is_offered_nothing_else_that_is_refused(
        self, desk, account, coin
    ):
        page = desk.get(reverse("trading:new", args=[account]), {"instrument": coin.pk})
        text = page.content.decode()
        assert re.search(r'<option value="gtc"[^>]*selected', text)
        assert 'value="day"' not in text
        assert 'value="trailing_stop"' not in text
        assert 'value="bracket"' not in text

    def test_a_fee_in_coins_is_told_and_taken_off_the_position(self, send, coin, account):
        TradingAccount.objects.filter(portfolio_id=account).update(fee_schedule="crypto_tiers")
        page = send("review", instrument=str(coin.pk), quantity="0.01", time_in_force="gtc")
        preview = page.context["preview"]
        assert preview.coins > 0
        assert preview.position_after == D("0.01") - preview.coins
        assert "taken of what is bought" in text_of(page)

    def test_crypto_for_the_day_is_refused_with_the_reason(self, send, coin):
        page = send("place", instrument=str(coin.pk), quantity="0.01")
        assert page.status_code == 200
        (error,) = page.context["form"].errors["time_in_force"]
        assert "good till cancelled" in error


class TestFaults:
    @pytest.mark.parametrize("step", ["review", "place"])
    @pytest.mark.parametrize(
        ("changes", "field", "sentence"),
        [
            ({"type": "stop"}, "stop_price", "needs a stop price"),
            ({"type": "stop", "stop_price": "90"}, "stop_price", "greater than the current price"),
            ({"type": "limit", "limit_price": "99", "stop_price": "98"}, "stop_price", "has no stop price"),
            ({"type": "stop_limit", "stop_price": "105"}, "limit_price", "needs a limit price"),
            ({"type": "trailing_stop"}, "trail_price", "needs a trail"),
            ({"type": "trailing_stop", "trail_percent": "100"}, "trail_percent", "less than 100"),
            ({"type": "trailing_stop", "trail_percent": "-1"}, "trail_percent", "greater than 0"),
            (
                {"type": "trailing_stop", "trail_percent": "1", "trail_price": "1"},
                "trail_percent",
                "one of the two",
            ),
            ({"trail_price": "1"}, "trail_price", "Only a trailing stop"),
            ({"notional": "100"}, "notional", "not both"),
            ({"quantity": "", "notional": "0"}, "notional", "greater than zero"),
            ({"quantity": "", "notional": "1.001"}, "notional", "2 decimals"),
            ({"quantity": "", "notional": "999999"}, "notional", "This order needs"),
            ({"quantity": "", "notional": "1e400"}, "notional", "cannot be more than"),
            ({"type": "limit", "limit_price": "150"}, "limit_price", "above the market"),
            ({"type": "limit", "limit_price": "99.001"}, "limit_price", "at most 2 decimals"),
            ({"type": "limit", "limit_price": "NaN"}, "limit_price", "Give a price"),
            ({"type": "limit", "limit_price": "Infinity"}, "limit_price", "Give a price"),
            ({"type": "limit", "limit_price": "1" * 400}, "limit_price", "cannot be more than"),
            ({"type": "sideways"}, "type", "not one of the available"),
            ({"time_in_force": "forever"}, "time_in_force", "not one of the available"),
            ({"order_class": "swarm"}, "order_class", "not one of the available"),
            ({"order_class": "bracket"}, "take_profit_limit_price", "take the profit"),
            (
                {"order_class": "bracket", "take_profit_limit_price": "110"},
                "stop_loss_stop_price",
                "stop the loss",
            ),
            ({**BRACKET, "take_profit_limit_price": "90"}, "take_profit_limit_price", "above the stop-loss"),
            ({**BRACKET, "stop_loss_stop_price": "101"}, "stop_loss_stop_price", "at most"),
            ({**BRACKET, "stop_loss_limit_price": "96"}, "stop_loss_limit_price", "must not lie above"),
            ({**BRACKET, "time_in_force": "ioc"}, "time_in_force", "day order or good till cancelled"),
            ({**BRACKET, "type": "stop", "stop_price": "105"}, "type", "market or a limit order"),
            ({"order_class": "oto"}, "take_profit_limit_price", "Give an exit"),
            ({**BRACKET, "order_class": "simple"}, "order_class", "A single order has no exits"),
            ({**BRACKET, "quantity": "", "notional": "100"}, "order_class", "by amount"),
            ({"extended_hours": "on"}, "extended_hours", "only limit orders"),
            ({"quantity": "1.5", "time_in_force": "gtc"}, "time_in_force", "day order"),
            ({"quantity": "1.0001"}, "quantity", "steps of"),
        ],
    )
    def test_are_shown_at_their_field(self, send, step, changes, field, sentence):
        page = send(step, **changes)
        assert page.status_code == 200
        errors = page.context["form"].errors
        assert sentence in " ".join(errors.get(field, [])), errors
        assert Order.objects.count() == 0

    def test_the_estimate_of_a_ticket_that_is_wrong_says_so_and_is_no_error(self, desk, account, fields):
        address = reverse("trading:preview", args=[account])
        for changes in ({"type": "stop"}, {"order_class": "bracket"}, {"trail_percent": "x"}, {"side": "up"}):
            assert desk.post(address, {**fields, **changes}).status_code == 200

    @pytest.mark.parametrize("name", ["client_order_id", "instrument", "quantity", "take_profit_limit_price"])
    def test_control_characters_are_no_error_of_ours(self, send, name):
        assert send("place", **{name: "\x00\x1b5"}).context["form"].errors


class TestShortAndMargin:
    @pytest.fixture
    def margin(self, account):
        TradingAccount.objects.filter(portfolio_id=account).update(
            multiplier=2, shorting_enabled=True, max_margin_multiplier=4
        )
        from holdings.models import Portfolio

        Portfolio.objects.filter(pk=account).update(allow_negative_cash=True, allow_short=True)
        return account

    def test_a_short_sale_is_called_one(self, send, margin):
        text = text_of(send("review", side="sell"))
        assert "This sells short 5 ACME." in text
        assert "Sell short 5 ACME" in text

    def test_borrowed_money_is_named(self, send, margin):
        text = text_of(send("review", quantity="150", type="limit", limit_price="100"))
        assert "This borrows money: you owe $5,000.00 afterwards" in text
        assert re.search(r"Buying power \$20,000\.00 \$5,000\.00", text)

    def test_an_order_that_is_not_taken_neither_borrows_nor_sells_short(self, send):
        text = text_of(send("review", quantity="1000"))
        assert "This order needs" in text
        assert "This borrows money" not in text
        assert "This sells short" not in text_of(send("review", side="sell"))

    def test_account_panel_shows_equity_and_margin(self, desk, margin):
        text = text_of(desk.get(reverse("trading:account", args=[margin])))
        assert "Margin 2×" in text
        assert "$20,000.00" in text

    def test_cash_account_is_told_that_it_holds_none(self, send):
        page = send("review", side="sell")
        assert "do not hold any ACME" in " ".join(page.context["form"].errors["quantity"])


class TestDuplicates:
    def test_the_same_thing_again_is_asked_about_and_then_done(self, send):
        send("place")
        first = Order.objects.get()
        page = send("place", client_order_id=str(uuid.uuid4()))
        assert page.status_code == 200
        text = page.content.decode()
        assert "a few seconds ago" in text
        assert reverse("trading:detail", args=[first.pk]) in text
        assert 'name="confirm_duplicate" value="yes"' in text
        assert Order.objects.count() == 1
        assert send("place", client_order_id=str(uuid.uuid4()), confirm_duplicate="yes").status_code == 303
        assert Order.objects.count() == 2

    def test_another_stop_is_another_order(self, send):
        send("place", type="stop", stop_price="105")
        assert send("place", client_order_id="b", type="stop", stop_price="106").status_code == 303

    def test_exits_make_another_order(self, send):
        send("place", type="limit", limit_price="90")
        again = send(
            "place",
            client_order_id="b",
            type="limit",
            limit_price="90",
            **{**BRACKET, "stop_loss_stop_price": "85"},
        )
        assert again.status_code == 303

    def test_confirmed_twice_by_a_double_click_is_done_once(self, send):
        send("place")
        again = str(uuid.uuid4())
        answers = [send("place", client_order_id=again, confirm_duplicate="yes") for _ in range(2)]
        assert len({answer.url for answer in answers}) == 1
        assert Order.objects.count() == 2


class TestSwitches:
    def test_kill_switch_is_shown_and_stops_the_review(self, desk, send, account, trader):
        set_kill_switch(on=True, actor=trader, portfolio_id=account, reason="Holiday.", now=clock.now())
        for name, args in (("new", [account]), ("index", [])):
            assert "Trading is halted for this account. Holiday." in text_of(
                desk.get(reverse(f"trading:{name}", args=args))
            )
        page = send("review")
        assert page.status_code == 200
        assert "halted" in " ".join(page.context["form"].non_field_errors())
        assert "halted" in " ".join(send("place").context["form"].non_field_errors())
        assert Order.objects.count() == 0

    def test_cancelling_still_works(self, desk, now_placed, account, trader):
        placed = now_placed(limit_price="50")
        set_kill_switch(on=True, actor=trader, portfolio_id=account, now=clock.now())
        assert desk.post(reverse("trading:cancel", args=[placed.id])).status_code == 302


IN_DIALOG = {"HX-Target": "order-dialog-body"}


class TestChange:
    @pytest.fixture
    def resting(self, now_placed):
        return now_placed(quantity=5, limit_price="90")

    @pytest.fixture
    def change(self, desk, resting, account):
        TradingAccount.objects.filter(portfolio_id=account).update(price_collar=D("0.2"))

        def change(*, headers=None, **changes):
            sent = {
                "quantity": "5",
                "limit_price": "90",
                "time_in_force": "day",
                "client_order_id": "new-one",
            }
            return desk.post(
                reverse("trading:replace", args=[resting.id]), {**sent, **changes}, headers=headers or {}
            )

        return change

    def test_form_has_the_fields_of_the_type(self, desk, now_placed):
        now_placed(quantity=5)
        trailing = now_placed(side="sell", type="trailing_stop", trail_percent="2", quantity=5)
        form = desk.get(reverse("trading:replace", args=[trailing.id]), headers=IN_DIALOG).context["form"]
        assert set(form.fields) == {"quantity", "trail", "time_in_force", "client_order_id"}
        assert form["trail"].value() == "2"

    def test_in_place_the_order_is_replaced_and_the_blotter_told(self, change, resting):
        answer = change(
            limit_price="91", headers={**IN_DIALOG, "HX-Current-URL": f"http://x{reverse('trading:index')}"}
        )
        assert answer.status_code == 204
        assert "hf:order-done" in answer["HX-Trigger"]
        new = Order.objects.get(replaces=resting.id)
        assert (new.limit_price, new.quantity, new.client_order_id) == (91, 5, "new-one")

    def test_on_the_orders_page_the_browser_goes_on_to_the_new_one(self, change, resting):
        page = reverse("trading:detail", args=[resting.id])
        answer = change(limit_price="91", headers={**IN_DIALOG, "HX-Current-URL": f"http://x{page}"})
        new = Order.objects.get(replaces=resting.id)
        assert answer["HX-Redirect"] == reverse("trading:detail", args=[new.pk])

    def test_sent_twice_it_is_done_once(self, change, resting):
        answers = [change(quantity="4") for _ in range(3)]
        assert {answer.status_code for answer in answers} == {303}
        assert len({answer.url for answer in answers}) == 1
        assert Order.objects.count() == 2

    @pytest.mark.parametrize(
        ("changes", "field", "sentence"),
        [
            ({}, "__all__", "Nothing is different"),
            ({"quantity": ""}, "quantity", "required"),
            ({"quantity": "0"}, "quantity", "more than what is filled"),
            ({"quantity": "1000"}, "quantity", "This order needs"),
            ({"quantity": "1.5"}, "quantity", "whole units"),
            ({"limit_price": "150"}, "limit_price", "above the market"),
            ({"limit_price": "90.001"}, "limit_price", "at most 2 decimals"),
            ({"limit_price": "NaN"}, "limit_price", "Give a price"),
            ({"limit_price": "1e400"}, "limit_price", "cannot be more than"),
            ({"time_in_force": "never"}, "time_in_force", "not one of the available"),
        ],
    )
    def test_faults_are_shown_at_their_field(self, desk, change, resting, changes, field, sentence):
        for headers in ({}, IN_DIALOG):
            page = change(headers=headers, **changes)
            if not headers:
                assert page.status_code == 303
                page = desk.get(page.url)
            assert page.status_code == 200
            assert sentence in " ".join(page.context["form"].errors[field])
            assert ("<html" in page.content.decode()) is not bool(headers)
        assert Order.objects.get().status == "new"

    def test_too_late_says_why(self, desk, change, resting, trader):
        replace_order(order_id=resting.id, actor=trader, quantity=D(3), now=clock.now())
        in_dialog = change(quantity="4", headers=IN_DIALOG)
        assert (in_dialog.status_code, in_dialog.context["refusal"][:32]) == (
            200,
            "This order was already replaced.",
        )
        page = desk.get(change(quantity="4").url)
        assert "already replaced" in page.content.decode()

    def test_by_amount_cannot_be_changed(self, desk, now_placed):
        placed = now_placed(notional="100", quantity=None, limit_price="90")
        assert "by amount cannot be changed" in text_of(
            desk.get(reverse("trading:replace", args=[placed.id]))
        )

    def test_chain_is_shown_on_every_link(self, desk, resting, trader):
        last = resting
        for price in ("91", "92"):
            last = replace_order(order_id=last.id, actor=trader, limit_price=D(price), now=clock.now())
        for one in Order.objects.all():
            page = desk.get(reverse("trading:detail", args=[one.pk]))
            assert [each.limit_price for each in page.context["chain"]] == [90, 91, 92]


class TestBlotter:
    @pytest.fixture
    def bracket(self, now_placed):
        return now_placed(
            quantity=5,
            limit_price="90",
            order_class="bracket",
            take_profit=TakeProfit(limit_price=D(110)),
            stop_loss=StopLoss(stop_price=D(80)),
        )

    def test_exits_stand_under_their_entry(self, desk, bracket, now_placed):
        now_placed(limit_price="80")
        page = desk.get(reverse("trading:index"))
        roles = [[each.order.role for each in group.members] for group in page.context["open_groups"]]
        assert ["entry", "take_profit", "stop_loss"] in roles

    def test_order_page_shows_the_group_from_every_member(self, desk, bracket):
        for one in Order.objects.all():
            page = desk.get(reverse("trading:detail", args=[one.pk]))
            assert len(page.context["family"]) == 2

    def test_is_narrowed_by_state_symbol_and_account(self, desk, trader, account, now_placed, share):
        other = make_instrument("ZZZ")
        set_quote(other, "10", "10.01", at=clock.now())
        now_placed(limit_price="90")
        now_placed()
        order(account, trader, other, now=clock.now(), limit_price="9")
        second = make_account(trader)
        order(second, trader, share, now=clock.now(), limit_price="70")

        def shown(**query):
            page = desk.get(reverse("trading:index"), query)
            assert page.status_code == 200
            context = page.context
            return len(context["open_groups"]), len(context["fills"]), len(context.get("closed_orders", []))

        assert shown() == (3, 1, 1)
        assert shown(state="open") == (3, 0, 0)
        assert shown(state="filled") == (0, 1, 1)
        assert shown(state="rejected") == (0, 0, 0)
        assert shown(symbol="zz") == (1, 0, 0)
        assert shown(portfolio=second) == (1, 0, 0)
        assert shown(state="sideways", symbol="\x00%", portfolio="x") == (0, 0, 0)

    def test_cancel_all_asks_names_the_orders_and_cancels_the_accounts(
        self, desk, bracket, trader, share, account
    ):
        second = make_account(trader)
        kept = order(second, trader, share, now=clock.now(), limit_price="70")
        address = reverse("trading:cancel_all")
        for wrong in ("x", "²", "-1", "9" * 40):
            assert desk.post(address, {"portfolio": wrong}).status_code == 404
        asked = desk.get(address, {"portfolio": account}, headers=IN_DIALOG)
        assert "<html" not in asked.content.decode()
        assert "and its exits" in text_of(asked)
        assert Order.objects.filter(status="canceled").count() == 0
        done = desk.post(address, {"portfolio": account}, headers=IN_DIALOG)
        assert "3 orders cancelled." in done["HX-Trigger"]
        assert Order.objects.filter(status="canceled").count() == 3
        assert Order.objects.get(pk=kept.id).status == "new"
        assert desk.post(address).url == reverse("trading:index")
        assert Order.objects.get(pk=kept.id).status == "canceled"

    def test_auditor_sees_and_is_offered_nothing_to_do(self, client, auditor, bracket):
        client.force_login(auditor)
        text = client.get(reverse("trading:index")).content.decode()
        assert "ACME" in text
        assert reverse("trading:replace", args=[bracket.id]) not in text
        assert "Cancel all" not in text
        assert client.post(reverse("trading:cancel_all")).status_code == 403
        detail = client.get(reverse("trading:detail", args=[bracket.id])).content.decode()
        assert reverse("trading:cancel", args=[bracket.id]) not in detail

    def test_pages_do_not_grow_with_groups_and_chains(
        self, desk, bracket, trader, now_placed, django_assert_max_num_queries
    ):
        last = now_placed(limit_price="60", quantity=2)
        for step in range(5):
            last = replace_order(
                order_id=last.id,
                actor=trader,
                limit_price=D(61 + step),
                now=clock.now() + timedelta(seconds=step),
            )
        for address, budget in (
            (reverse("trading:index"), 12),
            (reverse("trading:detail", args=[last.id]), 10),
            (reverse("trading:detail", args=[bracket.id]), 10),
            (reverse("trading:replace", args=[last.id]), 8),
            (reverse("trading:cancel_all"), 10),
        ):
            desk.get(address)
            with django_assert_max_num_queries(budget):
                desk.get(address)
