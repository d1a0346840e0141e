"""Where keys for Alpaca may be sent: its own addresses, and hosts that the site's administrator has named."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

HOSTS: Final = {"paper": "https://paper-api.alpaca.markets", "live": "https://api.alpaca.markets"}


class BaseUrlRefused(ValueError):
    """An address that this site does not send keys to."""


def base_url_of(environment: str, override: str, *, allowed_hosts: list[str]) -> str:
    """The address to speak to: Alpaca's own, or ``override`` where its host (with its port, if it names one) is among
    ``allowed_hosts``. Raises ``BaseUrlRefused`` with a sentence for any other."""
    if not override:
        return HOSTS[environment]
    text = override.strip().rstrip("/")
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise BaseUrlRefused("That is not an address.") from None
    if text == HOSTS[environment]:
        return text
    if parts.username or parts.password or parts.query or parts.fragment or not text.isascii():
        raise BaseUrlRefused("Give the address alone: no names, passwords or queries in it.")
    if any(char in text for char in "\\%@ ") or not host or parts.scheme not in ("http", "https"):
        raise BaseUrlRefused("Give an address that begins with https://.")
    names = {name.strip().lower() for name in allowed_hosts if name.strip()}
    if (host if port is None else f"{host}:{port}") not in names:
        raise BaseUrlRefused(
            "This site sends keys to Alpaca's own addresses only. The administrator can allow others (BROKER_ALLOWED_HOSTS)."
        )
    return text
