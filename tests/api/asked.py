"""One good request for each operation: what the description shows as its example, and what other tests start from.

An operation that is not named here is asked with what stands in its address and nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from accounts.operations import create_token
from accounts.tests.support import PASSWORD
from documents.operations import open_document
from portfolio_site.kernel import clock

#: The file of another program.
STATEMENT = json.dumps(
    {
        "activities": [
            {"type": "BUY", "symbol": "ACME", "dataSource": "YAHOO", "currency": "USD", "quantity": 2,
             "unitPrice": 91.5, "fee": 1, "date": "2026-10-05T00:00:00.000Z"},
        ]
    }
).encode()  # fmt: skip

#: Keys of an account at a broker.
NEW_KEYS = {"key_id": "PK9876543210ABCDEFGH", "secret": "the-secret-that-came-with-the-key-id"}


@dataclass(frozen=True, slots=True)
class Asked:
    """What is sent besides the address. A body may be made at the last moment, from an answer to another question."""

    body: Any = None
    query: dict[str, Any] = field(default_factory=dict)
    #: Authorization of its own, made at the last moment.
    token: Callable[[], str] | None = None
    #: Addresses to delete first, because what stands there is in the way.
    clear: tuple[str, ...] = ()
    #: Operations to ask first, because this one goes on from there.
    first: tuple[str, ...] = ()


def _refresh_token(answer_of: Callable[[str], Any]) -> dict[str, Any]:
    return {"refresh_token": answer_of("auth_login")["refresh_token"]}


def _backup_of(book: dict[str, Any]) -> bytes:
    """The bytes of the backup that is there."""
    _, file = open_document(document_id=book["backup_id"], actor=book["owner"], now=clock.now())
    with file:
        return bytes(file.read())


def requests_of(book: dict[str, Any]) -> dict[str, Asked]:
    """The requests, by the name of the operation, about the things of a book."""
    today = clock.now().date()
    share, account = book["asset_id"], book["trading:"]
    buy = {"type": "buy", "date": str(today - timedelta(days=1)), "instrument_id": share, "quantity": "2"}
    year = {"from": str(today - timedelta(days=30)), "to": str(today)}
    return {
        "auth_login": Asked({"email": "owner@example.com", "password": PASSWORD}),
        "auth_logout": Asked(_refresh_token),
        "auth_refresh": Asked(_refresh_token),
        "auth_register": Asked({"email": "ada@example.org", "password": PASSWORD}),
        "auth_token_create": Asked({"email": "owner@example.com", "password": PASSWORD, "name": "Telephone"}),
        "auth_token_destroy": Asked(
            token=lambda: create_token(user=book["owner"], name="Old", now=clock.now()).key
        ),
        "portfolio_asset_create": Asked(
            {"symbol": "BTC", "type": "crypto", "quantity": "0.5", "price": "30000"}
        ),
        "portfolio_asset_update": Asked({"quantity": "12", "price": "98.50"}),
        "prices": Asked({"symbols": ["ACME", "BTC", "NOPE"], "currency": "EUR"}),
        "backups_create": Asked({"portfolio_id": book["portfolio_id"]}),
        "backups_upload": Asked(lambda _answer_of: {"file": _backup_of(book)}),
        "backup_plan_update": Asked({"every": "daily", "keep": 7}),
        "backups_restore": Asked({"file": "portfolio-001.json", "preview": True}),
        "broker_connections_create": Asked({"name": "At Alpaca", "environment": "paper", **NEW_KEYS}),
        "broker_connections_keys_update": Asked({**NEW_KEYS, "key_id": "PK0123456789ABCDEFGH"}),
        "broker_connections_corrections_create": Asked(first=("broker_connections_portfolio_create",)),
        "broker_connections_import_retrieve": Asked(query={"portfolio_id": book["portfolio_id"]}),
        "broker_connections_import_create": Asked(
            lambda answer_of: {
                "portfolio_id": book["portfolio_id"],
                "token": answer_of("broker_connections_import_retrieve")["token"],
            }
        ),
        "broker_connections_live_create": Asked({"account_number": "PA12345"}),
        "broker_connections_pause_create": Asked({"on": True}),
        "broker_connections_portfolio_create": Asked({"name": "At the broker"}),
        "charts_instruments_price_retrieve": Asked(query={"range": "1M", "indicators": "sma20"}),
        "charts_portfolios_drawdown_retrieve": Asked(query=year),
        "charts_portfolios_performance_retrieve": Asked(query=year),
        "charts_portfolios_value_retrieve": Asked(query={"range": "1M"}),
        "fills_list": Asked(query={"symbol": "ACME", "side": "buy"}),
        "instruments_create": Asked(
            {"symbol": "BARN", "name": "The barn", "asset_class": "private", "currency": "EUR"}
        ),
        "instruments_list": Asked(query={"asset_class": "equity", "page_size": 2}),
        "instruments_search_list": Asked(query={"q": "bit", "limit": 5}),
        "instruments_beyond_retrieve": Asked(query={"q": "sap"}),
        "instruments_beyond_create": Asked({"provider": "yahoo", "provider_symbol": "SAP.DE", "q": "sap"}),
        "instruments_partial_update": Asked({"name": "The house by the sea"}),
        "instruments_bars_retrieve": Asked(query={**year, "points": 20}),
        "instruments_prices_create": Asked({"file": b"date,close\n2026-10-01,255000\n2026-10-02,255500\n"}),
        "instruments_prices_update": Asked({"price": "261000"}),
        "me_update": Asked({"time_zone": "Europe/Berlin", "base_currency": "EUR"}),
        "orders_list": Asked(query={"status": "filled"}),
        "orders_create": Asked(
            {
                "portfolio_id": account,
                "symbol": "ACME",
                "side": "buy",
                "type": "limit",
                "time_in_force": "gtc",
                "quantity": "1",
                "limit_price": "95.00",
                "client_order_id": "my-order-1",
            }
        ),
        "orders_partial_update": Asked(
            {"limit_price": "51.00", "time_in_force": "day", "client_order_id": "my-order-2"}
        ),
        "portfolios_create": Asked({"name": "For the children", "base_currency": "EUR"}),
        "portfolios_partial_update": Asked({"name": "Long run", "cost_basis_method": "fifo"}),
        "portfolios_accounts_create": Asked({"name": "Savings", "kind": "cash", "currency": "EUR"}),
        "portfolios_allocation_retrieve": Asked(query={"by": "currency"}),
        "portfolios_corporate_actions_book_create": Asked({"amount": "3.00", "taxes": "0.45"}),
        "portfolios_imports_create": Asked({"file": STATEMENT}),
        "portfolios_performance_retrieve": Asked(query=year),
        "portfolios_rebalance_create": Asked(
            {"orders": [{"instrument_id": share, "side": "buy", "quantity": "3", "limit_price": "101.00"}]},
            clear=(f"/api/v1/baskets/{book['basket_id']}/",),
        ),
        "portfolios_rebalance_retrieve": Asked(query={"by": "instrument"}),
        "portfolios_rebalance_update": Asked(
            {"by": "instrument", "weights": {str(share): "0.6", "cash": "0.4"}}
        ),
        "portfolios_trading_account_partial_update": Asked(
            {"max_order_notional": "5000", "suspend_trade": False}
        ),
        "portfolios_trading_account_kill_switch_create": Asked({"on": True, "reason": "On holiday"}),
        "portfolios_trading_account_positions_create": Asked({"cancel_orders": True}),
        "portfolios_trading_account_positions_close_create": Asked(
            {"percentage": "50"},
            clear=(f"/api/v1/orders/{book['order_id']}/", f"/api/v1/baskets/{book['basket_id']}/"),
        ),
        "portfolios_trading_account_reset_create": Asked(
            {"confirm": book["account_number"], "cash": "25000"}
        ),
        "portfolios_transactions_list": Asked(query={"type": "buy", "page_size": 2}),
        "portfolios_transactions_create": Asked({**buy, "price": "98.50", "fees": "1", "tags": ["plan"]}),
        "portfolios_transactions_update": Asked({**buy, "price": "97.25", "note": "As on the statement"}),
        "portfolios_transactions_bulk_create": Asked(
            {
                "entries": [
                    {"type": "deposit", "date": str(today), "amount": "250", "currency": "USD"},
                    {**buy, "price": "98.50"},
                ]
            }
        ),
        "quotes_retrieve": Asked(query={"symbols": "ACME,BTC-USD"}),
        "reports_create": Asked(
            {"portfolio": book["portfolio_id"], "kind": "portfolio_summary", "format": "pdf"}
        ),
        "tokens_create": Asked({"name": "Spreadsheet", "access": "read"}),
        "trading_accounts_create": Asked({"name": "Practice", "cash": "100000", "currency": "USD"}),
        "watchlists_create": Asked({"name": "To watch", "instrument_ids": [share]}),
        "watchlists_partial_update": Asked({"name": "Watched closely"}),
        "watchlists_items_create": Asked({"instrument_id": book["coin_id"]}),
    }
