"""Orders while Valkey hangs: taken and filled; one of them waits for it, not each, and not for each use that is made of it."""

from __future__ import annotations

from typing import Any

import pytest

from marketdata.models import Instrument
from portfolio_site.kernel import valkey, whispering
from portfolio_site.kernel.models import OutboxEvent
from tests.support.own_valkey import OwnValkey
from trading.wire.tests.support import Bot

_ORDER = {"symbol": "ACME", "qty": "1", "side": "buy", "type": "market", "time_in_force": "day"}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("was_used", [False, True], ids=["from the start", "in the middle"])
def test_one_order_waits_for_it_and_all_are_filled(
    bot: Bot,
    share: Instrument,
    own_valkey: OwnValkey,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
    was_used: bool,
) -> None:
    settings.REDIS_LOCATION = own_valkey.url
    settings.CACHES = {"default": {**settings.CACHES["default"], "LOCATION": own_valkey.url}}
    settings.CELERY_TASK_ALWAYS_EAGER = False
    monkeypatch.setattr(valkey, "PAUSE_SECONDS", 60.0)
    monkeypatch.setattr(valkey, "LONGEST_PAUSE_SECONDS", 60.0)
    ear = own_valkey.client().pubsub()
    ear.subscribe("hf:outbox")
    assert ear.get_message(timeout=5)["type"] == "subscribe"
    if was_used:
        assert bot.send("POST", "/v2/orders", _ORDER).status_code == 200
    else:
        whispering.forget_listeners()
    uses = list(valkey._outages)
    before = sum(use.failures for use in uses)
    own_valkey.freeze()
    try:
        answers = [bot.send("POST", "/v2/orders", _ORDER) for _ in range(6)]
    finally:
        own_valkey.thaw()
    assert [answer.json()["status"] for answer in answers] == ["filled"] * 6
    # Each failure is one time-out that somebody waited for.
    assert sum(use.failures for use in uses) - before == 1
    # What nobody was told of waits for whoever looks next.
    assert OutboxEvent.objects.filter(dispatched_at=None, name="trading.order_filled").count() >= 6
