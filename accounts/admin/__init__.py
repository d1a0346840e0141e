"""Accounts: the administration pages of people, their tokens, and the audit trail."""

from accounts.admin import allauth_models, audit, users

__all__ = ["allauth_models", "audit", "users"]
