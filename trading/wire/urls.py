"""The wire's addresses, below ``/alpaca``. Symbols may have a slash in them (``BTC/USD``)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from django.urls import URLPattern, path

from trading.wire import (
    accounts,
    activities,
    announcements,
    assets,
    clock,
    history,
    orders,
    positions,
    watchlists,
)
from trading.wire.assets import CRYPTO, EQUITY
from trading.wire.calls import Call, Endpoint, endpoint
from trading.wire.data import single
from trading.wire.data import views as data
from trading.wire.data.actions import corporate_actions

DataView: TypeAlias = Callable[[Call, str], Any]

#: What the data clients ask, by the last part of the address: of stocks, and of coins.
_STOCK_DATA: dict[str, DataView] = {
    "bars": data.bars,
    "quotes": data.quotes,
    "trades": data.trades,
    "bars/latest": data.latest_bars,
    "quotes/latest": data.latest_quotes,
    "trades/latest": data.latest_trades,
    "snapshots": data.snapshots,
}
#: What older clients ask of one stock, its symbol in the path.
_ONE_STOCK_DATA: dict[str, DataView] = {
    "bars": single.points(data.bars, "bars"),
    "quotes": single.points(data.quotes, "quotes"),
    "trades": single.points(data.trades, "trades"),
    "bars/latest": single.latest(data.latest_bars, "bar"),
    "quotes/latest": single.latest(data.latest_quotes, "quote"),
    "trades/latest": single.latest(data.latest_trades, "trade"),
    "snapshot": single.snapshot,
}
_COIN_DATA: dict[str, DataView] = {
    "bars": data.bars,
    "quotes": data.quotes,
    "trades": data.trades,
    "latest/bars": data.latest_bars,
    "latest/quotes": data.latest_quotes,
    "latest/trades": data.latest_trades,
    "latest/orderbooks": data.latest_orderbooks,
    "snapshots": data.snapshots,
}


def _data(view: DataView, kind: str) -> Endpoint:
    """A data view for one asset class. Coins are told without a key, too, as the SDK expects."""

    def answer(call: Call, feed: str = "", symbol: str = "") -> Any:
        if symbol:
            call.from_path["symbols"] = symbol
        return view(call, kind)

    return endpoint(is_open=kind == CRYPTO, GET=answer)


urlpatterns: list[URLPattern] = [
    path(
        "v2/orders",
        endpoint(POST=orders.submit, GET=orders.list_orders, DELETE=orders.cancel_all),
        name="orders",
    ),
    path(
        "v2/orders:by_client_order_id",
        endpoint(GET=orders.get_by_client_id),
        name="order-by-client-id",
    ),
    path(
        "v2/orders/<str:order_id>",
        endpoint(GET=orders.get_one, PATCH=orders.replace, DELETE=orders.cancel),
        name="order",
    ),
    path(
        "v2/positions",
        endpoint(GET=positions.list_positions, DELETE=positions.close_all),
        name="positions",
    ),
    path(
        "v2/positions/<path:symbol>",
        endpoint(GET=positions.get_position, DELETE=positions.close),
        name="position",
    ),
    path("v2/account", endpoint(GET=accounts.get_account), name="account"),
    path(
        "v2/account/configurations",
        endpoint(GET=accounts.get_configuration, PATCH=accounts.set_configuration),
        name="configurations",
    ),
    path("v2/account/portfolio/history", endpoint(GET=history.get_history), name="history"),
    path("v2/account/activities", endpoint(GET=activities.list_activities), name="activities"),
    path(
        "v2/account/activities/<str:activity_type>",
        endpoint(GET=activities.list_of_type),
        name="activities-of-type",
    ),
    path(
        "v2/corporate_actions/announcements",
        endpoint(GET=announcements.list_announcements),
        name="announcements",
    ),
    path(
        "v2/corporate_actions/announcements/<str:announcement_id>",
        endpoint(GET=announcements.get_announcement),
        name="announcement",
    ),
    path("v1/corporate-actions", endpoint(GET=corporate_actions), name="corporate-actions"),
    path("v2/clock", endpoint(GET=clock.get_clock), name="clock"),
    path("v2/calendar", endpoint(GET=clock.get_calendar), name="calendar"),
    path("v2/assets", endpoint(GET=assets.list_assets), name="assets"),
    path("v2/assets/<path:symbol>", endpoint(GET=assets.get_asset), name="asset"),
    path(
        "v2/watchlists",
        endpoint(GET=watchlists.list_watchlists, POST=watchlists.create),
        name="watchlists",
    ),
    path(
        "v2/watchlists:by_name",
        endpoint(
            GET=watchlists.get_by_name,
            PUT=watchlists.update_by_name,
            POST=watchlists.add_by_name,
            DELETE=watchlists.delete_by_name,
        ),
        name="watchlist-by-name",
    ),
    path(
        "v2/watchlists/<str:watchlist_id>",
        endpoint(
            GET=watchlists.get_one,
            PUT=watchlists.update,
            POST=watchlists.add,
            DELETE=watchlists.delete,
        ),
        name="watchlist",
    ),
    path(
        "v2/watchlists/<str:watchlist_id>/<path:symbol>",
        endpoint(DELETE=watchlists.remove),
        name="watchlist-symbol",
    ),
    *(
        path(f"v2/stocks/{tail}", _data(view, EQUITY), name=f"stocks-{tail.replace('/', '-')}")
        for tail, view in _STOCK_DATA.items()
    ),
    *(
        path(f"v2/stocks/<str:symbol>/{tail}", _data(view, EQUITY), name=f"stock-{tail.replace('/', '-')}")
        for tail, view in _ONE_STOCK_DATA.items()
    ),
    *(
        path(
            f"v1beta3/crypto/<str:feed>/{tail}", _data(view, CRYPTO), name=f"crypto-{tail.replace('/', '-')}"
        )
        for tail, view in _COIN_DATA.items()
    ),
]
