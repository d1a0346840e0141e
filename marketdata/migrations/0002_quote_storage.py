"""Quotes are overwritten every few seconds: leave room on each page so that the new version stays on it (HOT)."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("marketdata", "0001_initial")]

    operations = [
        migrations.RunSQL(
            sql="ALTER TABLE marketdata_quote SET (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05)",
            reverse_sql="ALTER TABLE marketdata_quote RESET (fillfactor, autovacuum_vacuum_scale_factor)",
        ),
    ]
