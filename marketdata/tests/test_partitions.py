"""Tables in parts by time: nothing is lost on the way in, parts come ahead and go when their time is over."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from importlib import import_module

import pytest
from django.db import connection
from django.db.models import Model

from marketdata import operations, queries
from marketdata.models import Instrument, IntradayBar, PriceBar
from marketdata.tests.conftest import NOW, bar

pytestmark = pytest.mark.django_db
D = Decimal


def parts_of(table: str) -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname FROM pg_inherits h JOIN pg_class c ON c.oid = h.inhrelid"
            " WHERE h.inhparent = %s::regclass",
            [table],
        )
        return {row[0].removeprefix(f"{table}_") for row in cursor.fetchall()}


def part_of(model: type[Model], **key: object) -> str:
    with connection.cursor() as cursor:
        where = " AND ".join(f"{name} = %s" for name in key)
        cursor.execute(
            f"SELECT tableoid::regclass::text FROM {model._meta.db_table} WHERE {where}", [*key.values()]
        )
        return str(cursor.fetchone()[0])


def minute(instrument: Instrument, at: datetime, price: str = "10") -> IntradayBar:
    return IntradayBar.objects.create(
        instrument=instrument, at=at, open=D(price), high=D(price), low=D(price), close=D(price),
        quoted_at=at, seen_at=at, source="test",
    )  # fmt: skip


class TestDailyBars:
    def test_each_year_has_its_part(self, make_instrument: Callable[..., Instrument]) -> None:
        acme = make_instrument()
        for day in ("1987-10-19", "2008-09-15", "2026-11-20"):
            bar(acme, day, "10")
        found = [part_of(PriceBar, date=day) for day in ("1987-10-19", "2008-09-15", "2026-11-20")]
        assert found == [
            "marketdata_pricebar_before_2000",
            "marketdata_pricebar_y2008",
            "marketdata_pricebar_y2026",
        ]

    def test_a_query_of_a_year_reads_that_year_alone(
        self, make_instrument: Callable[..., Instrument]
    ) -> None:
        make_instrument()
        with connection.cursor() as cursor:
            cursor.execute(
                "EXPLAIN SELECT close FROM marketdata_pricebar WHERE instrument_id = 1"
                " AND date BETWEEN '2019-02-01' AND '2020-02-01'"
            )
            plan = "\n".join(row[0] for row in cursor.fetchall())
        assert "marketdata_pricebar_y2019" in plan
        assert "marketdata_pricebar_y2020" in plan
        assert "y2018" not in plan
        assert "default" not in plan

    def test_the_key_stays_one_bar_a_day(self, make_instrument: Callable[..., Instrument]) -> None:
        acme = make_instrument()
        bar(acme, "2026-11-19", "10")
        made = PriceBar.objects.bulk_create(
            [PriceBar(instrument=acme, date=date(2026, 11, 19), close=D(11), source="test")],
            ignore_conflicts=True,
        )
        assert made
        assert PriceBar.objects.get().close == D(10)

    def test_bars_of_an_instrument_go_with_it(self, make_instrument: Callable[..., Instrument]) -> None:
        acme = make_instrument()
        bar(acme, "1999-12-31", "10")
        bar(acme, "2026-11-19", "10")
        acme.delete()
        assert not PriceBar.objects.exists()

    def test_coming_years_get_theirs_and_take_over_what_waited(
        self, make_instrument: Callable[..., Instrument]
    ) -> None:
        acme = make_instrument()
        bar(acme, "2031-03-03", "10")
        assert part_of(PriceBar, date="2031-03-03") == "marketdata_pricebar_default"
        made = operations.prepare_partitions(now=datetime(2030, 6, 1, tzinfo=UTC)).made
        assert {"marketdata_pricebar_y2030", "marketdata_pricebar_y2031"} <= set(made)
        assert part_of(PriceBar, date="2031-03-03") == "marketdata_pricebar_y2031"
        assert queries.closes([acme.pk], date(2030, 1, 1), date(2032, 1, 1)) == {
            acme.pk: {date(2031, 3, 3): D(10)}
        }
        again = operations.prepare_partitions(now=datetime(2030, 6, 1, tzinfo=UTC))
        assert (again.made, again.dropped) == ([], [])
        bar(acme, "2032-01-05", "12")
        assert part_of(PriceBar, date="2032-01-05") == "marketdata_pricebar_y2032"

    def test_a_new_part_keeps_the_rules_of_the_table(
        self, make_instrument: Callable[..., Instrument]
    ) -> None:
        operations.prepare_partitions(now=datetime(2030, 6, 1, tzinfo=UTC))
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT contype::text, count(*) FROM pg_constraint WHERE conrelid = %s::regclass"
                " AND contype IN ('c', 'f', 'p') GROUP BY contype",
                ["marketdata_pricebar_y2030"],
            )
            assert dict(cursor.fetchall()) == {"c": 3, "f": 1, "p": 1}

    def test_the_way_into_parts_and_back_loses_no_row(
        self, make_instrument: Callable[..., Instrument]
    ) -> None:
        acme, other = make_instrument(), make_instrument("OTHER")
        for day in ("1950-01-03", "1999-12-31", "2000-01-03", "2026-11-20", "2099-01-02"):
            bar(acme, day, "10", open=D(9), high=D(12), low=D(8), volume=D(5))
        bar(other, "2012-02-29", "7.123456789012")
        before = list(PriceBar.objects.order_by("instrument_id", "date").values_list())
        migration = import_module("marketdata.migrations.0007_pricebar_by_year").Migration.operations[0]
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute(migration.reverse_sql)
            cursor.execute("SELECT relkind::text FROM pg_class WHERE oid = 'marketdata_pricebar'::regclass")
            assert cursor.fetchone()[0] == "r"
            assert list(PriceBar.objects.order_by("instrument_id", "date").values_list()) == before
            cursor.execute(migration.sql)
        assert list(PriceBar.objects.order_by("instrument_id", "date").values_list()) == before
        assert {"before_2000", "y2000", "y2026", "y2028", "default"} <= parts_of("marketdata_pricebar")


class TestMinutes:
    def test_days_get_their_parts_and_old_ones_are_thrown_away(
        self, make_instrument: Callable[..., Instrument], settings: object
    ) -> None:
        settings.INTRADAY_DAYS = 5  # type: ignore[attr-defined]
        acme = make_instrument()
        minute(acme, NOW)
        operations.prepare_partitions(now=NOW)
        assert part_of(IntradayBar, at=NOW) == "marketdata_intradaybar_d20261120"
        dropped = operations.prepare_partitions(now=NOW + timedelta(days=5)).dropped
        assert "marketdata_intradaybar_d20261119" in dropped
        assert "marketdata_intradaybar_d20261120" not in dropped
        assert IntradayBar.objects.exists()
        dropped = operations.prepare_partitions(now=NOW + timedelta(days=6)).dropped
        assert "marketdata_intradaybar_d20261120" in dropped
        assert not IntradayBar.objects.exists()

    def test_old_minutes_outside_of_any_part_go_as_well(
        self, make_instrument: Callable[..., Instrument]
    ) -> None:
        acme = make_instrument()
        minute(acme, NOW - timedelta(days=100))
        operations.prepare_partitions(now=NOW)
        assert not IntradayBar.objects.exists()
