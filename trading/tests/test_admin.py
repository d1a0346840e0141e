"""Orders in the administration pages: found, shown, never changed."""

import pytest
from django.contrib.auth import get_user_model
from django.urls import reverse

from trading.models import ApiKey, Fill, TradeEvent
from trading.operations import create_api_key
from trading.tests.support import NOW


@pytest.fixture
def boss(db, client, settings):
    settings.STAFF_SECOND_FACTOR = False
    client.force_login(get_user_model().objects.create_superuser(email="boss@example.com", password="x"))
    return client


def test_orders_and_fills_can_be_found_and_read(boss, place):
    placed = place(client_order_id="mine")
    fill = Fill.objects.get()
    for name, args, query in (
        ("order_changelist", [], {"q": "mine"}),
        ("order_changelist", [], {"q": "ACME"}),
        ("order_change", [placed.id], {}),
        ("fill_changelist", [], {"q": str(placed.id)}),
        ("fill_change", [fill.id], {}),
    ):
        page = boss.get(reverse(f"admin:trading_{name}", args=args), query)
        assert page.status_code == 200
        assert str(placed.id)[:8] in page.content.decode()


def test_nothing_can_be_added_changed_or_deleted(boss, place):
    placed = place()
    assert boss.get(reverse("admin:trading_order_add")).status_code == 403
    assert boss.post(reverse("admin:trading_order_delete", args=[placed.id])).status_code == 403
    assert (
        boss.post(reverse("admin:trading_order_change", args=[placed.id]), {"quantity": "5"}).status_code
        == 403
    )


@pytest.fixture
def key(account, trader):
    issued = create_api_key(portfolio_id=account, actor=trader, name="My bot", rate_limit=200, now=NOW)
    return issued.key, issued.secret


def test_keys_are_found_without_their_secret(boss, key):
    row, secret = key
    listed = boss.get(reverse("admin:trading_apikey_changelist"), {"q": row.key_id})
    shown = boss.get(reverse("admin:trading_apikey_change", args=[row.pk]))
    for page in (listed, shown):
        assert page.status_code == 200
        text = page.content.decode()
        assert row.key_id in text
        assert secret not in text
        assert ApiKey.objects.get().digest not in text


def test_the_log_of_trades_is_read(boss, place):
    placed = place()
    listed = boss.get(reverse("admin:trading_tradeevent_changelist"), {"q": str(placed.id)})
    assert listed.content.decode().count(str(placed.id)) >= 2
    event = TradeEvent.objects.order_by("-pk").first()
    shown = boss.get(reverse("admin:trading_tradeevent_change", args=[event.pk]))
    assert shown.status_code == 200
    assert str(placed.id) in shown.content.decode()


def test_neither_keys_nor_the_log_are_changed_here(boss, key, place):
    place()
    row, _ = key
    event = TradeEvent.objects.order_by("-pk").first()
    for name, pk in (("apikey", row.pk), ("tradeevent", event.pk)):
        assert boss.get(reverse(f"admin:trading_{name}_add")).status_code == 403
        assert boss.post(reverse(f"admin:trading_{name}_delete", args=[pk])).status_code == 403
        assert boss.post(reverse(f"admin:trading_{name}_change", args=[pk]), {"name": "x"}).status_code == 403


def test_lists_do_not_ask_for_each_row(boss, place, key, django_assert_max_num_queries):
    for _ in range(4):
        place()
    with django_assert_max_num_queries(9):
        boss.get(reverse("admin:trading_tradeevent_changelist"))
    with django_assert_max_num_queries(9):
        boss.get(reverse("admin:trading_apikey_changelist"))
