"""The pages of a trading account: figures, curve, settings, kill switch, beginning anew, several accounts."""

from __future__ import annotations

import re
import uuid
from datetime import timedelta
from decimal import Decimal

import pytest
from django.urls import reverse

from holdings import queries as books
from portfolio_site.kernel import clock
from trading.models import Order, TradingAccount
from trading.operations import open_paper_account, set_kill_switch
from trading.queries import account_figures, account_of, account_page, equity_curve
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
    """An account that may borrow twice its equity and sell short."""
    return open_paper_account(
        owner=trader,
        name="Margin",
        cash=Decimal(10_000),
        currency="USD",
        multiplier=2,
        now=clock.now() - timedelta(days=2),
    )


def buy(account, trader, share, quantity, **terms):
    return order(account, trader, share, quantity=quantity, now=clock.now(), **terms)


def settings_of(page) -> dict[str, str]:
    """The fields of a form as a browser would send them back."""
    text = page.content.decode()
    fields = dict(re.findall(r'<input[^>]*name="([a-z_]+)"[^>]*value="([^"]*)"', text))
    for name in re.findall(r'<input[^>]*type="checkbox"[^>]*name="([a-z_]+)"', text):
        if not re.search(rf'<input[^>]*name="{name}"[^>]*checked', text):
            fields.pop(name, None)
        else:
            fields[name] = "on"
    for name, options in re.findall(r'<select[^>]*name="([a-z_]+)"[^>]*>(.*?)</select>', text, re.DOTALL):
        chosen = re.search(r'value="([^"]*)"[^>]*selected', options)
        fields[name] = chosen[1] if chosen else ""
    return fields


class TestAccountPage:
    def test_shows_the_figures_of_the_account(self, desk, margin, trader, share):
        buy(margin, trader, share, 150)
        page = desk.get(reverse("trading:account_page", args=[margin]))
        text = page.content.decode()
        found = account_figures(margin, now=clock.now())
        assert page.status_code == 200
        assert found.cash == Decimal(-5003)
        for figure in (
            "−$5,003.00",
            "$7,501.50",
            "$4,500.90",
            "No call",
            account_of(margin).account_number,
        ):
            assert figure in text, figure

    def test_says_what_a_cash_account_is(self, desk, account):
        text = desk.get(reverse("trading:account_page", args=[account])).content.decode()
        assert "Cash account" in text
        assert "Maintenance margin" not in text

    def test_tells_a_margin_call_and_what_follows(self, desk, margin):
        now = clock.now()
        TradingAccount.objects.filter(portfolio_id=margin).update(
            margin_call_at=now, margin_call_amount=Decimal("123.45")
        )
        text = desk.get(reverse("trading:account_page", args=[margin])).content.decode()
        assert "Margin call" in text
        assert "$123.45" in text
        assert "positions closed at the market" in text

    def test_adds_up_what_was_paid(self, trader, share, margin):
        TradingAccount.objects.filter(portfolio_id=margin).update(fee_schedule="per_share:0.10")
        buy(margin, trader, share, 10)
        buy(margin, trader, share, 4, side="sell")
        paid = account_page(account_of(margin), now=clock.now()).paid
        assert paid.fees == Decimal("1.40")
        assert paid.total == Decimal("1.40")

    def test_curve_begins_with_the_starting_cash_and_ends_now(self, trader, share, margin):
        buy(margin, trader, share, 10)
        points = equity_curve(account_of(margin), range_code="All", now=clock.now())
        assert points[0].equity == Decimal(10_000)
        assert points[-1].equity == account_figures(margin, now=clock.now()).equity
        assert [point.at for point in points] == sorted(point.at for point in points)

    @pytest.mark.parametrize("range_code", ["1D", "1W", "1M", "3M", "1Y", "All", "nonsense"])
    def test_chart_answers_every_range_with_strings(self, desk, margin, range_code):
        answer = desk.get(reverse("trading:account_chart", args=[margin]), {"range": range_code})
        assert answer.status_code == 200
        data = answer.json()
        assert data["unit"] == "money"
        assert all(isinstance(value, str) for value in data["series"][0]["values"])
        assert len(data["labels"]) == len(data["series"][0]["values"])

    def test_auditor_reads_and_gets_no_buttons(self, client, auditor, account):
        client.force_login(auditor)
        text = client.get(reverse("trading:account_page", args=[account])).content.decode()
        assert "Stop trading" not in text
        for name in ("account_settings", "account_switch", "account_reset"):
            assert client.get(reverse(f"trading:{name}", args=[account])).status_code == 403

    def test_others_find_nothing(self, client, outsider, account):
        client.force_login(outsider)
        for name in ("page", "figures", "chart", "settings", "switch", "reset"):
            address = reverse(f"trading:account_{name}", args=[account])
            assert client.get(address).status_code == 404
            assert client.post(address).status_code in {404, 405}

    @pytest.mark.parametrize("positions", [1, 6])
    def test_costs_the_same_whatever_is_held(
        self, desk, trader, margin, positions, django_assert_max_num_queries
    ):
        for _ in range(positions):
            thing = make_instrument()
            set_quote(thing, "10", "10", at=clock.now())
            buy(margin, trader, thing, 1)
        with django_assert_max_num_queries(32):
            desk.get(reverse("trading:account_page", args=[margin]))
        with django_assert_max_num_queries(22):
            desk.get(reverse("trading:account_figures", args=[margin]))


class TestAccounts:
    @pytest.mark.parametrize("accounts", [1, 8])
    def test_lists_all_with_their_figures_at_one_price(
        self, desk, trader, share, accounts, django_assert_max_num_queries
    ):
        for _ in range(accounts):
            buy(make_account(trader), trader, share, 2)
        with django_assert_max_num_queries(18):
            page = desk.get(reverse("trading:accounts"))
        assert page.content.decode().count("$9,799.96") >= accounts

    def test_figures_are_those_of_the_account_page(self, desk, trader, share, margin):
        from trading.queries import account_cards

        buy(margin, trader, share, 5, limit_price="90")
        buy(margin, trader, share, 7)
        (card,) = account_cards(trader, now=clock.now())
        assert card.figures == account_figures(margin, now=clock.now())

    def test_opens_one_with_margin(self, desk, trader):
        address = reverse("trading:open_account")
        token = re.search(r'name="form_token" value="([^"]+)"', desk.get(address).content.decode())[1]
        fields = {"name": "Bold", "cash": "5000", "currency": "USD", "multiplier": "2", "form_token": token}
        assert {desk.post(address, fields).url for _ in range(2)} == {
            reverse("trading:account_page", args=[TradingAccount.objects.get().portfolio_id])
        }
        opened = TradingAccount.objects.get()
        assert (opened.multiplier, opened.shorting_enabled) == (2, True)

    def test_nobody_elses(self, client, outsider, account):
        client.force_login(outsider)
        assert "You have no paper account yet" in client.get(reverse("trading:accounts")).content.decode()


class TestSettings:
    def test_saving_without_a_change_changes_nothing(self, desk, margin):
        address = reverse("trading:account_settings", args=[margin])
        before = account_of(margin)
        answer = desk.post(address, settings_of(desk.get(address)))
        assert answer.status_code == 302
        assert account_of(margin) == before

    def test_saves_limits_models_and_configuration_together(self, desk, margin):
        address = reverse("trading:account_settings", args=[margin])
        fields = {
            **settings_of(desk.get(address)),
            "max_margin_multiplier": "1",
            "max_order_notional": "2500",
            "slippage_bps": "7.5",
            "participation": "12.5",
            "fee_schedule": "none",
            "margin_rate": "5",
            "price_collar": "",
        }
        assert desk.post(address, fields).status_code == 302
        found = account_of(margin)
        assert found.effective_multiplier == 1
        assert found.limits.max_order_notional == 2500
        assert found.limits.price_collar is None
        assert found.fill_model.slippage_bps == Decimal("7.5")
        assert found.fill_model.participation == Decimal("0.125")
        assert found.fee_schedule == "none"
        assert found.margin_rate == Decimal("0.05")

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("slippage_bps", "1001"),
            ("slippage_bps", "0.00001"),
            ("latency_ms", "60001"),
            ("participation", "0"),
            ("participation", "101"),
            ("price_improvement", "1e400"),
            ("margin_rate", "NaN"),
            ("max_order_notional", "0"),
            ("max_order_quantity", "-1"),
            ("max_position_notional", "9" * 15),
            ("max_open_orders", "0"),
            ("price_collar", "-5"),
            ("max_margin_multiplier", "4"),
            ("fee_schedule", "free lunch"),
        ],
    )
    def test_refuses_nonsense_at_its_field_and_saves_nothing(self, desk, margin, field, value):
        address = reverse("trading:account_settings", args=[margin])
        before = account_of(margin)
        page = sent(
            desk, address, {**settings_of(desk.get(address)), "max_order_quantity": "77", field: value}
        )
        assert page.status_code == 200
        assert page.context["form"].errors.keys() == {field}
        assert account_of(margin) == before

    def test_limit_is_in_force_for_the_next_order(self, desk, account, trader, share):
        from trading.operations import OrderRefusedError

        address = reverse("trading:account_settings", args=[account])
        desk.post(address, {**settings_of(desk.get(address)), "max_order_quantity": "5"})
        with pytest.raises(OrderRefusedError) as refusal:
            buy(account, trader, share, 6)
        assert refusal.value.code == "max_order_quantity"


class TestKillSwitch:
    def test_stops_and_lets_go_again(self, desk, account, trader, share):
        from trading.operations import TradingHaltedError

        address = reverse("trading:account_switch", args=[account])
        assert desk.post(address, {"reason": "Holiday"}).status_code == 302
        text = desk.get(reverse("trading:account_page", args=[account])).content.decode()
        assert "takes no new orders" in text
        assert "Holiday" in text
        with pytest.raises(TradingHaltedError):
            buy(account, trader, share, 1)
        assert "takes no new orders since" in desk.get(address).content.decode()
        desk.post(address, {"on": "no"})
        assert buy(account, trader, share, 1).status == "filled"

    def test_the_sites_own_is_told(self, desk, account, trader):
        trader.is_superuser = True
        trader.save()
        set_kill_switch(on=True, actor=trader, reason="Maintenance.", now=clock.now())
        text = desk.get(reverse("trading:account_page", args=[account])).content.decode()
        assert "halted for the whole site" in text
        assert "Maintenance." in text


class TestReset:
    @pytest.fixture
    def used(self, account, trader, share):
        """An account with a position and an open order."""
        buy(account, trader, share, 3)
        buy(account, trader, share, 1, limit_price="50")
        return account

    def fields(self, desk, account, **given):
        page = desk.get(reverse("trading:account_reset", args=[account])).content.decode()
        token = re.search(r'name="form_token" value="([^"]+)"', page)[1]
        number = account_of(account).account_number
        return {"cash": "5000", "typed_number": number, "form_token": token, **given}

    def test_says_what_will_happen(self, desk, used):
        text = desk.get(reverse("trading:account_reset", args=[used])).content.decode()
        assert "<strong>1 open order</strong> is cancelled" in text
        assert "<strong>1 position</strong> (ACME) is gone" in text
        assert 'value="10000"' in text

    def test_takes_the_number_typed(self, desk, used):
        page = sent(
            desk, reverse("trading:account_reset", args=[used]), self.fields(desk, used, typed_number="PA1")
        )
        assert page.context["form"].errors.keys() == {"typed_number"}
        assert books.position_quantities(used)
        assert Order.objects.open().count() == 1

    def test_begins_anew_once_however_often_it_is_sent(self, desk, used, trader, share):
        fields = self.fields(desk, used)
        address = reverse("trading:account_reset", args=[used])
        assert desk.post(address, fields).status_code == 302
        buy(used, trader, share, 1)
        assert desk.post(address, fields).status_code == 302
        assert books.position_quantity(used, share.pk) == 1
        assert Order.objects.open().count() == 0
        assert Order.objects.count() == 3
        assert account_figures(used, now=clock.now()).equity == Decimal(5000) - Decimal("100.02") + Decimal(
            "100.02"
        )
        check_books()

    def test_refuses_impossible_cash(self, desk, used):
        page = sent(desk, reverse("trading:account_reset", args=[used]), self.fields(desk, used, cash="0"))
        assert "cash" in page.context["form"].errors

    def test_ids_stay_taken(self, desk, used, trader, share):
        from trading.operations import ClientOrderIdTakenError

        name = str(uuid.uuid4())
        buy(used, trader, share, 1, client_order_id=name)
        desk.post(reverse("trading:account_reset", args=[used]), self.fields(desk, used))
        with pytest.raises(ClientOrderIdTakenError):
            buy(used, trader, share, 2, client_order_id=name)
