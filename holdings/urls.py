"""Holdings: the addresses of its pages."""

from __future__ import annotations

from django.urls import URLPattern, path

from holdings.web import actions, backups, charts, entries, holding, imports, portfolios
from holdings.web.insights.urls import urlpatterns as insights

app_name = "holdings"
urlpatterns: list[URLPattern] = [
    path("portfolios/", portfolios.index, name="index"),
    path("backups/", backups.index, name="backups"),
    path("backups/new/", backups.create, name="backup_create"),
    path("backups/plan/", backups.plan, name="backup_plan"),
    path("backups/upload/", backups.upload, name="backup_upload"),
    path("backups/<uuid:backup_id>/restore/", backups.restore, name="backup_restore"),
    path("portfolios/new/", portfolios.create, name="create"),
    path("portfolios/sample/", portfolios.sample, name="sample"),
    path("portfolios/<int:portfolio_id>/", portfolios.detail, name="detail"),
    path("portfolios/<int:portfolio_id>/edit/", portfolios.edit, name="edit"),
    path("portfolios/<int:portfolio_id>/accounts/new/", portfolios.add_account, name="add_account"),
    path("portfolios/<int:portfolio_id>/archive/", portfolios.archive, name="archive"),
    path("portfolios/<int:portfolio_id>/restore/", portfolios.restore, name="restore"),
    path("portfolios/<int:portfolio_id>/chart/", charts.value_chart, name="chart"),
    path("portfolios/<int:portfolio_id>/holdings/", portfolios.holdings_table, name="holdings_table"),
    path("portfolios/<int:portfolio_id>/holdings/<int:instrument_id>/", holding.holding, name="holding"),
    path(
        "portfolios/<int:portfolio_id>/holdings/<int:instrument_id>/chart/",
        charts.holding_chart,
        name="holding_chart",
    ),
    path("portfolios/<int:portfolio_id>/hold/", entries.hold, name="hold"),
    path("portfolios/<int:portfolio_id>/transactions/", entries.journal, name="journal"),
    path("portfolios/<int:portfolio_id>/transactions/new/", entries.add, name="add"),
    path("portfolios/<int:portfolio_id>/transactions/<int:transaction_id>/", entries.entry, name="entry"),
    path(
        "portfolios/<int:portfolio_id>/transactions/<int:transaction_id>/edit/",
        entries.edit,
        name="edit_entry",
    ),
    path(
        "portfolios/<int:portfolio_id>/transactions/<int:transaction_id>/remove/",
        entries.remove,
        name="remove_entry",
    ),
    path(
        "portfolios/<int:portfolio_id>/planned/<int:draft_id>/remove/",
        entries.remove_draft,
        name="remove_draft",
    ),
    path("portfolios/<int:portfolio_id>/actions/", actions.index, name="actions"),
    path("portfolios/<int:portfolio_id>/actions/panel/", actions.panel, name="actions_panel"),
    path("portfolios/<int:portfolio_id>/actions/book/", actions.book_all, name="actions_book_all"),
    path(
        "portfolios/<int:portfolio_id>/actions/<int:proposal_id>/",
        actions.book,
        name="action_book",
    ),
    path(
        "portfolios/<int:portfolio_id>/actions/<int:proposal_id>/book/",
        actions.book_now,
        name="action_book_now",
    ),
    path(
        "portfolios/<int:portfolio_id>/actions/<int:proposal_id>/dismiss/",
        actions.dismiss,
        name="action_dismiss",
    ),
    path(
        "portfolios/<int:portfolio_id>/actions/<int:proposal_id>/reopen/",
        actions.reopen,
        name="action_reopen",
    ),
    path("portfolios/<int:portfolio_id>/import/", imports.upload, name="import"),
    path("portfolios/<int:portfolio_id>/import/<int:batch_id>/", imports.preview, name="import_preview"),
    path("portfolios/<int:portfolio_id>/import/<int:batch_id>/commit/", imports.commit, name="import_commit"),
    path(
        "portfolios/<int:portfolio_id>/import/<int:batch_id>/discard/", imports.discard, name="import_discard"
    ),
    path("portfolios/<int:portfolio_id>/import/<int:batch_id>/undo/", imports.undo, name="import_undo"),
    path(
        "portfolios/<int:portfolio_id>/export/portfolio.json",
        imports.export,
        {"kind": "portfolio"},
        name="export",
    ),
    path(
        "portfolios/<int:portfolio_id>/export/ghostfolio.json",
        imports.export,
        {"kind": "ghostfolio"},
        name="export_ghostfolio",
    ),
    *insights,
]
