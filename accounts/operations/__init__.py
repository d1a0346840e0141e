"""Accounts: everything that changes who may do what here. Pages, API, admin and commands call these."""

from accounts.operations.access import (
    OwnAccess,
    RolesClash,
    StaffOnly,
    UserNotFound,
    end_sessions,
    reactivate_user,
    reset_second_factors,
    resend_verification,
    set_roles,
    suspend_user,
)
from accounts.operations.closing import NotConfirmed, close_account
from accounts.operations.preferences import InvalidPreference, update_preferences
from accounts.operations.registration import EmailTaken, register_user, welcome_user
from accounts.operations.security import record
from accounts.operations.tokens import (
    IssuedToken,
    TokenNotFound,
    TooManyTokens,
    create_token,
    note_token_use,
    revoke_token,
)

__all__ = [
    "EmailTaken",
    "InvalidPreference",
    "IssuedToken",
    "NotConfirmed",
    "OwnAccess",
    "RolesClash",
    "StaffOnly",
    "TokenNotFound",
    "TooManyTokens",
    "UserNotFound",
    "close_account",
    "create_token",
    "end_sessions",
    "note_token_use",
    "reactivate_user",
    "record",
    "register_user",
    "resend_verification",
    "reset_second_factors",
    "revoke_token",
    "set_roles",
    "suspend_user",
    "update_preferences",
    "welcome_user",
]
