"""Indexes of the journal that others stand in for: each was written with every entry.

Only the indexes are touched, without locking the tables. `AlterField` would drop and check anew the foreign keys, and with the
index of `replaces` the constraint that an entry is replaced only once.
"""

import django.db.models.deletion
from django.db import migrations, models


def replaced(table: str, column: str, index: str, by: str = "") -> list[migrations.RunSQL]:
    """Drop an index of a column; `by` is the name of one over the rows that have something there."""
    make = f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {index} ON {table} ({column})"
    drop = f"DROP INDEX CONCURRENTLY IF EXISTS {index}"
    steps = []
    if by:
        steps.append(
            migrations.RunSQL(
                f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {by} ON {table} ({column}) WHERE {column} IS NOT NULL",
                f"DROP INDEX CONCURRENTLY IF EXISTS {by}",
            )
        )
    return [*steps, migrations.RunSQL(drop, make)]


def reference(to: str, *, name: str = "+", optional: bool = True) -> models.ForeignKey:
    """A foreign key without an index of its own."""
    return models.ForeignKey(
        to,
        blank=optional,
        null=optional,
        db_index=False,
        on_delete=django.db.models.deletion.PROTECT,
        related_name=name,
    )


def partial(field: str, name: str) -> migrations.AddIndex:
    """An index over the rows that have something there."""
    return migrations.AddIndex(
        "transaction",
        models.Index(fields=[field], condition=models.Q((f"{field}__isnull", False)), name=name),
    )


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("holdings", "0008_portfolios_at_brokers"),
        ("marketdata", "0013_fallback_help"),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[
                *replaced("holdings_entrykey", "portfolio_id", "holdings_entrykey_portfolio_id_5fa120d3"),
                *replaced(
                    "holdings_transaction", "portfolio_id", "holdings_transaction_portfolio_id_e0fb389d"
                ),
                *replaced("holdings_transaction", "replaces_id", "holdings_transaction_replaces_id_15adcc0f"),
                *replaced(
                    "holdings_transaction",
                    "to_account_id",
                    "holdings_transaction_to_account_id_eaded8cc",
                    by="holdings_transaction_goal",
                ),
                *replaced(
                    "holdings_transaction",
                    "to_instrument_id",
                    "holdings_transaction_to_instrument_id_f0dc5dab",
                    by="holdings_transaction_new_thing",
                ),
                *replaced(
                    "holdings_transaction",
                    "import_batch_id",
                    "holdings_transaction_import_batch_id_e38cf078",
                    by="holdings_transaction_batch",
                ),
            ],
            state_operations=[
                migrations.AlterField(
                    "entrykey", "portfolio", reference("holdings.portfolio", optional=False)
                ),
                migrations.AlterField(
                    "transaction",
                    "portfolio",
                    reference("holdings.portfolio", name="transactions", optional=False),
                ),
                migrations.AlterField("transaction", "replaces", reference("holdings.transaction")),
                migrations.AlterField("transaction", "to_account", reference("holdings.account")),
                migrations.AlterField("transaction", "to_instrument", reference("marketdata.instrument")),
                migrations.AlterField(
                    "transaction", "import_batch", reference("holdings.importbatch", name="transactions")
                ),
                partial("to_account", "holdings_transaction_goal"),
                partial("to_instrument", "holdings_transaction_new_thing"),
                partial("import_batch", "holdings_transaction_batch"),
            ],
        ),
    ]
