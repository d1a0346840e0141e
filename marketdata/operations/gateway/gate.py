"""Market data operations: admission to a provider: by all processes together, or by this one while Valkey is away."""

from __future__ import annotations

from datetime import date, datetime

from marketdata.operations.gateway import local, records, shared
from marketdata.operations.gateway.limits import Quota
from marketdata.operations.gateway.states import Admission, Known, Outcome, Standing
from portfolio_site.kernel import valkey
from portfolio_site.kernel.valkey import Outage

outage = Outage("gateway")


def admit(provider: str, quota: Quota, cost: int, *, now: datetime) -> Admission:
    """Take what a call costs, or say why it may not go out. Never raises because of Valkey."""
    if not outage.is_on():
        try:
            admission = shared.admit(provider, quota, cost)
            if admission is None:
                _start(provider, now)
                admission = shared.admit(provider, quota, cost)
        except valkey.UNREACHABLE as error:
            outage.note(error)
        else:
            outage.over()
            if admission is not None:
                return admission
    return local.admit(provider, quota, cost)


def settle(
    provider: str,
    outcome: Outcome,
    *,
    was_probe: bool,
    retry_after: float | None = None,
    extra_calls: int = 0,
) -> Standing:
    """Take in how a call ended; returns how the provider stands now."""
    own = local.settle(provider, outcome, was_probe=was_probe, retry_after=retry_after)
    if outage.is_on():
        return own
    try:
        standing = shared.settle(
            provider, outcome, was_probe=was_probe, retry_after=retry_after, extra_calls=extra_calls
        )
    except valkey.UNREACHABLE as error:
        outage.note(error)
        return own
    local.learn(provider, Known(rests_for=standing.rests_for, open_for=standing.open_for))
    return standing


def count(provider: str, day: date, *, calls: int, failures: int, refused: int, kind: str, ms: int) -> bool:
    """Add to the numbers that all processes share; False when they could not be reached."""
    if outage.is_on():
        return False
    try:
        shared.count(provider, day, calls=calls, failures=failures, refused=refused, kind=kind, ms=ms)
    except valkey.UNREACHABLE as error:
        outage.note(error)
        return False
    return True


def reset(provider: str) -> None:
    """Let the next call go out, whatever was known."""
    local.reset(provider)
    try:
        shared.reset(provider)
    except valkey.UNREACHABLE as error:
        outage.note(error)


def _start(provider: str, now: datetime) -> None:
    """Valkey knows nothing (the first call ever, or it was restarted): go on from what is on record."""
    row = records.row_of(provider)
    known = records.known(row, now)
    local.learn(provider, known)
    shared.seed(provider, known)
    if row is not None and row.day == now.date():
        shared.start_numbers(
            provider,
            row.day,
            calls=row.calls,
            failures=row.failures,
            refused=row.refused,
            ms=(row.latency_ms or 0) * row.calls,
        )
