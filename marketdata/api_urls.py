"""Market data: its addresses in the API."""

from __future__ import annotations

from typing import Any

from django.urls import URLPattern, path

from marketdata.api import InstrumentViewSet, QuotesView
from marketdata.api_charts import PriceChartView
from marketdata.api_health import MarketDataHealthView
from marketdata.api_prices import PricesView
from marketdata.api_watchlists import WatchlistViewSet

urlpatterns: list[URLPattern] = [
    path("quotes/", QuotesView.as_view(), name="quotes"),
    path("charts/instruments/<int:instrument_id>/price/", PriceChartView.as_view(), name="chart-price"),
    path("market-data/health/", MarketDataHealthView.as_view(), name="market-data-health"),
]

#: Mounted at `/api/` itself.
root_urlpatterns: list[URLPattern] = [path("prices", PricesView.as_view(), name="prices")]


def register(router: Any) -> None:
    """Add this room's viewsets."""
    router.register("instruments", InstrumentViewSet, basename="instruments")
    router.register("watchlists", WatchlistViewSet, basename="watchlists")
