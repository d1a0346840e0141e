"""Market data operations: daily history. Fetched the first time an instrument is used, continued every day, its gaps
looked for and filled, and never silently rewritten."""

from marketdata.operations.history.extending import HISTORY_YEARS, BackfillSummary, backfill_history
from marketdata.operations.history.gaps import ask_for_gaps, find_gaps
from marketdata.operations.history.jobs import (
    fetch_history,
    request_histories,
    request_history,
    waiting_history_jobs,
)
from marketdata.operations.history.rates import simulated_currencies_replaced
from marketdata.operations.history.restating import (
    RestatementRefused,
    RestatementUnknown,
    accept_restatement,
    keep_against_restatement,
    may_decide,
)
from marketdata.operations.history.revising import revise
from marketdata.operations.history.storing import SIMULATED, announce_actions, raw_cursor, store_bars

__all__ = [
    "HISTORY_YEARS",
    "SIMULATED",
    "BackfillSummary",
    "RestatementRefused",
    "RestatementUnknown",
    "accept_restatement",
    "announce_actions",
    "ask_for_gaps",
    "backfill_history",
    "fetch_history",
    "find_gaps",
    "keep_against_restatement",
    "may_decide",
    "raw_cursor",
    "request_histories",
    "request_history",
    "revise",
    "simulated_currencies_replaced",
    "store_bars",
    "waiting_history_jobs",
]
