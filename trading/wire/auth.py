"""The wire: who asks. A key pair in headers, as a bearer token, or as HTTP basic authentication."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from django.http import HttpRequest

from trading.queries import KeyHolder, holder_of
from trading.wire.errors import unauthorized


def credentials_of(request: HttpRequest) -> tuple[str, str] | None:
    """Key id and secret as sent, by whichever way; None when there are none.

    A bearer token is key id and secret with a colon between them. Raises ``WireError`` (401) for a header that cannot
    be read.
    """
    key_id = request.META.get("HTTP_APCA_API_KEY_ID")
    secret = request.META.get("HTTP_APCA_API_SECRET_KEY")
    if key_id or secret:
        return key_id or "", secret or ""
    header = request.META.get("HTTP_AUTHORIZATION")
    if not header:
        return None
    scheme, _, value = header.partition(" ")
    if scheme.lower() == "bearer":
        return pair_of(value.strip())
    if scheme.lower() == "basic":
        try:
            decoded = base64.b64decode(value.strip(), validate=True).decode("ascii")
        except (binascii.Error, ValueError):
            raise unauthorized() from None
        return pair_of(decoded)
    raise unauthorized()


def pair_of(token: str) -> tuple[str, str]:
    """The two halves of ``key:secret``."""
    key_id, _, secret = token.partition(":")
    return key_id, secret


def holder_for(request: HttpRequest) -> KeyHolder | None:
    """Whoever the request's key pair speaks for; None when it brings none. One statement.

    Raises ``WireError`` (401) for a pair that opens nothing.
    """
    pair = credentials_of(request)
    if pair is None:
        return None
    holder = holder_of(key_id=pair[0], secret=pair[1])
    if holder is None:
        raise unauthorized()
    return holder


def holder_by(key_id: Any, secret: Any) -> KeyHolder | None:
    """The same for a socket's first message; None for anything that is no good pair."""
    if not isinstance(key_id, str) or not isinstance(secret, str):
        return None
    return holder_of(key_id=key_id, secret=secret)
