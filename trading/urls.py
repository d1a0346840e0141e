"""The counter: the addresses of its pages."""

from __future__ import annotations

from django.urls import URLPattern, path

from trading.web import (
    account_page,
    accounts,
    blotter,
    bringing,
    brokers,
    keys,
    orders,
    positions,
    rebalance,
    ticket,
)

app_name = "trading"
urlpatterns: list[URLPattern] = [
    path("orders/", blotter.index, name="index"),
    path("orders/blotter/", blotter.blotter, name="blotter"),
    path("orders/new/", ticket.choose, name="choose"),
    path("orders/paper-account/", accounts.open_account, name="open_account"),
    path("orders/cancel-all/", blotter.cancel_all, name="cancel_all"),
    path("orders/<uuid:order_id>/", orders.detail, name="detail"),
    path("orders/<uuid:order_id>/replace/", orders.replace, name="replace"),
    path("orders/<uuid:order_id>/cancel/", blotter.cancel, name="cancel"),
    path("paper-accounts/", account_page.index, name="accounts"),
    path("portfolios/<int:portfolio_id>/account/", account_page.detail, name="account_page"),
    path("portfolios/<int:portfolio_id>/account/figures/", account_page.figures, name="account_figures"),
    path("portfolios/<int:portfolio_id>/account/chart/", account_page.chart, name="account_chart"),
    path("portfolios/<int:portfolio_id>/account/settings/", account_page.settings, name="account_settings"),
    path("portfolios/<int:portfolio_id>/account/switch/", account_page.switch, name="account_switch"),
    path("portfolios/<int:portfolio_id>/account/reset/", account_page.reset, name="account_reset"),
    path("positions/", positions.index, name="positions"),
    path("positions/table/", positions.table, name="positions_table"),
    path("portfolios/<int:portfolio_id>/positions/close/", positions.close_all, name="close_all"),
    path(
        "portfolios/<int:portfolio_id>/positions/<int:instrument_id>/close/",
        positions.close,
        name="close_position",
    ),
    path(
        "portfolios/<int:portfolio_id>/positions/<int:instrument_id>/reverse/",
        positions.reverse_side,
        name="reverse_position",
    ),
    path("settings/brokers/", brokers.index, name="brokers"),
    path("settings/brokers/new/", brokers.connect, name="connect_broker"),
    path("settings/brokers/<uuid:connection_id>/", brokers.detail, name="broker"),
    path("settings/brokers/<uuid:connection_id>/open/", brokers.open_account, name="open_broker_account"),
    path("settings/brokers/<uuid:connection_id>/check/", brokers.check, name="check_broker"),
    path("settings/brokers/<uuid:connection_id>/book/", brokers.book, name="book_differences"),
    path("settings/brokers/<uuid:connection_id>/keys/", brokers.renew_keys, name="renew_broker_keys"),
    path("settings/brokers/<uuid:connection_id>/live/", brokers.enable_live, name="enable_live"),
    path("settings/brokers/<uuid:connection_id>/live/off/", brokers.disable_live, name="disable_live"),
    path("settings/brokers/<uuid:connection_id>/import/", bringing.bring, name="bring_positions"),
    path("settings/brokers/<uuid:connection_id>/pause/", brokers.pause, name="pause_broker"),
    path("settings/brokers/<uuid:connection_id>/disconnect/", brokers.disconnect, name="disconnect_broker"),
    path("portfolios/<int:portfolio_id>/rebalance/", rebalance.plan, name="rebalance"),
    path("portfolios/<int:portfolio_id>/rebalance/targets/", rebalance.targets, name="rebalance_targets"),
    path("portfolios/<int:portfolio_id>/rebalance/place/", rebalance.place, name="rebalance_place"),
    path("baskets/<uuid:basket_id>/", rebalance.basket, name="basket"),
    path("baskets/<uuid:basket_id>/stop/", rebalance.stop, name="stop_basket"),
    path("portfolios/<int:portfolio_id>/api-keys/", keys.index, name="keys"),
    path("trading-keys/<int:key_pk>/revoke/", keys.revoke, name="revoke_key"),
    path("portfolios/<int:portfolio_id>/orders/new/", ticket.new, name="new"),
    path("portfolios/<int:portfolio_id>/orders/preview/", ticket.preview, name="preview"),
    path("portfolios/<int:portfolio_id>/orders/account/", ticket.account, name="account"),
    path("portfolios/<int:portfolio_id>/orders/ticket/", ticket.embedded, name="ticket"),
]
