"""Accounts: how a person likes to see things."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from accounts.models import User
from portfolio_site.kernel.errors import DomainError

PREFERENCES = ("name", "time_zone", "locale", "base_currency", "theme", "hide_amounts")


class InvalidPreference(DomainError):
    """A value that is not offered."""

    code = "invalid_preference"
    status = 400


def update_preferences(*, user: User, **changes: Any) -> User:
    """Change some of `PREFERENCES` of a person. Unknown names raise `TypeError`, bad values `InvalidPreference`."""
    unknown = changes.keys() - set(PREFERENCES)
    if unknown:
        raise TypeError(f"not a preference: {', '.join(sorted(unknown))}")
    with transaction.atomic():
        locked = User.objects.select_for_update(of=("self",)).get(pk=user.pk)
        for name, value in changes.items():
            setattr(locked, name, value)
        try:
            locked.clean_fields(exclude=[f.name for f in User._meta.fields if f.name not in changes])
        except ValidationError as error:
            field, messages = next(iter(error.message_dict.items()))
            raise InvalidPreference(messages[0], field=field) from error
        if changes:
            locked.save(update_fields=list(changes))
    for name, value in changes.items():
        setattr(user, name, value)
    return user
