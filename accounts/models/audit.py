"""Accounts: the audit trail. The database writes a row here, by trigger, whenever a user, a role or a token changes.

The rows cannot be changed or deleted, and they carry their context (who was signed in, from where, in which request)
themselves. Password hashes, token digests and the time of the last sign-in are not copied.
"""

from __future__ import annotations

import pghistory

from accounts.models.tokens import ApiToken
from accounts.models.user import User


class UserRole(User.groups.through):
    """Membership of a person in a role."""

    class Meta:
        proxy = True


_UserEventBase = pghistory.create_event_model(
    User,
    pghistory.InsertEvent("user.created"),
    pghistory.UpdateEvent("user.changed"),
    pghistory.DeleteEvent("user.deleted"),
    exclude=["password", "last_login", "session_epoch"],
    append_only=True,
    context_field=pghistory.ContextJSONField(),
    obj_field=pghistory.ObjForeignKey(related_name="+"),
    model_name="AbstractUserEvent",
)


class UserEvent(_UserEventBase):  # type: ignore[misc, valid-type]
    """A user as they were after a change."""

    class Meta(_UserEventBase.Meta):
        verbose_name = "change of a user"
        verbose_name_plural = "changes of users"


_RoleEventBase = pghistory.create_event_model(
    UserRole,
    pghistory.InsertEvent("role.given"),
    pghistory.DeleteEvent("role.taken"),
    append_only=True,
    context_field=pghistory.ContextJSONField(),
    obj_field=None,  # type: ignore[arg-type]
    model_name="AbstractRoleEvent",
)


class RoleEvent(_RoleEventBase):  # type: ignore[misc, valid-type]
    """A role given to a person, or taken away."""

    class Meta(_RoleEventBase.Meta):
        verbose_name = "change of roles"
        verbose_name_plural = "changes of roles"


_ApiTokenEventBase = pghistory.create_event_model(
    ApiToken,
    pghistory.InsertEvent("token.created"),
    pghistory.UpdateEvent("token.changed"),
    pghistory.DeleteEvent("token.deleted"),
    exclude=["digest", "last_used_at"],
    append_only=True,
    context_field=pghistory.ContextJSONField(),
    obj_field=pghistory.ObjForeignKey(related_name="+"),
    model_name="AbstractApiTokenEvent",
)


class ApiTokenEvent(_ApiTokenEventBase):  # type: ignore[misc, valid-type]
    """An API token as it was after a change."""

    class Meta(_ApiTokenEventBase.Meta):
        verbose_name = "change of an API token"
        verbose_name_plural = "changes of API tokens"
