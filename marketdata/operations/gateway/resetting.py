"""Market data operations: letting a provider be asked again at once."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import structlog

from marketdata.models import ProviderHealth, ProviderState
from marketdata.operations.gateway import gate
from portfolio_site.kernel.errors import ForbiddenError

log = structlog.get_logger(__name__)


def reset_provider(*, provider: str, actor: Any, now: datetime) -> None:
    """Forget a provider's failures and its wish to be left alone: the next question goes out.

    For administrators (`marketdata.change_providerhealth`); raises `ForbiddenError` for others.
    """
    if not actor.has_perm("marketdata.change_providerhealth"):
        raise ForbiddenError("Only administrators may do this.")
    gate.reset(provider)
    ProviderHealth.objects.filter(provider=provider).update(
        state=ProviderState.UNKNOWN, since=now, closed_until=None, open_until=None, updated_at=now
    )
    log.warning("provider_reset", provider=provider, actor_id=actor.pk)
