"""Accounts: what other rooms may want to hear."""

from dataclasses import dataclass

from portfolio_site.kernel.events import Event, event


@event("accounts.user_registered")
@dataclass(frozen=True, slots=True, kw_only=True)
class UserRegistered(Event):
    """Somebody has an account now."""

    user_id: int


@event("accounts.access_ended")
@dataclass(frozen=True, slots=True, kw_only=True)
class AccessEnded(Event):
    """A person's open sessions are no longer good: suspended, closed, or signed out everywhere.

    `reason` is `suspended`, `closed` or `sessions_ended`. Live sockets of the person are to be closed.
    """

    user_id: int
    reason: str


@event("accounts.security_noticed")
@dataclass(frozen=True, slots=True, kw_only=True)
class SecurityNoticed(Event):
    """Something happened to a person's access that they should hear about wherever they are signed in.

    `kind` is a `SecurityEvent.Kind` value, `title` the same in words.
    """

    user_id: int
    kind: str
    title: str
    detail: str
