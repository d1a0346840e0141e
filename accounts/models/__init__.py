"""Accounts: the tables. People, their API tokens, what happened to their access, and the audit trail of all three."""

from accounts.models.audit import ApiTokenEvent, RoleEvent, UserEvent, UserRole
from accounts.models.security import SecurityEvent, SecurityEventQuerySet
from accounts.models.tokens import SCOPES, ApiToken, ApiTokenQuerySet, access_for
from accounts.models.user import (
    Locale,
    LowerCaseEmailField,
    Theme,
    User,
    UserManager,
    validate_currency,
    validate_locale,
    validate_time_zone,
)

__all__ = [
    "SCOPES",
    "ApiToken",
    "ApiTokenEvent",
    "ApiTokenQuerySet",
    "Locale",
    "LowerCaseEmailField",
    "RoleEvent",
    "SecurityEvent",
    "SecurityEventQuerySet",
    "Theme",
    "User",
    "UserEvent",
    "UserManager",
    "UserRole",
    "access_for",
    "validate_currency",
    "validate_locale",
    "validate_time_zone",
]
