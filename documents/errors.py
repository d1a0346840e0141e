"""The cellar: its refusals."""

from portfolio_site.kernel.errors import DomainError, NotFoundError


class DocumentNotFound(NotFoundError):
    """No such document, or not this person's, or its time has run out, or its file is gone."""

    code = "document_not_found"


class DocumentTooLarge(DomainError):
    """More bytes than a document may have."""

    code = "document_too_large"
    status = 413


class StoreUnreachable(DomainError):
    """The private store does not answer, or not as it should. Nothing was changed; trying again later may help."""

    code = "store_unreachable"
    status = 503


class LinkInvalid(NotFoundError):
    """A link that was changed, or made for somebody else."""

    code = "link_invalid"


class LinkExpired(DomainError):
    """A link whose minutes are over."""

    code = "link_expired"
    status = 410
