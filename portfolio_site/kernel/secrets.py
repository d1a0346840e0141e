"""The ground floor: secrets that have to be used again (keys of a broker) lie encrypted in the database.

The key comes from `ENCRYPTION_KEYS` (Fernet keys, the newest first) or, where none is set, is made from `SECRET_KEY`.
Everything is written with the newest key and read with any of them, so that a key can be changed without losing anything.
"""

import base64
import hashlib
import json
from collections.abc import Mapping

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings

__all__ = ["SecretUnreadableError", "seal", "sealed_anew", "unseal"]


class SecretUnreadableError(Exception):
    """None of the site's keys opens a secret: it was sealed under one that is gone."""


def seal(values: Mapping[str, str], *, purpose: str) -> str:
    """Encrypt some values under the newest key. What is sealed for one `purpose` does not open for another."""
    body = json.dumps({"for": purpose, "values": dict(values)}, separators=(",", ":"))
    return _cipher().encrypt(body.encode()).decode()


def unseal(token: str, *, purpose: str) -> dict[str, str]:
    """The values that `seal` took. Raises `SecretUnreadableError`."""
    try:
        found = json.loads(_cipher().decrypt(token.encode()))
    except (InvalidToken, ValueError):
        # Without the cause: a traceback of it would carry the token.
        raise SecretUnreadableError("No key of this site opens the secret.") from None
    if found.get("for") != purpose:
        raise SecretUnreadableError("The secret was kept for something else.")
    return dict(found["values"])


def sealed_anew(token: str) -> str:
    """The same secret under the newest key. Raises `SecretUnreadableError`."""
    try:
        return _cipher().rotate(token.encode()).decode()
    except InvalidToken:
        raise SecretUnreadableError("No key of this site opens the secret.") from None


def _cipher() -> MultiFernet:
    """The newest key first; those made from `SECRET_KEY` last, so that setting keys for the first time loses nothing."""
    keys = [Fernet(key) for key in settings.ENCRYPTION_KEYS]
    derived = [_derived(str(secret)) for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)]
    return MultiFernet([*keys, *derived])


def _derived(secret: str) -> Fernet:
    digest = hashlib.sha256(b"holdfast.kernel.secrets:" + secret.encode()).digest()
    return Fernet(base64.urlsafe_b64encode(digest))
