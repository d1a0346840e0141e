"""Shares and funds trade in billionths of a unit, as other brokers' programs send them. Rows with the old default followed
nobody's choice; what is held in millionths is a multiple of the new step."""

from decimal import Decimal

from django.db import migrations

import portfolio_site.kernel.fields

OLD, NEW = Decimal("0.000001"), Decimal("0.000000001")


def finer(apps, schema_editor):
    """Give every instrument with the old default the new one."""
    apps.get_model("marketdata", "Instrument").objects.filter(quantity_step=OLD).update(quantity_step=NEW)


def coarser(apps, schema_editor):
    """Back to the old default. What was traded in between may be finer than that; it stays what it is."""
    apps.get_model("marketdata", "Instrument").objects.filter(quantity_step=NEW).update(quantity_step=OLD)


class Migration(migrations.Migration):
    dependencies = [
        ("marketdata", "0013_fallback_help"),
    ]

    operations = [
        migrations.AlterField(
            model_name="instrument",
            name="quantity_step",
            field=portfolio_site.kernel.fields.QuantityField(
                default=NEW,
                help_text="The smallest amount that can be traded, and its multiples.",
            ),
        ),
        migrations.RunPython(finer, coarser, elidable=True),
    ]
