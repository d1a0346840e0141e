"""The print shop: its refusals."""

from portfolio_site.kernel.errors import DomainError, NotFoundError


class ReportNotFound(NotFoundError):
    """No such report, or not this person's."""

    code = "report_not_found"


class ReportRefused(DomainError):
    """A report that cannot be asked for like this; `code` says why."""

    code = "report_refused"


class TooManyReports(DomainError):
    """The person has too many unfinished reports already."""

    code = "too_many_reports"
    status = 429
