"""The bell: what a message is, and what kinds there are. One line here and one file in ``sources/`` make a new kind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What one person is told of one event.

    ``refresh`` names the regions of open pages that show something else now (docs/live.md). ``is_kept``: it goes to the
    inbox; without that it is only shown where a page is open.
    """

    user_id: int
    kind: str
    title: str
    body: str = ""
    url: str = ""
    level: str = "info"
    refresh: Sequence[str] = ()
    is_kept: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of message: its code, its name in the settings, and whether a person may switch it off."""

    code: str
    label: str
    group: str
    may_be_off: bool = True


KINDS: Final[tuple[Kind, ...]] = (
    Kind(code="order.accepted", label="Order accepted", group="Orders"),
    Kind(code="order.routed", label="Order begins to work", group="Orders"),
    Kind(code="order.triggered", label="Stop reached", group="Orders"),
    Kind(code="order.partially_filled", label="Order partly filled", group="Orders"),
    Kind(code="order.filled", label="Order filled", group="Orders"),
    Kind(code="order.canceled", label="Order cancelled", group="Orders"),
    Kind(code="order.rejected", label="Order rejected", group="Orders"),
    Kind(code="order.expired", label="Order expired", group="Orders"),
    Kind(code="order.replaced", label="Order replaced", group="Orders"),
    Kind(code="account.margin_call", label="Margin calls", group="Orders", may_be_off=False),
    Kind(code="import.finished", label="Import finished or undone", group="Portfolios"),
    Kind(code="report.ready", label="Report ready", group="Reports"),
    Kind(code="report.failed", label="Report failed", group="Reports"),
    Kind(
        code="security.noticed", label="Changes to your sign-in and keys", group="Security", may_be_off=False
    ),
)
BY_CODE: Final[dict[str, Kind]] = {kind.code: kind for kind in KINDS}
