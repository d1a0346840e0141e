"""Fixtures of the kernel's tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from portfolio_site.kernel.events import registry, subscribe
from portfolio_site.kernel.tests.happenings import Happened


@pytest.fixture
def heard() -> Iterator[list[int]]:
    """A subscriber that notes the numbers it hears."""
    numbers: list[int] = []
    subscribe("kernel.tests.ear", Happened, lambda item, _: numbers.append(item.number))
    yield numbers
    registry._handlers.pop("kernel.tests.happened", None)


@pytest.fixture
def forget() -> Iterator[None]:
    """What a test subscribes is gone after it."""
    yield
    registry._handlers.pop("kernel.tests.happened", None)
