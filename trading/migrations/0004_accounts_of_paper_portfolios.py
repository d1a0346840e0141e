"""Every paper portfolio gets its trading account."""

from __future__ import annotations

from typing import Any

from django.db import migrations

from trading.models.accounts import new_account_number, new_seed


def open_accounts(apps: Any, schema_editor: Any) -> None:
    """One cash account for each paper portfolio that has none; what it trades under was the rule so far."""
    portfolio = apps.get_model("holdings", "Portfolio")
    account = apps.get_model("trading", "TradingAccount")
    known = account.objects.values("portfolio_id")
    account.objects.bulk_create(
        [
            account(
                portfolio_id=pk,
                account_number=new_account_number(),
                model_seed=new_seed(),
                currency=currency,
                created_at=created_at,
                updated_at=created_at,
            )
            for pk, currency, created_at in portfolio.objects.filter(kind="paper")
            .exclude(pk__in=known)
            .values_list("pk", "base_currency", "created_at")
            .iterator()
        ],
        batch_size=1000,
    )


def keep_them(apps: Any, schema_editor: Any) -> None:
    """Going back keeps the rows: the tables themselves go one migration earlier."""


class Migration(migrations.Migration):
    dependencies = [("trading", "0003_order_management")]

    operations = [migrations.RunPython(open_accounts, keep_them)]
