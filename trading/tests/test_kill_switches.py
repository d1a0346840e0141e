"""Kill switches: what stops new orders, for whom, and that cancels go on working."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group
from django.urls import reverse

from trading.models import InstrumentTerms, SiteControl
from trading.operations import (
    AdministratorsOnlyError,
    OrderRefusedError,
    PortfolioUnknownError,
    TradingHaltedError,
    cancel_order,
    close_position,
    match_resting_orders,
    set_instrument_status,
    set_kill_switch,
    update_configuration,
)
from trading.queries import account_of, visible_order
from trading.tests.support import NOW, later, make_user, set_quote


@pytest.fixture
def administrator(db):
    user = make_user("admin")
    user.groups.add(Group.objects.get_or_create(name="Administrator")[0])
    user.is_staff = True
    user.save()
    return user


def refusal_of(call, **terms):
    with pytest.raises(OrderRefusedError) as caught:
        call(**terms)
    return caught.value


class TestSite:
    def test_stops_new_orders_of_everybody_and_lets_cancels_through(self, place, trader, administrator):
        resting = place(limit_price="50")
        set_kill_switch(on=True, actor=administrator, reason="Maintenance until noon.", now=NOW)
        refusal = refusal_of(place)
        assert isinstance(refusal, TradingHaltedError)
        assert (refusal.code, refusal.status) == ("site_halted", 403)
        assert refusal.message.endswith("Maintenance until noon.")
        assert cancel_order(order_id=resting.id, actor=trader, now=later()).status == "canceled"
        set_kill_switch(on=False, actor=administrator, now=NOW)
        assert place().status == "filled"

    def test_known_order_is_still_answered(self, place, administrator):
        first = place(client_order_id="mine")
        set_kill_switch(on=True, actor=administrator, now=NOW)
        assert place(client_order_id="mine").id == first.id

    @pytest.mark.parametrize("who", ["trader", "auditor"])
    def test_is_for_administrators(self, request, who):
        with pytest.raises(AdministratorsOnlyError):
            set_kill_switch(on=True, actor=request.getfixturevalue(who), now=NOW)
        assert not SiteControl.objects.filter(is_halted=True).exists()


class TestAccount:
    def test_its_owner_and_an_administrator_may_throw_it(self, place, account, trader, administrator):
        for actor in (trader, administrator):
            set_kill_switch(on=True, actor=actor, portfolio_id=account, reason="Enough.", now=NOW)
            assert refusal_of(place).code == "account_blocked"
            assert account_of(account).is_blocked
            set_kill_switch(on=False, actor=actor, portfolio_id=account, now=NOW)
        assert place().status == "filled"

    def test_nobody_else(self, account, outsider):
        with pytest.raises(PortfolioUnknownError):
            set_kill_switch(on=True, actor=outsider, portfolio_id=account, now=NOW)

    def test_suspension_by_configuration(self, place, account, trader):
        update_configuration(portfolio_id=account, actor=trader, suspend_trade=True, now=NOW)
        assert refusal_of(place).code == "trading_suspended"


class TestInstrument:
    def test_halted_takes_no_orders_and_fills_none(self, place, trader, share, administrator):
        resting = place(quantity=1, limit_price="99")
        set_instrument_status(
            instrument_id=share.pk, status="halted", actor=administrator, reason="News pending."
        )
        assert refusal_of(place).code == "instrument_halted"
        set_quote(share, "97", "98", at=later())
        match_resting_orders(instrument_ids=[share.pk], now=later())
        assert visible_order(trader, resting.id).status == "new"
        set_instrument_status(instrument_id=share.pk, status="normal", actor=administrator)
        match_resting_orders(instrument_ids=[share.pk], now=later())
        assert visible_order(trader, resting.id).status == "filled"

    def test_restricted_can_only_be_closed(self, place, account, trader, share, administrator):
        place(quantity=5)
        set_instrument_status(instrument_id=share.pk, status="close_only", actor=administrator)
        assert refusal_of(place).code == "instrument_close_only"
        closed = close_position(portfolio_id=account, actor=trader, instrument_id=share.pk, now=later())
        assert closed.status == "filled"

    def test_is_for_administrators(self, trader, share):
        with pytest.raises(AdministratorsOnlyError):
            set_instrument_status(instrument_id=share.pk, status="halted", actor=trader)
        assert not InstrumentTerms.objects.exists()


class TestAdministrationPages:
    def test_administrator_throws_the_switch_of_the_site(self, client, administrator):
        client.force_login(administrator)
        url = reverse("admin:trading_sitecontrol_add")
        answer = client.post(url, {"is_halted": "on", "reason": "Fire drill."})
        assert answer.status_code == 302
        row = SiteControl.objects.get()
        assert (row.is_halted, row.reason, row.changed_by) == (True, "Fire drill.", administrator)

    def test_auditor_only_looks(self, client, auditor):
        auditor.is_staff = True
        auditor.save()
        client.force_login(auditor)
        assert client.post(reverse("admin:trading_sitecontrol_add"), {"is_halted": "on"}).status_code == 403

    def test_accounts_are_blocked_by_an_action(self, client, administrator, account):
        client.force_login(administrator)
        row = account_of(account)
        client.post(
            reverse("admin:trading_tradingaccount_changelist"),
            {"action": "block", "_selected_action": [str(row.id)]},
        )
        assert account_of(account).is_blocked
