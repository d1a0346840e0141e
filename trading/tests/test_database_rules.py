"""What the database itself refuses, whatever the code above it does."""

import uuid

import pytest
from django.apps import apps
from django.db import DatabaseError, IntegrityError, transaction

from portfolio_site.kernel.audit import audit_context
from trading.models import Fill, Order
from trading.operations import cancel_order
from trading.tests.support import NOW


def row(account, trader, share, **changes):
    fields = {
        "portfolio_id": account,
        "instrument": share,
        "client_order_id": str(uuid.uuid4()),
        "side": "buy",
        "type": "limit",
        "time_in_force": "day",
        "quantity": 10,
        "limit_price": 5,
        "position_intent": f"{changes.get('side', 'buy')}_to_{'close' if changes.get('side') == 'sell' else 'open'}",
        "currency": "USD",
        "status": "new",
        "reserved_cash": 50,
        "placed_by": trader,
        "submitted_at": NOW,
        "updated_at": NOW,
    }
    return Order(**{**fields, **changes})


@pytest.mark.parametrize(
    ("changes", "constraint"),
    [
        ({"client_order_id": ""}, "client_id_given"),
        ({"side": "hold"}, "(side_known|reserves_its_kind|intent_fits_side)"),
        ({"status": "weird"}, "(status_known|end_releases_all)"),
        ({"time_in_force": "gtd"}, "tif_known"),
        ({"order_class": "mleg"}, "class_known"),
        ({"position_intent": "sell_to_close"}, "(intent_fits_side|reserves_its_kind)"),
        ({"type": "stop_limit"}, "stop_iff_stop"),
        ({"stop_price": 4}, "stop_iff_stop"),
        ({"trail_percent": 4}, "trail_iff_trailing"),
        ({"type": "trailing_stop", "limit_price": None}, "trail_iff_trailing"),
        ({"notional": 0}, "notional_positive"),
        ({"status": "replaced", "reserved_cash": 0}, "replaced_by_one"),
        ({"limit_price": None}, "limit_iff_limit"),
        ({"type": "market"}, "limit_iff_limit"),
        ({"limit_price": 0}, "limit_iff_limit"),
        ({"quantity": 0}, "(quantity_positive|filled_iff_all)"),
        ({"filled_quantity": 11, "filled_avg_price": 5}, "(filled_within|filled_iff_all)"),
        ({"status": "filled", "reserved_cash": 0}, "filled_iff_all"),
        ({"filled_quantity": 10, "filled_avg_price": 5}, "filled_iff_all"),
        ({"filled_quantity": 1}, "average_iff_filled"),
        ({"filled_avg_price": 1}, "average_iff_filled"),
        ({"reserved_cash": -1}, "reserves_its_kind"),
        ({"reserved_quantity": 1}, "reserves_its_kind"),
        ({"side": "sell", "reserved_cash": 1}, "reserves_its_kind"),
        ({"side": "sell", "reserved_cash": 0, "reserved_quantity": 11}, "reserves_its_kind"),
        ({"status": "canceled"}, "end_releases_all"),
    ],
)
def test_impossible_order_is_refused(account, trader, share, changes, constraint):
    with pytest.raises(IntegrityError, match=f"trading_order_{constraint}"), transaction.atomic():
        row(account, trader, share, **changes).save(force_insert=True)


def test_possible_order_is_taken(account, trader, share):
    row(account, trader, share).save(force_insert=True)
    assert Order.objects.count() == 1


def test_fills_are_facts(place):
    place()
    with pytest.raises(DatabaseError, match="Cannot update or delete"), transaction.atomic():
        Fill.objects.update(price=1)
    with pytest.raises(DatabaseError, match="Cannot update or delete"), transaction.atomic():
        Fill.objects.all().delete()


def test_every_version_of_an_order_is_kept(place, trader):
    placed = place(limit_price="50")
    cancel_order(order_id=placed.id, actor=trader, now=NOW)
    versions = apps.get_model("trading", "OrderEvent").objects.filter(pgh_obj_id=placed.id).order_by("pgh_id")
    assert [version.status for version in versions] == ["new", "canceled"]


def test_who_changed_an_order_is_kept_with_its_version_and_cannot_be_rewritten(place):
    with audit_context(user=7, ip="192.0.2.1"):
        placed = place(limit_price="50")
    with audit_context(user=8):
        pass
    (version,) = apps.get_model("trading", "OrderEvent").objects.filter(pgh_obj_id=placed.id)
    assert version.pgh_context == {"user": 7, "ip": "192.0.2.1"}
    with pytest.raises(DatabaseError, match="Cannot update or delete"), transaction.atomic():
        type(version).objects.update(pgh_context={"user": 9})


def test_who_places_an_order_is_told_with_its_lock(place, trader):
    with audit_context(deferred=True, user=7):
        placed = place(limit_price="50")
        cancel_order(order_id=placed.id, actor=trader, now=NOW)
    versions = apps.get_model("trading", "OrderEvent").objects.filter(pgh_obj_id=placed.id)
    assert [version.pgh_context for version in versions] == [{"user": 7}] * 2
    assert len({version.pgh_context_id for version in versions}) == 1
