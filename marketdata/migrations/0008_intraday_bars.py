"""Minutes of the last days, in a table in parts by day. The days' parts are made by `marketdata.tasks.prepare_partitions`;
until one is there its minutes are in the part called default."""

import django.db.models.deletion
from django.db import migrations, models

import portfolio_site.kernel.fields

# Django makes plain tables; this one is still empty and becomes the head of its parts.
INTO_PARTS = """
ALTER TABLE marketdata_intradaybar RENAME TO marketdata_intradaybar_whole;
ALTER TABLE marketdata_intradaybar_whole RENAME CONSTRAINT marketdata_intradaybar_pkey TO marketdata_intradaybar_whole_pkey;
CREATE TABLE marketdata_intradaybar (LIKE marketdata_intradaybar_whole INCLUDING DEFAULTS INCLUDING CONSTRAINTS)
    PARTITION BY RANGE (at);
ALTER TABLE marketdata_intradaybar ADD CONSTRAINT marketdata_intradaybar_pkey PRIMARY KEY (instrument_id, at);
CREATE TABLE marketdata_intradaybar_default PARTITION OF marketdata_intradaybar DEFAULT WITH (fillfactor = 70);
DROP TABLE marketdata_intradaybar_whole;
"""


class Migration(migrations.Migration):
    dependencies = [("marketdata", "0007_pricebar_by_year")]

    operations = [
        migrations.CreateModel(
            name="IntradayBar",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "instrument_id", "at", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("at", models.DateTimeField(help_text="Where the minute begins.")),
                ("open", portfolio_site.kernel.fields.PriceField()),
                ("high", portfolio_site.kernel.fields.PriceField()),
                ("low", portfolio_site.kernel.fields.PriceField()),
                ("close", portfolio_site.kernel.fields.PriceField()),
                ("volume", portfolio_site.kernel.fields.QuantityField(null=True)),
                ("volume_from", portfolio_site.kernel.fields.QuantityField(null=True)),
                ("volume_to", portfolio_site.kernel.fields.QuantityField(null=True)),
                ("quoted_at", models.DateTimeField(help_text="Of the close, by its source.")),
                (
                    "seen_at",
                    models.DateTimeField(help_text="When the source last said something about this minute."),
                ),
                ("source", models.CharField(max_length=60)),
                ("is_simulated", models.BooleanField(default=False)),
                (
                    "instrument",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="marketdata.instrument",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("close__gte", models.F("low")),
                            ("close__lte", models.F("high")),
                            ("open__gte", models.F("low")),
                            ("open__lte", models.F("high")),
                        ),
                        name="intradaybar_range_holds_open_and_close",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("low__gte", 0)), name="intradaybar_low_not_negative"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("volume__isnull", True), ("volume__gte", 0), _connector="OR"),
                        name="intradaybar_volume_not_negative",
                    ),
                ],
            },
        ),
        migrations.RunSQL(sql=INTO_PARTS, reverse_sql=migrations.RunSQL.noop),
    ]
