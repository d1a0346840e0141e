"""Every change of an order. Views, API, tasks and commands call these and change no row themselves.

Locks: the portfolio's row first, then order rows by primary key. Nothing slow happens inside.
"""

from trading.operations.canceling import cancel_order, cancel_orders_of_archived
from trading.operations.errors import (
    ClientOrderIdTakenError,
    OrderNotCancelableError,
    OrderRefusedError,
    OrderUnknownError,
    PortfolioUnknownError,
    ReadOnlyError,
)
from trading.operations.expiring import expire_orders
from trading.operations.keys import (
    ApiKeyRefused,
    IssuedKey,
    TooManyKeys,
    create_api_key,
    note_key_use,
    revoke_api_key,
)
from trading.operations.matching import MatchReport, match_resting_orders
from trading.operations.paper_accounts import PaperAccountRefusedError, open_paper_account
from trading.operations.placing import place_order
from trading.operations.reconciling import Reconciliation, check_reservations, reconcile_orders

__all__ = [
    "ApiKeyRefused",
    "ClientOrderIdTakenError",
    "IssuedKey",
    "MatchReport",
    "OrderNotCancelableError",
    "OrderRefusedError",
    "OrderUnknownError",
    "PaperAccountRefusedError",
    "PortfolioUnknownError",
    "ReadOnlyError",
    "Reconciliation",
    "TooManyKeys",
    "cancel_order",
    "cancel_orders_of_archived",
    "check_reservations",
    "create_api_key",
    "expire_orders",
    "match_resting_orders",
    "note_key_use",
    "open_paper_account",
    "place_order",
    "reconcile_orders",
    "revoke_api_key",
]
