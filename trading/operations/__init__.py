"""Every change at the counter. Views, API, wire, tasks and commands call these and change no row themselves.

All are keyword-only and take ``now``; ``actor`` is the person who does it (the owner of the account: 404 for others, 403 for
auditors). Errors are ``DomainError``s with a stable ``code``, a sentence, the ``field`` and ``details``:

- ``OrderRefusedError`` a check failed, nothing is stored (codes in docs/trading.md); its subclass ``TradingHaltedError``
  (403) is a kill switch or a suspension
- ``ClientOrderIdTakenError``, ``OrderNotCancelableError``, ``OrderNotReplaceableError``, ``OrderUnknownError``,
  ``PositionUnknownError``, ``PortfolioUnknownError``, ``ReadOnlyError``, ``AccountRefusedError``,
  ``PaperAccountRefusedError``

Orders: ``place_order`` (every type, class and time in force; returns an ``OrderView`` with its legs), ``replace_order``,
``cancel_order``, ``cancel_all_orders``. Positions: ``close_position``, ``reverse_position``, ``close_all_positions``. Baskets:
``place_basket``, ``release_basket``, ``stop_basket``. Accounts:
``open_paper_account``, ``update_configuration``, ``update_account``, ``change_settings``, ``reset_account``, ``set_kill_switch``.
By the clock: ``match_resting_orders``, ``expire_orders``, ``reconcile_orders``.

Locks: the portfolio's row first, then order rows. Nothing slow happens inside.
"""

from trading.engine.terms import StopLoss, TakeProfit
from trading.operations.baskets import (
    AskedLine,
    BasketRefusedError,
    BasketUnknownError,
    place_basket,
    release_basket,
    stop_basket,
)
from trading.operations.brokering.asking import ask_about_asset
from trading.operations.brokering.bringing import (
    Bringing,
    BringingChangedError,
    bring_positions,
    look_at_bringing,
)
from trading.operations.brokering.comparing import compare
from trading.operations.brokering.connections import (
    BrokerAccountTakenError,
    BrokerAwayError,
    BrokerConnectionRefusedError,
    BrokerConnectionUnknownError,
    connect_broker,
    disable_live,
    disconnect_broker,
    enable_live,
    keep_connection,
    pause_connection,
    renew_keys,
    try_keys,
)
from trading.operations.brokering.follower import look_after_brokers
from trading.operations.brokering.following import catch_up, followed_connections, hear
from trading.operations.brokering.looking import AccountBeside, positions_beside, read_account
from trading.operations.brokering.opening import (
    book_differences,
    check_connection_now,
    open_broker_account,
    read_start,
)
from trading.operations.brokering.sending import send_waiting
from trading.operations.canceling import (
    CancelResult,
    cancel_all_orders,
    cancel_order,
    cancel_orders_of_archived,
)
from trading.operations.charging import accrue_charges, close_trading_day
from trading.operations.closing import ClosedPosition, close_all_positions, close_position, reverse_position
from trading.operations.corporate_actions import apply_corporate_actions
from trading.operations.errors import (
    AccountRefusedError,
    ClientOrderIdTakenError,
    OrderNotCancelableError,
    OrderNotReplaceableError,
    OrderRefusedError,
    OrderUnknownError,
    PortfolioUnknownError,
    PositionUnknownError,
    ReadOnlyError,
    TradingHaltedError,
)
from trading.operations.expiring import expire_orders
from trading.operations.holding_quotes import MatchingUnfinishedError, hold_quote, settle_quote
from trading.operations.keys import (
    ApiKeyRefused,
    IssuedKey,
    TooManyKeys,
    create_api_key,
    note_key_use,
    revoke_api_key,
)
from trading.operations.kill_switches import (
    AdministratorsOnlyError,
    set_instrument_status,
    set_kill_switch,
)
from trading.operations.margin_calls import call_due_at, watch_margins
from trading.operations.matching import MatchReport, match_resting_orders
from trading.operations.paper_accounts import (
    AccountModels,
    PaperAccountRefusedError,
    change_settings,
    open_paper_account,
    reset_account,
    update_account,
    update_configuration,
)
from trading.operations.placing import place_order
from trading.operations.reconciling import (
    Reconciliation,
    check_deliveries,
    check_orders,
    check_reservations,
    reconcile_orders,
)
from trading.operations.replacing import replace_order

__all__ = [
    "AccountBeside",
    "AccountModels",
    "AccountRefusedError",
    "AdministratorsOnlyError",
    "ApiKeyRefused",
    "AskedLine",
    "BasketRefusedError",
    "BasketUnknownError",
    "Bringing",
    "BringingChangedError",
    "BrokerAccountTakenError",
    "BrokerAwayError",
    "BrokerConnectionRefusedError",
    "BrokerConnectionUnknownError",
    "CancelResult",
    "ClientOrderIdTakenError",
    "ClosedPosition",
    "IssuedKey",
    "MatchReport",
    "MatchingUnfinishedError",
    "OrderNotCancelableError",
    "OrderNotReplaceableError",
    "OrderRefusedError",
    "OrderUnknownError",
    "PaperAccountRefusedError",
    "PortfolioUnknownError",
    "PositionUnknownError",
    "ReadOnlyError",
    "Reconciliation",
    "StopLoss",
    "TakeProfit",
    "TooManyKeys",
    "TradingHaltedError",
    "accrue_charges",
    "apply_corporate_actions",
    "ask_about_asset",
    "book_differences",
    "bring_positions",
    "call_due_at",
    "cancel_all_orders",
    "cancel_order",
    "cancel_orders_of_archived",
    "catch_up",
    "change_settings",
    "check_connection_now",
    "check_deliveries",
    "check_orders",
    "check_reservations",
    "close_all_positions",
    "close_position",
    "close_trading_day",
    "compare",
    "connect_broker",
    "create_api_key",
    "disable_live",
    "disconnect_broker",
    "enable_live",
    "expire_orders",
    "followed_connections",
    "hear",
    "hold_quote",
    "keep_connection",
    "look_after_brokers",
    "look_at_bringing",
    "match_resting_orders",
    "note_key_use",
    "open_broker_account",
    "open_paper_account",
    "pause_connection",
    "place_basket",
    "place_order",
    "positions_beside",
    "read_account",
    "read_start",
    "reconcile_orders",
    "release_basket",
    "renew_keys",
    "replace_order",
    "reset_account",
    "reverse_position",
    "revoke_api_key",
    "send_waiting",
    "set_instrument_status",
    "set_kill_switch",
    "settle_quote",
    "stop_basket",
    "try_keys",
    "update_account",
    "update_configuration",
    "watch_margins",
]
