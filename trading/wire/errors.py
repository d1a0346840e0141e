"""The wire's refusals: ``{"code": …, "message": …, …details}`` with the codes that programs know."""

from __future__ import annotations

from typing import Any

BAD_REQUEST = 40010000
INVALID_FIELD = 40010001
UNAUTHORIZED = 40110000
FORBIDDEN = 40310000
NOT_FOUND = 40410000
METHOD_NOT_ALLOWED = 40510000
TOO_LARGE = 41310000
RULE_VIOLATION = 42210000
TOO_MANY = 42910000
INTERNAL = 50010000
UNAVAILABLE = 50310000

#: SDKs read the code as a number of eight digits; the first three repeat the status, INVALID_FIELD aside (422).
_STATUS = {INVALID_FIELD: 422}


class WireError(Exception):
    """An answer other than success. ``details`` stand beside code and message; numbers in them are strings."""

    def __init__(
        self,
        code: int,
        message: str,
        *,
        status: int | None = None,
        headers: dict[str, str] | None = None,
        **details: Any,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status or _STATUS.get(code) or code // 100_000
        self.headers = headers or {}
        self.details = details

    @property
    def body(self) -> dict[str, Any]:
        """What is answered."""
        return {**self.details, "code": self.code, "message": self.message}


def invalid(message: str, **details: Any) -> WireError:
    """A field is missing or cannot be what it was given as: 422, 40010001."""
    return WireError(INVALID_FIELD, message, **details)


def bad_request(message: str, **details: Any) -> WireError:
    """The request cannot be read: 400, 40010000."""
    return WireError(BAD_REQUEST, message, **details)


def unauthorized(message: str = "request is not authorized") -> WireError:
    """No key pair, or not a good one: 401, 40110000."""
    return WireError(UNAUTHORIZED, message)


def forbidden(message: str, **details: Any) -> WireError:
    """The state of the account does not allow it: 403, 40310000."""
    return WireError(FORBIDDEN, message, **details)


def not_found(message: str, **details: Any) -> WireError:
    """There is no such thing, or it is another account's: 404, 40410000."""
    return WireError(NOT_FOUND, message, **details)


def rule_violation(message: str, **details: Any) -> WireError:
    """The rules of the market or the order's state do not allow it: 422, 42210000."""
    return WireError(RULE_VIOLATION, message, **details)
