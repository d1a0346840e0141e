"""Taking one's data and leaving."""

from __future__ import annotations

import json

import pytest
from allauth.account.models import EmailAddress
from django.db.models import F
from django.test import Client

from accounts import operations, queries
from accounts.models import SecurityEvent, User, UserEvent
from accounts.tests.support import PASSWORD, add_totp, make_administrator, sign_in
from portfolio_site.kernel import clock

pytestmark = pytest.mark.django_db


@pytest.fixture
def fresh(client: Client, person: User) -> Client:
    """A browser in which the person has just given the password."""
    sign_in(client, person)
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    return client


class TestExport:
    def test_holds_what_is_known_and_no_secret(self, fresh: Client, person: User) -> None:
        issued = operations.create_token(user=person, name="Script", now=clock.now())
        secret = add_totp(person)
        response = fresh.post("/settings/export/")
        assert response["Content-Disposition"] == 'attachment; filename="holdfast-account.json"'
        text = response.content.decode()
        data = json.loads(text)
        assert data["profile"]["email"] == person.email
        assert [t["name"] for t in data["api_tokens"]] == ["Script"]
        assert {e["kind"] for e in data["security_log"]} >= {"signed_up", "signed_in", "token_created"}
        for hidden in (issued.key, queries.digest_of(issued.key), secret, person.password):
            assert hidden not in text
        assert SecurityEvent.objects.filter(kind="data_exported").exists()

    def test_asks_for_the_password_again(self, as_person: Client) -> None:
        response = as_person.post("/settings/export/")
        assert response.status_code == 302
        assert response["Location"].startswith("/accounts/reauthenticate/")


class TestCloseAccount:
    url = "/settings/close/"

    def test_closes_after_the_address_was_typed(self, fresh: Client, person: User) -> None:
        issued = operations.create_token(user=person, name="x", now=clock.now())
        response = fresh.post(self.url, {"how": "close", "typed_email": " ADA@example.org "})
        assert response.status_code == 302
        person.refresh_from_db()
        assert (person.is_active, person.suspended_reason) == (False, "Closed by the owner")
        assert "_auth_user_id" not in fresh.session
        assert queries.token_for_key(issued.key, now=clock.now()) is None
        assert fresh.post("/accounts/login/", {"login": person.email, "password": PASSWORD})["Location"] == (
            "/accounts/inactive/"
        )

    def test_wrong_address_closes_nothing(self, fresh: Client, person: User) -> None:
        response = fresh.post(self.url, {"how": "close", "typed_email": "eve@example.org"})
        assert response.status_code == 422
        assert set(response.context["form"].errors) == {"typed_email"}
        person.refresh_from_db()
        assert person.is_active

    def test_asks_for_the_password_again_and_goes_on_from_there(self, client: Client, person: User) -> None:
        sign_in(client, person)
        response = client.post(self.url, {"how": "close", "typed_email": person.email})
        assert response["Location"].startswith("/accounts/reauthenticate/")
        client.post(response["Location"], {"password": "wrong"})
        person.refresh_from_db()
        assert person.is_active
        client.post(response["Location"], {"password": PASSWORD})
        person.refresh_from_db()
        assert not person.is_active

    def test_closed_account_can_be_opened_by_an_administrator(self, fresh: Client, person: User) -> None:
        fresh.post(self.url, {"how": "close", "typed_email": person.email})
        operations.reactivate_user(user_id=person.pk, actor=make_administrator(), now=clock.now())
        sign_in(fresh, person)
        assert "_auth_user_id" in fresh.session

    def test_erasing_removes_what_names_the_person(self, fresh: Client, person: User) -> None:
        operations.update_preferences(user=person, name="Ada Lovelace")
        fresh.post(self.url, {"how": "erase", "typed_email": person.email})
        gone = User.objects.get(pk=person.pk)
        assert (gone.email, gone.name) == (f"erased-{person.pk}@erased.invalid", "")
        assert not gone.has_usable_password()
        assert not gone.roles
        assert not EmailAddress.objects.filter(user=gone).exists()
        with pytest.raises(operations.Erased):
            operations.reactivate_user(user_id=gone.pk, actor=make_administrator(), now=clock.now())

    def test_audit_trail_stays(self, fresh: Client, person: User) -> None:
        fresh.post(self.url, {"how": "erase", "typed_email": person.email})
        assert UserEvent.objects.filter(pgh_obj_id=person.pk, email="ada@example.org").exists()

    def test_page_says_what_stays(self, fresh: Client) -> None:
        body = fresh.get(self.url).content.decode()
        assert "What stays" in body
        assert "journal" in body

    def test_last_administrator_stays(self) -> None:
        administrator = make_administrator()
        with pytest.raises(operations.OwnAccess):
            operations.close_account(
                user=administrator, typed_email=administrator.email, erase=False, now=clock.now()
            )
        make_administrator("second@example.org")
        operations.close_account(
            user=administrator, typed_email=administrator.email, erase=False, now=clock.now()
        )

    def test_address_is_free_again_after_erasing(self, fresh: Client, person: User) -> None:
        fresh.post(self.url, {"how": "erase", "typed_email": person.email})
        again = operations.register_user(email="ada@example.org", password=PASSWORD, now=clock.now())
        assert again.pk != person.pk


class TestSessionEpoch:
    def test_raising_it_ends_a_session(self, fresh: Client, person: User) -> None:
        assert fresh.get("/settings/").status_code == 200
        User.objects.filter(pk=person.pk).update(session_epoch=F("session_epoch") + 1)
        assert fresh.get("/settings/").status_code == 302
