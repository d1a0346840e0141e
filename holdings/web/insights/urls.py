"""The addresses of these pages, below a portfolio's."""

from __future__ import annotations

from django.urls import URLPattern, path

from holdings.web.insights import allocation, bulk, explain, income, method, performance, realised, risk

_BASE = "portfolios/<int:portfolio_id>/"

urlpatterns: list[URLPattern] = [
    path(f"{_BASE}performance/", performance.performance, name="performance"),
    path(f"{_BASE}performance/chart/", performance.performance_chart, name="performance_chart"),
    path(f"{_BASE}allocation/", allocation.allocation, name="allocation"),
    path(f"{_BASE}allocation/chart/", allocation.allocation_chart, name="allocation_chart"),
    path(f"{_BASE}allocation/treemap/", allocation.treemap, name="treemap"),
    path(f"{_BASE}allocation/targets/", allocation.targets, name="targets"),
    path(f"{_BASE}income/", income.income, name="income"),
    path(f"{_BASE}income/chart/", income.income_chart, name="income_chart"),
    path(f"{_BASE}realised/", realised.realised, name="realised"),
    path(f"{_BASE}realised/realised.csv", realised.realised_csv, name="realised_csv"),
    path(f"{_BASE}risk/", risk.risk, name="risk"),
    path(f"{_BASE}risk/chart/", risk.risk_chart, name="risk_chart"),
    path(f"{_BASE}method/", method.method, name="method"),
    path(f"{_BASE}transactions/bulk/", bulk.bulk, name="bulk"),
    path(f"{_BASE}transactions/undo/", bulk.undo, name="undo"),
    path("portfolios/explain/<slug:figure>/", explain.explain_desk, name="explain_desk"),
    path(f"{_BASE}explain/<slug:figure>/", explain.explain, name="explain"),
]
