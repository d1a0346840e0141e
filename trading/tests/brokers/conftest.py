"""The fixtures of the tests of orders at a broker."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from portfolio_site.kernel import clock
from trading import operations, tasks
from trading.tests.brokers.support import Desk, connect
from trading.tests.support import make_instrument, make_user, set_quote
from trading.wire.tests.support import make_bot


@pytest.fixture(autouse=True)
def _sent_by_the_test_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The task that sends after each commit stays away: the tests say when."""
    monkeypatch.setattr(tasks.send_to_broker, "apply_async", lambda **_: None)


@pytest.fixture
def desk(live_site: Any, settings: Any) -> Desk:
    """An account of 100 000 USD at the broker, connected and opened here."""
    share = make_instrument("ACME", quantity_step=Decimal(1))
    set_quote(share, "100.00", "100.02", at=clock.now())
    user, remote = make_user("trader"), make_bot()
    connection_id = connect(user, remote, live_site, settings)
    portfolio_id = operations.open_broker_account(
        connection_id=connection_id, actor=user, name="At the broker", clock=clock.now
    )
    return Desk(user=user, connection_id=connection_id, portfolio_id=portfolio_id, share=share, remote=remote)
