"""The audit trail: written by the database, carried context, untouchable."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection, transaction
from django.db.utils import DatabaseError
from django.test import Client

from accounts import operations
from accounts.models import ApiTokenEvent, RoleEvent, SecurityEvent, User, UserEvent
from accounts.roles import Role
from accounts.tests.support import make_administrator, sign_in
from portfolio_site.kernel import clock
from portfolio_site.kernel.audit import add_audit_context, audit_context, untold_context

pytestmark = pytest.mark.django_db


def last_user_event() -> UserEvent:
    event: UserEvent = UserEvent.objects.order_by("-pgh_id")[0]
    return event


class TestUserEvents:
    def test_say_who_from_where_and_in_which_request(self, as_person: Client, person: User) -> None:
        as_person.post("/settings/theme/", {"theme": "dark"})
        event = last_user_event()
        assert (event.pgh_label, event.theme) == ("user.changed", "dark")
        context: Any = event.pgh_context
        assert (context["user"], context["ip"], context["url"]) == (
            person.pk,
            "127.0.0.1",
            "/settings/theme/",
        )
        assert context["request_id"]

    def test_name_the_token_a_program_used(self, client: Client, person: User) -> None:
        issued = operations.create_token(user=person, name="x", now=clock.now())
        client.patch(
            "/api/v1/me/",
            {"theme": "light"},
            content_type="application/json",
            headers={"authorization": f"Token {issued.key}"},
        )
        context: Any = last_user_event().pgh_context
        assert (context["user"], context["token"]) == (person.pk, issued.token.prefix)

    def test_hold_no_secret_and_no_noise(self, client: Client, person: User) -> None:
        names = {field.name for field in UserEvent._meta.get_fields()}
        assert names.isdisjoint({"password", "last_login"})
        before = UserEvent.objects.count()
        sign_in(client, person)
        assert UserEvent.objects.count() == before

    def test_show_that_the_password_changed(self, person: User) -> None:
        person.set_password("something else entirely")
        person.save()
        assert last_user_event().password_changed_at == person.password_changed_at

    def test_are_written_for_changes_behind_the_site_s_back(self, person: User) -> None:
        with connection.cursor() as cursor:
            cursor.execute("UPDATE accounts_user SET is_staff = true WHERE id = %s", [person.pk])
        event = last_user_event()
        assert event.is_staff
        assert event.pgh_context is None


class TestRoleAndTokenEvents:
    def test_roles_are_given_and_taken(self, person: User) -> None:
        operations.set_roles(
            user_id=person.pk, roles=[Role.AUDITOR], actor=make_administrator(), now=clock.now()
        )
        seen = RoleEvent.objects.filter(user_id=person.pk).order_by("pgh_id")
        assert [(e.pgh_label, e.group.name) for e in seen] == [
            ("role.given", "Trader"),
            ("role.taken", "Trader"),
            ("role.given", "Auditor"),
        ]

    def test_tokens_are_followed_without_their_digest(self, person: User) -> None:
        issued = operations.create_token(user=person, name="x", now=clock.now())
        operations.note_token_use(token=issued.token, now=clock.now())
        operations.revoke_token(user=person, token_id=issued.token.pk, now=clock.now())
        labels = list(ApiTokenEvent.objects.order_by("pgh_id").values_list("pgh_label", flat=True))
        assert labels == ["token.created", "token.changed"]
        assert "digest" not in {field.name for field in ApiTokenEvent._meta.get_fields()}


class TestAppendOnly:
    @pytest.mark.parametrize(
        "table",
        ["accounts_userevent", "accounts_roleevent", "accounts_apitokenevent", "accounts_securityevent"],
    )
    @pytest.mark.parametrize("statement", ["DELETE FROM {}", "UPDATE {} SET {}={}"])
    def test_database_refuses_to_forget(self, person: User, table: str, statement: str) -> None:
        operations.create_token(user=person, name="x", now=clock.now())
        column = "id" if table == "accounts_securityevent" else "pgh_id"
        sql = statement.format(table, column, column)
        with (
            pytest.raises(DatabaseError, match="Cannot"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(sql)

    def test_people_are_never_deleted(self, person: User) -> None:
        with pytest.raises(Exception, match="protected"):
            person.delete()
        assert SecurityEvent.objects.filter(user=person).exists()


class TestAuditContext:
    def theme(self, user: User, theme: str) -> Any:
        User.objects.filter(pk=user.pk).update(theme=theme)
        return last_user_event().pgh_context

    def test_ends_where_it_ends(self, person: User) -> None:
        with audit_context(task="t"):
            assert self.theme(person, "dark") == {"task": "t"}
        assert self.theme(person, "light") is None

    def test_inner_context_adds_to_the_outer(self, person: User) -> None:
        with audit_context(task="t"), audit_context(user=1):
            assert self.theme(person, "dark") == {"task": "t", "user": 1}

    def test_facts_can_be_added_inside_only(self, person: User) -> None:
        add_audit_context(user=7)
        assert self.theme(person, "dark") is None
        with audit_context(task="t"):
            add_audit_context(user=7)
            assert self.theme(person, "light") == {"task": "t", "user": 7}

    def test_survives_a_rolled_back_transaction(self, person: User) -> None:
        def fail() -> None:
            with transaction.atomic():
                self.theme(person, "light")
                raise ZeroDivisionError

        with audit_context(task="t"):
            with pytest.raises(ZeroDivisionError):
                fail()
            assert self.theme(person, "dark") == {"task": "t"}

    def test_deferred_asks_nothing_until_facts_are_added(
        self, person: User, django_assert_num_queries: Any
    ) -> None:
        with django_assert_num_queries(0), audit_context(deferred=True, task="t"):
            assert untold_context() is not None
        assert self.theme(person, "light") is None
        with audit_context(deferred=True, task="t"):
            add_audit_context(user=7)
            assert untold_context() is None
            assert self.theme(person, "dark") == {"task": "t", "user": 7}
        assert self.theme(person, "light") is None

    def test_deferred_lets_what_goes_wrong_out(self) -> None:
        with pytest.raises(ZeroDivisionError), audit_context(deferred=True, task="t"):
            raise ZeroDivisionError
        assert untold_context() is None
