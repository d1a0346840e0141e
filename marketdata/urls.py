"""Market data: the addresses of its pages."""

from __future__ import annotations

from django.urls import URLPattern, path

from marketdata.web import compare, finding, health, history, instruments, markets, own, watchlists

app_name = "marketdata"
urlpatterns: list[URLPattern] = [
    path("markets/", markets.index, name="index"),
    path("markets/heat-map/", markets.heat_map, name="heat_map"),
    path("markets/compare/", compare.index, name="compare"),
    path("markets/compare/chart/", compare.chart, name="compare_chart"),
    path("markets/health/", health.index, name="health"),
    path("markets/health/retry/", health.retry_all, name="health_retry_all"),
    path("markets/health/providers/reset/", health.reset_provider, name="health_reset"),
    path("markets/health/<int:instrument_id>/retry/", health.retry, name="health_retry"),
    path("markets/health/<int:instrument_id>/confirm/", health.confirm, name="health_confirm"),
    path("markets/health/<int:instrument_id>/dismiss/", health.dismiss, name="health_dismiss"),
    path("markets/health/<int:instrument_id>/source/", health.source, name="health_source"),
    path("markets/watchlists/", watchlists.index, name="watchlists"),
    path("markets/watchlists/<uuid:watchlist_id>/", watchlists.detail, name="watchlist"),
    path("markets/watchlists/<uuid:watchlist_id>/add/", watchlists.add, name="watchlist_add"),
    path("markets/watchlists/<uuid:watchlist_id>/remove/", watchlists.remove, name="watchlist_remove"),
    path("markets/watchlists/<uuid:watchlist_id>/order/", watchlists.order, name="watchlist_order"),
    path("markets/watchlists/<uuid:watchlist_id>/rename/", watchlists.rename, name="watchlist_rename"),
    path("markets/watchlists/<uuid:watchlist_id>/shift/", watchlists.shift, name="watchlist_shift"),
    path("markets/watchlists/<uuid:watchlist_id>/delete/", watchlists.delete, name="watchlist_delete"),
    path("instruments/search/", instruments.search, name="search"),
    path("instruments/beyond/", finding.beyond, name="beyond"),
    path("instruments/add/", finding.add, name="add"),
    path("instruments/new/", own.new, name="new"),
    path("instruments/<int:instrument_id>/", instruments.detail, name="detail"),
    path("instruments/<int:instrument_id>/chart/", instruments.chart, name="chart"),
    path("instruments/<int:instrument_id>/position/", instruments.position, name="position"),
    path("instruments/<int:instrument_id>/watch/", watchlists.watch, name="watch"),
    path("instruments/<int:instrument_id>/edit/", own.edit, name="edit"),
    path("instruments/<int:instrument_id>/delete/", own.delete, name="delete"),
    path("instruments/<int:instrument_id>/price/", own.record_price, name="record_price"),
    path("instruments/<int:instrument_id>/prices/", own.prices, name="prices"),
    path("instruments/<int:instrument_id>/prices/upload/", own.upload_prices, name="upload_prices"),
    path("instruments/<int:instrument_id>/prices/<str:day>/delete/", own.delete_price, name="delete_price"),
    path("instruments/<int:instrument_id>/history/", history.state, name="history"),
    path("instruments/<int:instrument_id>/history/again/", history.again, name="history_again"),
    path(
        "instruments/<int:instrument_id>/restatements/<int:restatement_id>/",
        history.restatement,
        name="restatement",
    ),
]
