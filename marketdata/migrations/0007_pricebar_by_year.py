"""Daily bars get a table for each year: one instrument's history stays close together, and a year can be copied, checked
or put away by itself.

The rows move within this migration's transaction and are counted before and after. Years that nobody made a table for
go to the one called default until `marketdata.tasks.prepare_partitions` has made theirs.
"""

from django.db import migrations

_FOREIGN_KEY = """
ALTER TABLE marketdata_pricebar ADD CONSTRAINT marketdata_pricebar_instrument_id_74c1c6aa_fk_marketdat
    FOREIGN KEY (instrument_id) REFERENCES marketdata_instrument (id) DEFERRABLE INITIALLY DEFERRED;
"""

# The constraints come after the rows: checked once for all of them. Their names come with LIKE.
FORWARD = """
ALTER TABLE marketdata_pricebar RENAME TO marketdata_pricebar_whole;
ALTER TABLE marketdata_pricebar_whole RENAME CONSTRAINT marketdata_pricebar_pkey TO marketdata_pricebar_whole_pkey;
CREATE TABLE marketdata_pricebar (LIKE marketdata_pricebar_whole INCLUDING DEFAULTS INCLUDING CONSTRAINTS)
    PARTITION BY RANGE (date);
CREATE TABLE marketdata_pricebar_before_2000 PARTITION OF marketdata_pricebar
    FOR VALUES FROM (MINVALUE) TO ('2000-01-01');
CREATE TABLE marketdata_pricebar_default PARTITION OF marketdata_pricebar DEFAULT;
DO $$
BEGIN
    FOR year IN 2000..2028 LOOP
        EXECUTE format(
            'CREATE TABLE marketdata_pricebar_y%s PARTITION OF marketdata_pricebar FOR VALUES FROM (%L) TO (%L)',
            year, format('%s-01-01', year), format('%s-01-01', year + 1)
        );
    END LOOP;
END $$;
INSERT INTO marketdata_pricebar SELECT * FROM marketdata_pricebar_whole;
DO $$
BEGIN
    IF (SELECT count(*) FROM marketdata_pricebar) <> (SELECT count(*) FROM marketdata_pricebar_whole) THEN
        RAISE EXCEPTION 'not every daily bar arrived in its new table';
    END IF;
END $$;
ALTER TABLE marketdata_pricebar ADD CONSTRAINT marketdata_pricebar_pkey PRIMARY KEY (instrument_id, date);
DROP TABLE marketdata_pricebar_whole;
"""

BACKWARD = """
ALTER TABLE marketdata_pricebar RENAME TO marketdata_pricebar_parts;
ALTER TABLE marketdata_pricebar_parts RENAME CONSTRAINT marketdata_pricebar_pkey TO marketdata_pricebar_parts_pkey;
CREATE TABLE marketdata_pricebar (LIKE marketdata_pricebar_parts INCLUDING DEFAULTS INCLUDING CONSTRAINTS);
INSERT INTO marketdata_pricebar SELECT * FROM marketdata_pricebar_parts;
ALTER TABLE marketdata_pricebar ADD CONSTRAINT marketdata_pricebar_pkey PRIMARY KEY (instrument_id, date);
DROP TABLE marketdata_pricebar_parts;
"""


class Migration(migrations.Migration):
    dependencies = [("marketdata", "0006_provider_health")]

    operations = [migrations.RunSQL(sql=FORWARD + _FOREIGN_KEY, reverse_sql=BACKWARD + _FOREIGN_KEY)]
