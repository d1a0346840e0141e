"""The wire's account."""

from __future__ import annotations

import uuid

from trading.wire.calls import Call


def account_id_of(call: Call) -> str:
    """The account's id."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, str(call.portfolio_id)))
