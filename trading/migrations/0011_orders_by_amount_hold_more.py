"""An order by amount that closes a position may hold somewhat more units than its amount would trade at the moment."""

import django.db.models.expressions
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("holdings", "0008_portfolios_at_brokers"),
        ("marketdata", "0013_fallback_help"),
        ("trading", "0010_find_by_direction"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="order",
            name="trading_order_reserves_its_kind",
        ),
        migrations.AddConstraint(
            model_name="order",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("position_intent__in", ["buy_to_open", "sell_to_open"]),
                        ("reserved_cash__gte", 0),
                        ("reserved_quantity", 0),
                    ),
                    models.Q(
                        ("position_intent__in", ["buy_to_close", "sell_to_close"]),
                        ("reserved_cash", 0),
                        ("reserved_quantity__gte", 0),
                        models.Q(
                            ("notional__isnull", False),
                            (
                                "reserved_quantity__lte",
                                django.db.models.expressions.CombinedExpression(
                                    models.F("quantity"), "-", models.F("filled_quantity")
                                ),
                            ),
                            _connector="OR",
                        ),
                    ),
                    _connector="OR",
                ),
                name="trading_order_reserves_its_kind",
            ),
        ),
    ]
