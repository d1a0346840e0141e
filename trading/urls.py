"""The counter: the addresses of its pages."""

from __future__ import annotations

from django.urls import URLPattern, path

from trading.web import accounts, blotter, keys, orders, ticket

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
    path("portfolios/<int:portfolio_id>/api-keys/", keys.index, name="keys"),
    path("trading-keys/<int:key_pk>/revoke/", keys.revoke, name="revoke_key"),
    path("portfolios/<int:portfolio_id>/orders/new/", ticket.new, name="new"),
    path("portfolios/<int:portfolio_id>/orders/preview/", ticket.preview, name="preview"),
    path("portfolios/<int:portfolio_id>/orders/account/", ticket.account, name="account"),
    path("portfolios/<int:portfolio_id>/orders/ticket/", ticket.embedded, name="ticket"),
]
