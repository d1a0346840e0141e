"""Market data: the addresses of its pages."""

from __future__ import annotations

from django.urls import URLPattern, path

from marketdata.web import instruments, markets

app_name = "marketdata"
urlpatterns: list[URLPattern] = [
    path("markets/", markets.index, name="index"),
    path("instruments/search/", instruments.search, name="search"),
    path("instruments/new/", instruments.new, name="new"),
    path("instruments/<int:instrument_id>/", instruments.detail, name="detail"),
    path("instruments/<int:instrument_id>/chart/", instruments.chart, name="chart"),
    path("instruments/<int:instrument_id>/price/", instruments.record_price, name="record_price"),
]
