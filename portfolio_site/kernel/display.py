"""The ground floor: how a page is shown to the one who asked for it: theme, privacy, locale.

A signed-in person's own settings count; a visitor's come from cookies and `Accept-Language`. The user is read
by attribute only, as the kernel knows no app.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from .formatting import DEFAULT_LOCALE, negotiate

if TYPE_CHECKING:
    from django.http import HttpRequest

THEMES: Final = ("auto", "light", "dark")
THEME_COOKIE: Final = "hf_theme"
PRIVACY_COOKIE: Final = "hf_privacy"


@dataclass(frozen=True, slots=True)
class Display:
    """What the frame of a page needs before its first paint."""

    theme: str = "auto"
    hide_amounts: bool = False
    locale: str = DEFAULT_LOCALE


DEFAULT: Final = Display()


def display_for(request: HttpRequest | None) -> Display:
    """Return the display settings for this request, worked out once; without a request, the defaults."""
    if request is None:
        return DEFAULT
    known: Display | None = getattr(request, "_hf_display", None)
    if known is None:
        known = _work_out(request)
        request._hf_display = known  # type: ignore[attr-defined]
    return known


def _work_out(request: HttpRequest) -> Display:
    user: Any = getattr(request, "user", None)
    if user is not None and user.is_authenticated:
        theme = getattr(user, "theme", "auto")
        hidden = bool(getattr(user, "hide_amounts", False))
        locale = getattr(user, "locale", "") or DEFAULT_LOCALE
    else:
        theme = request.COOKIES.get(THEME_COOKIE, "auto")
        hidden = request.COOKIES.get(PRIVACY_COOKIE) == "on"
        locale = negotiate(request.headers.get("Accept-Language", ""))
    return Display(theme if theme in THEMES else "auto", hidden, locale)
