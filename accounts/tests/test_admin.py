"""The administration pages: who gets in, what they show, and what they cannot do."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, Permission
from django.core import mail
from django.test import Client

from accounts import operations, queries
from accounts.models import SecurityEvent, User
from accounts.tests.support import PASSWORD, add_totp, make_administrator, make_auditor, make_user
from portfolio_site.kernel import clock

pytestmark = pytest.mark.django_db

USERS = "/admin/accounts/user/"


@pytest.fixture
def administrator() -> User:
    return make_administrator()


@pytest.fixture
def as_administrator(administrator: User) -> Client:
    client = Client()
    client.force_login(administrator)
    return client


@pytest.fixture
def as_auditor() -> Client:
    client = Client()
    client.force_login(make_auditor())
    return client


def access(user: User) -> str:
    return f"{USERS}{user.pk}/access/"


class TestDoor:
    @pytest.mark.parametrize("page", ["/admin/", USERS, "/admin/login/"])
    def test_is_the_site_s_own_sign_in(self, client: Client, page: str) -> None:
        response = client.get(page, follow=True)
        assert response.redirect_chain[-1][0].startswith("/accounts/login/?next=/admin/")

    def test_password_cannot_be_posted_to_the_admin(self, client: Client, administrator: User) -> None:
        client.post("/admin/login/", {"username": administrator.email, "password": PASSWORD})
        assert "_auth_user_id" not in client.session

    def test_is_closed_to_traders(self, as_person: Client) -> None:
        assert as_person.get("/admin/", follow=True).status_code == 403
        assert as_person.get(USERS, follow=True).status_code == 403

    def test_next_stays_on_the_site(self, as_administrator: Client) -> None:
        assert as_administrator.get("/admin/login/?next=https://evil.example/")["Location"] == "/admin/"
        assert as_administrator.get(f"/admin/login/?next={USERS}")["Location"] == USERS

    def test_logs_out_where_the_site_does(self, as_administrator: Client) -> None:
        assert as_administrator.post("/admin/logout/")["Location"] == "/accounts/logout/"


class TestSecondFactor:
    @pytest.fixture(autouse=True)
    def _as_in_production(self, settings: Any) -> None:
        settings.STAFF_SECOND_FACTOR = None
        settings.DEBUG = settings.DEMO = False

    @pytest.mark.parametrize("page", ["/admin/", USERS])
    def test_is_asked_of_staff(self, as_administrator: Client, page: str) -> None:
        response = as_administrator.get(page, follow=True)
        assert response.redirect_chain[-1][0] == "/accounts/2fa/"
        assert "second factor" in response.content.decode()

    def test_opens_the_door(self, as_administrator: Client, administrator: User) -> None:
        add_totp(administrator)
        assert as_administrator.get(USERS).status_code == 200

    def test_is_not_asked_on_a_demo_site(self, as_administrator: Client, settings: Any) -> None:
        settings.DEMO = True
        assert as_administrator.get("/admin/").status_code == 200

    def test_can_be_asked_on_a_demo_site(self, as_administrator: Client, settings: Any) -> None:
        settings.DEMO, settings.STAFF_SECOND_FACTOR = True, True
        assert as_administrator.get("/admin/").status_code == 302


class TestPeople:
    def test_list_within_its_budget(
        self, as_administrator: Client, django_assert_max_num_queries: Any
    ) -> None:
        for number in range(10):
            make_user(f"p{number}@example.org")
        as_administrator.get(USERS)
        with django_assert_max_num_queries(14):
            assert as_administrator.get(USERS).status_code == 200

    @pytest.mark.parametrize(
        "query", ["?q=ada", "?state=suspended", "?state=active", "?role=Auditor", "?role=%00", "?q=%00'"]
    )
    def test_list_is_searched_and_filtered(self, as_administrator: Client, query: str) -> None:
        assert as_administrator.get(USERS + query).status_code in {200, 302}

    def test_show_no_hash_and_no_way_to_set_a_password(self, as_administrator: Client, person: User) -> None:
        page = as_administrator.get(f"{USERS}{person.pk}/change/")
        body = page.content.decode()
        assert page.status_code == 200
        assert person.password not in body
        assert "algorithm" not in body
        assert as_administrator.get(f"{USERS}{person.pk}/password/").status_code in {302, 404}

    def test_form_changes_nothing(self, as_administrator: Client, person: User) -> None:
        as_administrator.post(
            f"{USERS}{person.pk}/change/",
            {"email": "mine@example.org", "is_superuser": "on", "password": "x", "groups": "1"},
        )
        fresh = User.objects.get(pk=person.pk)
        assert (fresh.email, fresh.is_superuser, fresh.password) == (person.email, False, person.password)

    def test_are_not_deleted(self, as_administrator: Client, person: User) -> None:
        assert as_administrator.post(f"{USERS}{person.pk}/delete/", {"post": "yes"}).status_code == 403

    def test_are_invited_by_mail(self, as_administrator: Client) -> None:
        response = as_administrator.post(f"{USERS}add/", {"email": "Guest@Example.org", "name": "Guest"})
        assert response.status_code == 302
        guest = User.objects.get(email="guest@example.org")
        assert not guest.has_usable_password()
        assert mail.outbox[-1].to == ["guest@example.org"]
        assert "/accounts/password/reset/key/" in str(mail.outbox[-1].body)

    def test_invitation_of_somebody_known_is_refused(self, as_administrator: Client, person: User) -> None:
        response = as_administrator.post(f"{USERS}add/", {"email": "ADA@example.org", "name": ""})
        assert response.status_code == 200
        assert User.objects.filter(email=person.email).count() == 1


class TestAccessPage:
    def test_suspends_and_lets_in_again(
        self, as_administrator: Client, administrator: User, as_person: Client, person: User
    ) -> None:
        assert as_administrator.get(access(person)).status_code == 200
        as_administrator.post(access(person), {"do": "suspend", "reason": "Spam"})
        person.refresh_from_db()
        assert (person.is_suspended, person.suspended_by) == (True, administrator)
        assert as_person.get("/settings/").status_code == 302
        assert "Spam" in as_administrator.get(access(person)).content.decode()
        as_administrator.post(access(person), {"do": "reactivate"})
        person.refresh_from_db()
        assert not person.is_suspended
        entry = SecurityEvent.objects.get(kind="suspended")
        assert (entry.actor, entry.ip) == (administrator, "127.0.0.1")

    def test_wants_a_reason(self, as_administrator: Client, person: User) -> None:
        response = as_administrator.post(access(person), {"do": "suspend", "reason": ""})
        assert response.context["forms"]["suspend"].errors
        person.refresh_from_db()
        assert person.is_active

    def test_sets_roles_and_says_what_clashes(self, as_administrator: Client, person: User) -> None:
        as_administrator.post(access(person), {"do": "roles", "roles": ["Auditor"]})
        assert queries.is_auditor(User.objects.get(pk=person.pk))
        response = as_administrator.post(access(person), {"do": "roles", "roles": ["Auditor", "Trader"]})
        assert response.context["forms"]["roles"].errors
        response = as_administrator.post(access(person), {"do": "roles", "roles": ["God"]})
        assert response.context["forms"]["roles"].errors

    @pytest.mark.parametrize("do", ["end_sessions", "reset_factors", "verification", "nonsense", ""])
    def test_does_the_rest(self, as_administrator: Client, person: User, do: str) -> None:
        assert as_administrator.post(access(person), {"do": do}).status_code in {200, 302}

    def test_of_nobody_is_not_found(self, as_administrator: Client) -> None:
        assert as_administrator.get(f"{USERS}999999/access/").status_code == 404

    def test_is_closed_to_auditors_and_traders(
        self, as_auditor: Client, as_outsider: Client, person: User
    ) -> None:
        assert as_auditor.get(access(person)).status_code == 403
        assert as_auditor.post(access(person), {"do": "suspend", "reason": "x"}).status_code == 403
        assert (
            as_outsider.post(access(person), {"do": "suspend", "reason": "x"}, follow=True).status_code == 403
        )
        person.refresh_from_db()
        assert person.is_active

    def test_bulk_action_signs_out(self, as_administrator: Client, as_person: Client, person: User) -> None:
        as_administrator.post(USERS, {"action": "end_sessions", "_selected_action": [person.pk]})
        assert as_person.get("/settings/").status_code == 302


class TestReadOnlyPages:
    LISTS = (
        "accounts/userevent",
        "accounts/roleevent",
        "accounts/apitokenevent",
        "accounts/securityevent",
        "accounts/apitoken",
        "account/emailaddress",
        "usersessions/usersession",
    )

    @pytest.mark.parametrize("name", LISTS)
    def test_open_for_administrators_and_auditors(
        self, as_administrator: Client, as_auditor: Client, person: User, name: str
    ) -> None:
        operations.create_token(user=person, name="Script", now=clock.now())
        assert as_administrator.get(f"/admin/{name}/").status_code == 200
        assert as_administrator.get(f"/admin/{name}/?q=ada").status_code == 200
        assert as_auditor.get(f"/admin/{name}/").status_code == 200

    @pytest.mark.parametrize("name", LISTS)
    def test_add_and_delete_nothing(self, as_administrator: Client, name: str) -> None:
        assert as_administrator.get(f"/admin/{name}/add/").status_code == 403

    def test_tokens_show_no_digest_and_can_be_revoked(self, as_administrator: Client, person: User) -> None:
        issued = operations.create_token(user=person, name="Script", now=clock.now())
        page = as_administrator.get(f"/admin/accounts/apitoken/{issued.token.pk}/change/")
        assert queries.digest_of(issued.key) not in page.content.decode()
        as_administrator.post(
            "/admin/accounts/apitoken/", {"action": "revoke", "_selected_action": [issued.token.pk]}
        )
        assert queries.token_for_key(issued.key, now=clock.now()) is None

    def test_auditor_revokes_nothing(self, as_auditor: Client, person: User) -> None:
        issued = operations.create_token(user=person, name="Script", now=clock.now())
        as_auditor.post(
            "/admin/accounts/apitoken/", {"action": "revoke", "_selected_action": [issued.token.pk]}
        )
        assert queries.token_for_key(issued.key, now=clock.now())

    def test_every_audit_table_of_the_site_has_one(self, as_auditor: Client) -> None:
        from pghistory.core import event_models

        for model in event_models():
            page = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
            assert as_auditor.get(page).status_code == 200, page
            assert as_auditor.get(f"{page}add/").status_code == 403, page

    def test_second_factors_secrets_have_no_page(self) -> None:
        from allauth.mfa.models import Authenticator

        assert not admin.site.is_registered(Authenticator)
        assert not admin.site.is_registered(Group)


class TestRolePermissions:
    def names(self, group: str) -> set[str]:
        held = Permission.objects.filter(group__name=group).select_related("content_type")
        return {f"{p.content_type.app_label}.{p.codename}" for p in held}

    def test_administrators_run_the_site_and_touch_no_books(self) -> None:
        names = self.names("Administrator")
        assert {"accounts.view_user", "accounts.change_user"} <= names
        assert not {
            n for n in names if n.startswith("accounts.") and n.split(".")[1].startswith(("add_", "delete_"))
        }
        writing = {n for n in names if not n.split(".")[1].startswith("view_")}
        assert {n.split(".")[0] for n in writing} <= {"accounts", "marketdata", "django_celery_beat"}

    def test_auditors_only_look(self) -> None:
        names = self.names("Auditor")
        assert "accounts.view_user" in names
        assert all(n.split(".")[1].startswith("view_") for n in names)

    def test_traders_need_none(self) -> None:
        assert self.names("Trader") == set()

    def test_come_back_after_the_tables_were_emptied(self) -> None:
        from django.apps import apps

        from accounts.operations.roles import grant_role_permissions

        Group.objects.all().delete()
        grant_role_permissions(app_label="accounts", apps=apps)
        grant_role_permissions(app_label="accounts", apps=apps)
        assert Group.objects.count() == 3
        assert "accounts.change_user" in self.names("Administrator")
