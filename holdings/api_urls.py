"""Where the books' API is mounted below `/api/v1/`."""

from __future__ import annotations

from django.urls import path
from rest_framework.routers import BaseRouter

from holdings.api import (
    CashView,
    ImportView,
    PortfolioViewSet,
    PositionsView,
    SummaryView,
    TransactionDetailView,
    TransactionsView,
    ValuationsView,
)


def register(router: BaseRouter) -> None:
    """Mount the viewsets."""
    router.register("portfolios", PortfolioViewSet, basename="portfolio")


urlpatterns = [
    path(
        "portfolios/<int:portfolio_id>/transactions/",
        TransactionsView.as_view(),
        name="portfolio-transactions",
    ),
    path(
        "portfolios/<int:portfolio_id>/transactions/<int:transaction_id>/",
        TransactionDetailView.as_view(),
        name="portfolio-transaction",
    ),
    path("portfolios/<int:portfolio_id>/positions/", PositionsView.as_view(), name="portfolio-positions"),
    path("portfolios/<int:portfolio_id>/cash/", CashView.as_view(), name="portfolio-cash"),
    path("portfolios/<int:portfolio_id>/summary/", SummaryView.as_view(), name="portfolio-summary"),
    path("portfolios/<int:portfolio_id>/valuations/", ValuationsView.as_view(), name="portfolio-valuations"),
    path("portfolios/<int:portfolio_id>/imports/", ImportView.as_view(), name="portfolio-imports"),
]
