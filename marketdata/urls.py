"""Market data: the addresses of its pages."""

from __future__ import annotations

from django.urls import URLPattern, path

from marketdata import web

app_name = "marketdata"
urlpatterns: list[URLPattern] = [
    path("markets/", web.index, name="index"),
    path("instruments/search/", web.search, name="search"),
    path("instruments/new/", web.new, name="new"),
    path("instruments/<int:instrument_id>/", web.detail, name="detail"),
    path("instruments/<int:instrument_id>/chart/", web.chart, name="chart"),
    path("instruments/<int:instrument_id>/price/", web.record_price, name="record_price"),
]
