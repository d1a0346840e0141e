"""Where the counter's API is mounted below ``/api/v1/``."""

from __future__ import annotations

from django.urls import path
from rest_framework.routers import BaseRouter

from trading.api import BuyingPowerView, OrderViewSet
from trading.api_accounts import (
    ClosePositionView,
    EquityCurveView,
    KillSwitchView,
    OpenPositionsView,
    ResetView,
    TradingAccountsView,
    TradingAccountView,
)
from trading.api_baskets import BasketView, RebalanceView
from trading.api_fills import FillsView


def register(router: BaseRouter) -> None:
    """Mount the viewsets."""
    router.register("orders", OrderViewSet, basename="order")


_ACCOUNT = "portfolios/<int:portfolio_id>/trading-account/"
urlpatterns = [
    path("portfolios/<int:portfolio_id>/rebalance/", RebalanceView.as_view(), name="portfolio-rebalance"),
    path("baskets/<uuid:basket_id>/", BasketView.as_view(), name="basket"),
    path("trading-accounts/", TradingAccountsView.as_view(), name="trading-accounts"),
    path(_ACCOUNT, TradingAccountView.as_view(), name="trading-account"),
    path(f"{_ACCOUNT}reset/", ResetView.as_view(), name="trading-account-reset"),
    path(f"{_ACCOUNT}kill-switch/", KillSwitchView.as_view(), name="trading-account-switch"),
    path(f"{_ACCOUNT}equity/", EquityCurveView.as_view(), name="trading-account-equity"),
    path(f"{_ACCOUNT}positions/", OpenPositionsView.as_view(), name="trading-account-positions"),
    path(
        f"{_ACCOUNT}positions/<int:instrument_id>/close/",
        ClosePositionView.as_view(),
        name="trading-account-close",
    ),
    path("fills/", FillsView.as_view(), name="fills"),
    path(
        "portfolios/<int:portfolio_id>/buying-power/",
        BuyingPowerView.as_view(),
        name="portfolio-buying-power",
    ),
]
