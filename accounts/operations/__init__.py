"""Accounts: everything that changes who may do what here. Pages, API, admin and commands call these."""

from accounts.operations.access import (
    Erased,
    OwnAccess,
    RolesClash,
    StaffOnly,
    UserNotFound,
    end_sessions,
    reactivate_user,
    resend_verification,
    reset_second_factors,
    set_roles,
    suspend_user,
)
from accounts.operations.closing import NotConfirmed, close_account
from accounts.operations.preferences import InvalidPreference, update_preferences
from accounts.operations.registration import EmailTaken, invite_user, register_user, welcome_user
from accounts.operations.security import note_export, record
from accounts.operations.sign_in import (
    AccountSuspended,
    EmailNotVerified,
    SecondFactorRefused,
    SecondFactorRequired,
    SignInRefused,
    TooManyAttempts,
    sign_in_by_password,
)
from accounts.operations.tokens import (
    IssuedToken,
    TooManyTokens,
    create_token,
    note_token_use,
    revoke_token,
)
from accounts.queries import TokenNotFound

__all__ = [
    "AccountSuspended",
    "EmailNotVerified",
    "EmailTaken",
    "Erased",
    "InvalidPreference",
    "IssuedToken",
    "NotConfirmed",
    "OwnAccess",
    "RolesClash",
    "SecondFactorRefused",
    "SecondFactorRequired",
    "SignInRefused",
    "StaffOnly",
    "TokenNotFound",
    "TooManyAttempts",
    "TooManyTokens",
    "UserNotFound",
    "close_account",
    "create_token",
    "end_sessions",
    "invite_user",
    "note_export",
    "note_token_use",
    "reactivate_user",
    "record",
    "register_user",
    "resend_verification",
    "reset_second_factors",
    "revoke_token",
    "set_roles",
    "sign_in_by_password",
    "suspend_user",
    "update_preferences",
    "welcome_user",
]
