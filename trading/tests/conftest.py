"""Fixtures of the counter's tests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Group

from marketdata.models import Instrument
from trading.queries import OrderView
from trading.tests.support import make_account, make_instrument, make_user, order, set_quote


@pytest.fixture
def trader(db: None) -> Any:
    """The person whose orders these are."""
    return make_user("trader")


@pytest.fixture
def outsider(db: None) -> Any:
    """Somebody else."""
    return make_user("outsider")


@pytest.fixture
def auditor(db: None) -> Any:
    """Somebody who may look at everything."""
    user = make_user("auditor")
    user.groups.add(Group.objects.get_or_create(name="Auditor")[0])
    return user


@pytest.fixture
def share(db: None) -> Instrument:
    """A share at 100.00 to 100.02."""
    instrument = make_instrument("ACME")
    set_quote(instrument, "100.00", "100.02")
    return instrument


@pytest.fixture
def account(trader: Any) -> int:
    """The trader's paper account with 10 000 USD."""
    return make_account(trader)


@pytest.fixture
def place(account: int, trader: Any, share: Instrument) -> Callable[..., OrderView]:
    """Place an order of the trader for the share."""
    return lambda **terms: order(account, trader, share, **terms)
