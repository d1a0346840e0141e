"""The print shop: every change of state: asking for a report, making it, throwing it away, and mending what broke off."""

from reports.operations.making import STALE_AFTER, make_report, mend_stalled, prune
from reports.operations.requesting import delete_report, request_report

__all__ = ["STALE_AFTER", "delete_report", "make_report", "mend_stalled", "prune", "request_report"]
