"""Accounts: the three roles and what each may do in the administration pages.

Traders need no permission there: what they own is theirs by ownership. The table names apps, so that a new model of a
room is covered the day it is migrated.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Final


class Role(StrEnum):
    """A group of people with the same rights. The value is the name of the Django group."""

    TRADER = "Trader"
    ADMINISTRATOR = "Administrator"
    AUDITOR = "Auditor"

    @property
    def meaning(self) -> str:
        """What the role is for, in a sentence."""
        return _MEANINGS[self]

    @classmethod
    def among(cls, names: Iterable[str]) -> frozenset[Role]:
        """The roles among the names of groups."""
        known = set(names)
        return frozenset(role for role in cls if role.value in known)


_MEANINGS: Final[dict[Role, str]] = {
    Role.TRADER: "Owns portfolios and trades in them.",
    Role.ADMINISTRATOR: "Runs the site. Sees no password and moves no money.",
    Role.AUDITOR: "Reads everything and changes nothing.",
}

#: Roles that may open the administration pages.
STAFF_ROLES: Final[frozenset[Role]] = frozenset({Role.ADMINISTRATOR, Role.AUDITOR})

_ROOMS: Final[tuple[str, ...]] = (
    "accounts",
    "marketdata",
    "documents",
    "holdings",
    "trading",
    "reports",
    "notifications",
    "kernel",
    "account",
    "usersessions",
    "pghistory",
    "django_celery_beat",
)

#: Role -> app label -> permitted actions, or single codenames where a whole app would be too much.
PERMISSIONS: Final[dict[Role, dict[str, frozenset[str]]]] = {
    Role.TRADER: {},
    Role.ADMINISTRATOR: {
        **{app: frozenset({"view"}) for app in _ROOMS},
        "accounts": frozenset({"view", "change_user"}),
        "marketdata": frozenset({"view", "add", "change", "delete"}),
        "django_celery_beat": frozenset({"view", "add", "change", "delete"}),
    },
    Role.AUDITOR: {app: frozenset({"view"}) for app in _ROOMS},
}


def may(role: Role, *, app_label: str, codename: str) -> bool:
    """Say whether a role includes the permission `app_label.codename` (`"marketdata"`, `"change_instrument"`)."""
    allowed = PERMISSIONS[role].get(app_label, frozenset())
    return codename in allowed or codename.partition("_")[0] in allowed
