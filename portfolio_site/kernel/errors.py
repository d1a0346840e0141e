"""The ground floor: refusals. An operation that cannot be done raises one of these, or a subclass beside it."""

from typing import Any


class DomainError(Exception):
    """A request the books, the counter or another room refuses.

    `code` is stable and for programs, `message` a sentence for people, `field` the input it is about (None for
    the whole), `status` the HTTP status that says it best, `details` further JSON-able facts.
    """

    code = "refused"
    status = 422

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        field: str | None = None,
        status: int | None = None,
        details: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or type(self).code
        self.field = field
        self.status = status or type(self).status
        self.details = details or {}


class NotFoundError(DomainError):
    """The thing does not exist, or not for this person: the two are told apart nowhere."""

    code = "not_found"
    status = 404


class ConflictError(DomainError):
    """The same key was used for something else, or the thing changed meanwhile."""

    code = "conflict"
    status = 409


class ForbiddenError(DomainError):
    """The person may see the thing but not do this with it."""

    code = "forbidden"
    status = 403
