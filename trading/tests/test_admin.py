"""Orders in the administration pages: found, shown, never changed."""

import pytest
from django.contrib.auth import get_user_model
from django.urls import reverse

from trading.models import Fill


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
