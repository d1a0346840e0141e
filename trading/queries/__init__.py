"""Every read of the counter that is more than a ``get``. Answers are frozen values; what people see is theirs.

For pages and the REST API (by person): ``orders_for``, ``orders_queryset``, ``visible_order``, ``fills_for``,
``open_orders_with_market``, ``open_order_with_market``, ``order_preview``, ``buying_power``, ``accounts_for``,
``visible_account``, ``account_page``, ``account_cards``, ``equity_curve``.

For programs that trade in one account (by portfolio; the caller has made sure whose it is):

- ``account_of``, ``account_by_id`` -> ``AccountView`` (configuration, models, limits, switches)
- ``account_figures`` -> ``AccountFigures`` (cash, market values, equity, margins, buying powers, reservations)
- ``order_of_account``, ``order_by_client_id``, ``orders_of_account`` -> ``OrderView`` with ``legs``
- ``positions_of``, ``position_of`` -> ``PositionView``
- ``activities_of`` -> ``Activity`` rows (executions, fees, dividends, interest, payments), ``activity_id``, ``cashflows_of``
- ``AccountHistory`` (equity at past instants), ``daily_pricing``, ``intraday_pricing``
- ``news_for``, ``log_before`` -> ``LoggedEvent``: the numbered log; ``last_log_number``, ``log_number_at``; ``is_key_live``
- ``tradable_of``, ``things_of`` -> ``Tradable``: the terms an instrument trades under (an asset's flags)
- ``market_of`` -> ``Market`` (quote, phase, session)
"""

from trading.engine.margin import AccountFigures
from trading.engine.terms import Tradable
from trading.queries.account_page import (
    CURVE_RANGES,
    AccountCard,
    AccountPage,
    Paid,
    account_cards,
    account_page,
    equity_curve,
    starting_cash_of,
    visible_account,
)
from trading.queries.accounts import (
    AccountView,
    Configuration,
    account_by_id,
    account_figures,
    account_of,
    accounts_for,
    halted_because,
)
from trading.queries.activities import ALL_TYPES, Activity, activities_of, activity_id, cashflows_of
from trading.queries.baskets import (
    BasketLineView,
    BasketView,
    baskets_of_orders,
    latest_baskets,
    visible_basket,
    working_basket_id,
    working_baskets,
)
from trading.queries.blotter import (
    USUAL_SORT,
    Narrowing,
    OpenGroup,
    OpenPage,
    blotter_fills,
    chain_of,
    counts_by_state,
    ended_orders,
    family_of,
    open_page,
)
from trading.queries.broker_assets import AssetAtBroker, asset_at_broker
from trading.queries.brokers import (
    BrokerDifference,
    ConnectionView,
    badges_of,
    broker_connection,
    broker_connections_of,
)
from trading.queries.buying_power import BuyingPower, buying_power
from trading.queries.costs import crypto_level
from trading.queries.equity import AccountHistory, EquityPoint, daily_pricing, intraday_pricing
from trading.queries.keys import (
    ApiKeyNotFound,
    ApiKeyView,
    KeyHolder,
    api_keys_of,
    holder_of,
    visible_api_key,
)
from trading.queries.listing import MAX_ORDERS, order_by_client_id, order_of_account, orders_of_account
from trading.queries.market import (
    EXTENDED_EXCHANGES,
    NEW_YORK,
    Market,
    kind_of,
    market_of,
    things_of,
    tradable_of,
)
from trading.queries.orders import (
    OpenOrder,
    fills_for,
    fills_queryset,
    open_order_with_market,
    open_orders_with_market,
    orders_for,
    orders_queryset,
    visible_order,
)
from trading.queries.positions import PositionView, position_of, positions_of
from trading.queries.positions_page import (
    AccountPositions,
    PositionRow,
    closing_terms,
    positions_page,
)
from trading.queries.preview import OrderPreview, order_preview
from trading.queries.rebalancing import RebalancePlan, even_targets, rebalance_plan
from trading.queries.trade_log import (
    Execution,
    Follower,
    LoggedEvent,
    is_key_live,
    last_log_number,
    log_before,
    log_number_at,
    news_for,
)
from trading.queries.values import FillView, OrderView, TrailEntry, fill_views, order_view

__all__ = [
    "ALL_TYPES",
    "CURVE_RANGES",
    "EXTENDED_EXCHANGES",
    "MAX_ORDERS",
    "NEW_YORK",
    "USUAL_SORT",
    "AccountCard",
    "AccountFigures",
    "AccountHistory",
    "AccountPage",
    "AccountPositions",
    "AccountView",
    "Activity",
    "ApiKeyNotFound",
    "ApiKeyView",
    "AssetAtBroker",
    "BasketLineView",
    "BasketView",
    "BrokerDifference",
    "BuyingPower",
    "Configuration",
    "ConnectionView",
    "EquityPoint",
    "Execution",
    "FillView",
    "Follower",
    "KeyHolder",
    "LoggedEvent",
    "Market",
    "Narrowing",
    "OpenGroup",
    "OpenOrder",
    "OpenPage",
    "OrderPreview",
    "OrderView",
    "Paid",
    "PositionRow",
    "PositionView",
    "RebalancePlan",
    "Tradable",
    "TrailEntry",
    "account_by_id",
    "account_cards",
    "account_figures",
    "account_of",
    "account_page",
    "accounts_for",
    "activities_of",
    "activity_id",
    "api_keys_of",
    "asset_at_broker",
    "badges_of",
    "baskets_of_orders",
    "blotter_fills",
    "broker_connection",
    "broker_connections_of",
    "buying_power",
    "cashflows_of",
    "chain_of",
    "closing_terms",
    "counts_by_state",
    "crypto_level",
    "daily_pricing",
    "ended_orders",
    "equity_curve",
    "even_targets",
    "family_of",
    "fill_views",
    "fills_for",
    "fills_queryset",
    "halted_because",
    "holder_of",
    "intraday_pricing",
    "is_key_live",
    "kind_of",
    "last_log_number",
    "latest_baskets",
    "log_before",
    "log_number_at",
    "market_of",
    "news_for",
    "open_order_with_market",
    "open_orders_with_market",
    "open_page",
    "order_by_client_id",
    "order_of_account",
    "order_preview",
    "order_view",
    "orders_for",
    "orders_of_account",
    "orders_queryset",
    "position_of",
    "positions_of",
    "positions_page",
    "rebalance_plan",
    "starting_cash_of",
    "things_of",
    "tradable_of",
    "visible_account",
    "visible_api_key",
    "visible_basket",
    "visible_order",
    "working_basket_id",
    "working_baskets",
]
