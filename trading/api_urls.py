"""Where the counter's API is mounted below ``/api/v1/``."""

from __future__ import annotations

from django.urls import path
from rest_framework.routers import BaseRouter

from trading.api import BuyingPowerView, OrderViewSet


def register(router: BaseRouter) -> None:
    """Mount the viewsets."""
    router.register("orders", OrderViewSet, basename="order")


urlpatterns = [
    path(
        "portfolios/<int:portfolio_id>/buying-power/",
        BuyingPowerView.as_view(),
        name="portfolio-buying-power",
    )
]
