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
from trading.api_broker_books import (
    BrokerCorrectionsView,
    BrokerImportView,
    BrokerPortfolioView,
    BrokerPositionsView,
)
from trading.api_brokers import (
    BrokerCheckView,
    BrokerConnectionsView,
    BrokerConnectionView,
    BrokerKeysView,
    BrokerLiveView,
    BrokerPauseView,
)
from trading.api_fills import FillsView


def register(router: BaseRouter) -> None:
    """Mount the viewsets."""
    router.register("orders", OrderViewSet, basename="order")


_ACCOUNT = "portfolios/<int:portfolio_id>/trading-account/"
_BROKER = "broker-connections/<uuid:connection_id>/"
urlpatterns = [
    path("broker-connections/", BrokerConnectionsView.as_view(), name="broker-connections"),
    path(_BROKER, BrokerConnectionView.as_view(), name="broker-connection"),
    path(f"{_BROKER}keys/", BrokerKeysView.as_view(), name="broker-connection-keys"),
    path(f"{_BROKER}check/", BrokerCheckView.as_view(), name="broker-connection-check"),
    path(f"{_BROKER}live/", BrokerLiveView.as_view(), name="broker-connection-live"),
    path(f"{_BROKER}pause/", BrokerPauseView.as_view(), name="broker-connection-pause"),
    path(f"{_BROKER}portfolio/", BrokerPortfolioView.as_view(), name="broker-connection-portfolio"),
    path(f"{_BROKER}positions/", BrokerPositionsView.as_view(), name="broker-connection-positions"),
    path(f"{_BROKER}import/", BrokerImportView.as_view(), name="broker-connection-import"),
    path(f"{_BROKER}corrections/", BrokerCorrectionsView.as_view(), name="broker-connection-corrections"),
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
