"""What administrators do to other people's access, and who may not."""

from __future__ import annotations

from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.core import mail
from django.test import Client, RequestFactory

from accounts import operations, queries
from accounts.events import AccessEnded
from accounts.models import SecurityEvent, User
from accounts.roles import Role
from accounts.tests.support import PASSWORD, add_totp, make_administrator, make_auditor, make_user, sign_in
from portfolio_site.kernel import clock
from portfolio_site.kernel.events import dispatch_pending, subscribe

pytestmark = pytest.mark.django_db


@pytest.fixture
def administrator() -> User:
    return make_administrator()


class TestSuspendUser:
    def test_ends_live_sessions_and_tokens_at_once(
        self, client: Client, person: User, administrator: User, django_capture_on_commit_callbacks: Any
    ) -> None:
        sign_in(client, person)
        issued = operations.create_token(user=person, name="Script", now=clock.now())
        headers = {"authorization": f"Token {issued.key}"}
        assert client.get("/settings/").status_code == 200
        assert Client().get("/api/v1/me/", headers=headers).status_code == 200
        with django_capture_on_commit_callbacks(execute=True):
            operations.suspend_user(user_id=person.pk, actor=administrator, reason="Spam", now=clock.now())
        assert client.get("/settings/").status_code == 302
        assert Client().get("/api/v1/me/", headers=headers).status_code == 401
        person.refresh_from_db()
        assert (person.is_active, person.suspended_by, person.suspended_reason) == (
            False,
            administrator,
            "Spam",
        )

    def test_refuses_the_right_password(self, client: Client, person: User, administrator: User) -> None:
        operations.suspend_user(user_id=person.pk, actor=administrator, reason="Spam", now=clock.now())
        assert sign_in(client, person)["Location"] == "/accounts/inactive/"
        assert "_auth_user_id" not in client.session

    def test_tells_sockets_to_close(self, person: User, administrator: User) -> None:
        heard: list[AccessEnded] = []
        subscribe("accounts.tests.ended", AccessEnded, lambda event, envelope: heard.append(event))
        operations.suspend_user(user_id=person.pk, actor=administrator, reason="Spam", now=clock.now())
        dispatch_pending()
        assert [(event.user_id, event.reason) for event in heard] == [(person.pk, "suspended")]

    def test_second_time_keeps_the_first_reason(self, person: User, administrator: User) -> None:
        for reason in ("First", "Second"):
            operations.suspend_user(user_id=person.pk, actor=administrator, reason=reason, now=clock.now())
        person.refresh_from_db()
        assert person.suspended_reason == "First"
        assert SecurityEvent.objects.filter(kind="suspended").count() == 1

    def test_wants_a_reason(self, person: User, administrator: User) -> None:
        with pytest.raises(Exception, match="why") as caught:
            operations.suspend_user(user_id=person.pk, actor=administrator, reason="  ", now=clock.now())
        assert getattr(caught.value, "field", None) == "reason"

    def test_nobody_suspends_themselves(self, administrator: User) -> None:
        with pytest.raises(operations.OwnAccess):
            operations.suspend_user(
                user_id=administrator.pk, actor=administrator, reason="x", now=clock.now()
            )

    @pytest.mark.parametrize("role", [Role.TRADER, Role.AUDITOR])
    def test_others_may_not(self, person: User, role: Role) -> None:
        with pytest.raises(operations.StaffOnly):
            operations.suspend_user(
                user_id=person.pk,
                actor=make_user("x@example.org", roles=(role,)),
                reason="x",
                now=clock.now(),
            )

    def test_superuser_is_out_of_an_administrators_reach(self, administrator: User) -> None:
        root = User.objects.create_superuser("super@example.org", PASSWORD)
        with pytest.raises(operations.StaffOnly):
            operations.suspend_user(user_id=root.pk, actor=administrator, reason="x", now=clock.now())

    def test_unknown_person_is_not_found(self, administrator: User) -> None:
        with pytest.raises(operations.UserNotFound):
            operations.suspend_user(user_id=10**9, actor=administrator, reason="x", now=clock.now())


class TestReactivateUser:
    def test_lets_in_again_without_the_old_sessions_and_tokens(
        self, client: Client, person: User, administrator: User
    ) -> None:
        sign_in(client, person)
        issued = operations.create_token(user=person, name="Script", now=clock.now())
        operations.suspend_user(user_id=person.pk, actor=administrator, reason="x", now=clock.now())
        operations.reactivate_user(user_id=person.pk, actor=administrator, now=clock.now())
        assert client.get("/settings/").status_code == 302
        assert queries.token_for_key(issued.key, now=clock.now()) is None
        sign_in(client, person)
        assert client.get("/settings/").status_code == 200


class TestSetRoles:
    def test_gives_and_takes_and_opens_the_admin(self, person: User, administrator: User) -> None:
        user = operations.set_roles(
            user_id=person.pk, roles=[Role.TRADER, Role.ADMINISTRATOR], actor=administrator, now=clock.now()
        )
        assert (user.roles, user.is_staff) == (frozenset({Role.TRADER, Role.ADMINISTRATOR}), True)
        user = operations.set_roles(user_id=person.pk, roles=[], actor=administrator, now=clock.now())
        assert (user.roles, user.is_staff) == (frozenset(), False)
        assert SecurityEvent.objects.filter(kind="roles_changed").count() == 2

    def test_auditor_has_no_other_role(self, person: User, administrator: User) -> None:
        with pytest.raises(operations.RolesClash):
            operations.set_roles(
                user_id=person.pk, roles=[Role.AUDITOR, Role.TRADER], actor=administrator, now=clock.now()
            )

    def test_nobody_drops_their_own_administrator_role(self, administrator: User) -> None:
        with pytest.raises(operations.OwnAccess):
            operations.set_roles(user_id=administrator.pk, roles=[], actor=administrator, now=clock.now())


class TestEndSessions:
    def test_signs_out_every_browser_known_or_not(
        self, client: Client, person: User, administrator: User
    ) -> None:
        unlisted = Client()
        unlisted.force_login(person)
        sign_in(client, person)
        operations.end_sessions(user_id=person.pk, actor=administrator, now=clock.now())
        assert client.get("/settings/").status_code == 302
        assert unlisted.get("/settings/").status_code == 302
        assert sign_in(client, person).status_code == 302
        assert client.get("/settings/").status_code == 200


class TestResetSecondFactors:
    def test_leaves_the_password_alone(self, client: Client, person: User, administrator: User) -> None:
        add_totp(person)
        operations.reset_second_factors(user_id=person.pk, actor=administrator, now=clock.now())
        assert not Authenticator.objects.filter(user=person).exists()
        sign_in(client, person)
        assert "_auth_user_id" in client.session


class TestResendVerification:
    def test_mails_only_who_has_not_confirmed(
        self, person: User, administrator: User, rf: RequestFactory
    ) -> None:
        request = rf.get("/")
        new = operations.register_user(email="new@example.org", password=None, now=clock.now())
        assert operations.resend_verification(user_id=new.pk, actor=administrator, request=request)
        assert not operations.resend_verification(user_id=person.pk, actor=administrator, request=request)
        assert [m.to for m in mail.outbox] == [["new@example.org"]]


class TestAuditor:
    def test_is_known_by_role(self, person: User) -> None:
        assert queries.is_auditor(make_auditor())
        assert not queries.is_auditor(person)

    def test_suspended_auditor_is_none(self, administrator: User) -> None:
        auditor = make_auditor()
        suspended = operations.suspend_user(
            user_id=auditor.pk, actor=administrator, reason="x", now=clock.now()
        )
        assert not queries.is_auditor(suspended)

    def test_session_changes_nothing_outside_the_own_settings(self, client: Client) -> None:
        auditor = make_auditor()
        client.force_login(auditor)
        assert client.post("/").status_code == 403
        assert client.post("/settings/theme/", {"theme": "dark"}).status_code == 302

    def test_token_changes_nothing(self) -> None:
        issued = operations.create_token(user=make_auditor(), name="x", now=clock.now())
        headers = {"authorization": f"Token {issued.key}"}
        assert Client().get("/api/v1/me/", headers=headers).status_code == 200
