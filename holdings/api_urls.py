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
    ValuationsView,
)
from holdings.api_actions import BookProposalView, DismissProposalView, ProposalsView, ReopenProposalView
from holdings.api_assets import (
    AssetsView,
    AssetView,
    CryptoView,
    PortfolioSummaryView,
    StocksView,
)
from holdings.api_backups import (
    BackupPlanView,
    BackupsView,
    BackupUploadView,
    BackupView,
    RestoreView,
)
from holdings.api_books import AccountsView, ArchiveView, LotsView, ManyTransactionsView
from holdings.api_charts import (
    AllocationChartView,
    DrawdownChartView,
    IncomeChartView,
    PerformanceChartView,
    ValueChartView,
)
from holdings.api_insights import AllocationView, ExplainView, IncomeView, PerformanceView, RealisedView
from holdings.api_journal import TransactionDetailView, TransactionsView
from holdings.api_planned import PlannedEntriesView, PlannedEntryView


def register(router: BaseRouter) -> None:
    """Mount the viewsets."""
    router.register("portfolios", PortfolioViewSet, basename="portfolio")


urlpatterns = [
    path("backups/", BackupsView.as_view(), name="backups"),
    path("backups/upload/", BackupUploadView.as_view(), name="backup-upload"),
    path("backups/plan/", BackupPlanView.as_view(), name="backup-plan"),
    path("backups/<uuid:backup_id>/", BackupView.as_view(), name="backup"),
    path("backups/<uuid:backup_id>/restore/", RestoreView.as_view(), name="backup-restore"),
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
    path(
        "portfolios/<int:portfolio_id>/corporate-actions/",
        ProposalsView.as_view(),
        name="portfolio-corporate-actions",
    ),
    path(
        "portfolios/<int:portfolio_id>/corporate-actions/<int:proposal_id>/book/",
        BookProposalView.as_view(),
        name="portfolio-corporate-action-book",
    ),
    path(
        "portfolios/<int:portfolio_id>/corporate-actions/<int:proposal_id>/dismiss/",
        DismissProposalView.as_view(),
        name="portfolio-corporate-action-dismiss",
    ),
    path(
        "portfolios/<int:portfolio_id>/corporate-actions/<int:proposal_id>/reopen/",
        ReopenProposalView.as_view(),
        name="portfolio-corporate-action-reopen",
    ),
    path(
        "portfolios/<int:portfolio_id>/transactions/bulk/",
        ManyTransactionsView.as_view(),
        name="portfolio-transactions-bulk",
    ),
    path("portfolios/<int:portfolio_id>/planned/", PlannedEntriesView.as_view(), name="portfolio-planned"),
    path(
        "portfolios/<int:portfolio_id>/planned/<int:draft_id>/",
        PlannedEntryView.as_view(),
        name="portfolio-planned-entry",
    ),
    path("portfolios/<int:portfolio_id>/accounts/", AccountsView.as_view(), name="portfolio-accounts"),
    path("portfolios/<int:portfolio_id>/archive/", ArchiveView.as_view(), name="portfolio-archive"),
    path("portfolios/<int:portfolio_id>/lots/", LotsView.as_view(), name="portfolio-lots"),
    path("charts/portfolios/<int:portfolio_id>/value/", ValueChartView.as_view(), name="chart-value"),
    path(
        "charts/portfolios/<int:portfolio_id>/performance/",
        PerformanceChartView.as_view(),
        name="chart-performance",
    ),
    path(
        "charts/portfolios/<int:portfolio_id>/allocation/",
        AllocationChartView.as_view(),
        name="chart-allocation",
    ),
    path("charts/portfolios/<int:portfolio_id>/income/", IncomeChartView.as_view(), name="chart-income"),
    path(
        "charts/portfolios/<int:portfolio_id>/drawdown/", DrawdownChartView.as_view(), name="chart-drawdown"
    ),
    path("portfolios/<int:portfolio_id>/positions/", PositionsView.as_view(), name="portfolio-positions"),
    path("portfolios/<int:portfolio_id>/cash/", CashView.as_view(), name="portfolio-cash"),
    path("portfolios/<int:portfolio_id>/summary/", SummaryView.as_view(), name="portfolio-summary"),
    path("portfolios/<int:portfolio_id>/valuations/", ValuationsView.as_view(), name="portfolio-valuations"),
    path("portfolios/<int:portfolio_id>/imports/", ImportView.as_view(), name="portfolio-imports"),
    path(
        "portfolios/<int:portfolio_id>/performance/", PerformanceView.as_view(), name="portfolio-performance"
    ),
    path("portfolios/<int:portfolio_id>/allocation/", AllocationView.as_view(), name="portfolio-allocation"),
    path("portfolios/<int:portfolio_id>/income/", IncomeView.as_view(), name="portfolio-income"),
    path("portfolios/<int:portfolio_id>/realised/", RealisedView.as_view(), name="portfolio-realised"),
    path(
        "portfolios/<int:portfolio_id>/explain/<slug:figure>/",
        ExplainView.as_view(),
        name="portfolio-explain",
    ),
]

#: Mounted at `/api/` itself.
root_urlpatterns = [
    path("portfolio/crypto", CryptoView.as_view(), name="portfolio-crypto"),
    path("portfolio/stocks", StocksView.as_view(), name="portfolio-stocks"),
    path("portfolio/summary", PortfolioSummaryView.as_view(), name="portfolio-summary"),
    path("portfolio/assets", AssetsView.as_view(), name="portfolio-assets"),
    path("portfolio/assets/<int:asset_id>", AssetView.as_view(), name="portfolio-asset"),
]
