"""The fixtures of the tests of splits and dividends that became known."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from holdings.models import Portfolio
from holdings.tests.support import (
    make_portfolio,
    post,
)
from marketdata.models import Instrument


@pytest.fixture
def share(acme: Instrument) -> Instrument:
    """ACME, with closes and rates."""
    return acme


@pytest.fixture
def portfolio(owner: Any, share: Instrument, deliver_events: Callable[[], Any]) -> Portfolio:
    """10 ACME since January, in dollars."""
    made = make_portfolio(owner, base_currency="USD")
    post(made, "buy", "2026-01-05", instrument_id=share.pk, quantity="10", price="100")
    deliver_events()
    return made
