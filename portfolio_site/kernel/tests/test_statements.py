"""Statements that are written down once: values arrive as they are, one plan serves all, and whoever counts sees them."""

from __future__ import annotations

import uuid
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from portfolio_site.kernel.models import OutboxEvent
from portfolio_site.kernel.rows import columns_of, instance_of, new_row
from portfolio_site.kernel.statements import Statement, take_time

pytestmark = pytest.mark.django_db

ECHO = Statement(
    "SELECT %(number)s::bigint, %(text)s::text, %(flag)s::boolean, %(amount)s::numeric, %(day)s::date, %(at)s::timestamptz, "
    "%(key)s::uuid, %(ids)s::bigint[], %(nothing)s::text, 7 %% 4, %(number)s::bigint + 1"
)
VALUES: dict[str, Any] = {
    "number": 1 << 40,
    "text": "per cent %s, $1 and 'quotes'",
    "flag": True,
    "amount": Decimal("0.1000"),
    "day": date(2026, 2, 28),
    "at": datetime(2026, 2, 28, 12, 0, 0, 250_000, tzinfo=UTC),
    "key": uuid.UUID(int=5),
    "ids": [1, 1 << 33],
    "nothing": None,
}


class TestValues:
    def test_come_back_as_they_went(self) -> None:
        row = ECHO.row(VALUES)
        assert row == (*VALUES.values(), 3, (1 << 40) + 1)
        assert str(row[3]) == "0.1000"

    def test_of_any_size_share_one_prepared_statement(self) -> None:
        square = Statement("SELECT %(side)s::bigint * 2 AS of_any_size")
        assert [square.row({"side": side}) for side in (1, 40_000, 1 << 40, 2, 3, 4)][-1] == (8,)
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE 'SELECT $1::bigint %of_any_size'"
            )
            assert cursor.fetchone()[0] <= 1


class TestManners:
    def test_whoever_counts_statements_sees_them(self) -> None:
        with CaptureQueriesContext(connection) as found:
            ECHO.run(VALUES)
        assert [one["sql"][:6] for one in found.captured_queries] == ["SELECT"]

    def test_whoever_guards_statements_is_asked(self) -> None:
        seen = []

        def guard(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
            seen.append(sql)
            return execute(sql, params, many, context)

        with connection.execute_wrapper(guard):
            assert ECHO.rows(VALUES)[0][1] == VALUES["text"]
        assert len(seen) == 1

    def test_faults_are_djangos(self) -> None:
        twice = Statement("INSERT INTO auth_group (name) VALUES (%(name)s), (%(name)s)")
        with pytest.raises(IntegrityError), transaction.atomic():
            twice.run({"name": "Twice"})

    def test_nothing_is_asked_in_a_broken_transaction(self) -> None:
        def breaks() -> None:
            with transaction.atomic():
                transaction.set_rollback(True)
                ECHO.run(VALUES)

        with pytest.raises(transaction.TransactionManagementError):
            breaks()


class TestRows:
    def test_are_what_the_constructor_makes(self) -> None:
        plain = OutboxEvent(name="x", payload={"a": 1})
        quick = new_row(OutboxEvent, name="x", payload={"a": 1})
        names = [field.attname for field in OutboxEvent._meta.concrete_fields if field.attname != "lane"]
        assert columns_of(quick, names) == {name: getattr(plain, name) for name in names}
        assert quick._state.adding

    def test_refuse_a_column_that_is_not_there(self) -> None:
        with pytest.raises(TypeError, match="has no colour"):
            new_row(OutboxEvent, colour="red")

    def test_of_nothing_are_none_and_the_rest_is_fetched(self) -> None:
        stored = OutboxEvent.objects.create(name="x", payload={})
        assert instance_of(OutboxEvent, ["id", "name"], [None, None]) is None
        found = instance_of(OutboxEvent, ["id"], [stored.pk])
        assert found is not None
        assert (found.name, found._state.adding) == ("x", False)


@pytest.mark.django_db(transaction=True)
class TestTakingTime:
    def test_is_for_one_transaction(self) -> None:
        def limit() -> str:
            with connection.cursor() as cursor:
                cursor.execute("SHOW statement_timeout")
                return str(cursor.fetchone()[0])

        with connection.cursor() as cursor:
            cursor.execute("SET statement_timeout = '1min'")
        try:
            with transaction.atomic():
                take_time()
                assert limit() == "0"
            assert limit() == "1min"
        finally:
            connection.close()
