"""Coming to have an account."""

from __future__ import annotations

import re
from typing import Any
from unittest import mock

import pytest
from django.core import mail
from django.test import Client

from accounts.events import UserRegistered
from accounts.models import SecurityEvent, User
from accounts.roles import Role
from accounts.tests.support import PASSWORD
from portfolio_site.kernel.events import dispatch_pending, subscribe

pytestmark = pytest.mark.django_db


def sign_up(client: Client, email: str = "new@example.org", password: str = PASSWORD) -> Any:
    return client.post("/accounts/signup/", {"email": email, "password1": password})


def link_in_mail() -> str:
    found = re.search(r"https?://[^/\s]+(/accounts/confirm-email/\S+)", str(mail.outbox[-1].body))
    assert found
    return found.group(1)


class TestSignUp:
    def test_makes_a_trader_who_confirms_the_address_first(self, client: Client) -> None:
        response = sign_up(client, "New@Example.org")
        assert response.status_code == 302
        assert response["Location"] == "/accounts/confirm-email/"
        user = User.objects.get(email="new@example.org")
        assert user.roles == {Role.TRADER}
        assert not user.is_staff
        assert "_auth_user_id" not in client.session
        assert [m.to for m in mail.outbox] == [["new@example.org"]]
        assert "Holdfast" in mail.outbox[0].subject

    def test_confirming_signs_in_and_asks_for_preferences(self, client: Client) -> None:
        sign_up(client)
        response = client.post(link_in_mail())
        assert response.status_code == 302
        assert response["Location"] == "/settings/welcome/"
        assert client.get("/settings/welcome/").status_code == 200
        kinds = set(SecurityEvent.objects.values_list("kind", flat=True))
        assert {"signed_up", "email_confirmed", "signed_in"} <= kinds

    def test_tells_the_other_rooms(self, client: Client) -> None:
        heard: list[UserRegistered] = []
        subscribe("accounts.tests.heard", UserRegistered, lambda event, envelope: heard.append(event))
        sign_up(client)
        dispatch_pending()
        assert [event.user_id for event in heard] == [User.objects.get().pk]

    def test_taken_address_gets_the_same_answer(self, client: Client, person: User) -> None:
        fresh = sign_up(Client(), "fresh@example.org")
        taken = sign_up(client, person.email.upper())
        assert (taken.status_code, taken["Location"]) == (fresh.status_code, fresh["Location"])
        assert User.objects.filter(email=person.email).count() == 1
        assert mail.outbox[-1].to == [person.email.upper()] or mail.outbox[-1].to == [person.email]
        assert "confirm-email" not in str(mail.outbox[-1].body)

    def test_address_taken_at_the_same_moment_gets_the_same_answer(
        self, client: Client, person: User
    ) -> None:
        with mock.patch("allauth.account.forms.email_already_exists", return_value=(person.email, False)):
            response = sign_up(client, person.email)
        assert response.status_code == 302
        assert response["Location"] == "/accounts/confirm-email/"
        assert User.objects.filter(email=person.email).count() == 1

    @pytest.mark.parametrize("password", ["short", "password123", "8675309867", "new@example.org"])
    def test_weak_password_is_refused_at_its_field(self, client: Client, password: str) -> None:
        response = sign_up(client, password=password)
        assert response.status_code == 200
        assert response.context["form"].errors.keys() == {"password1"}
        assert not User.objects.exists()

    def test_closed_site_makes_no_accounts(self, client: Client, settings: Any) -> None:
        settings.SIGNUP_OPEN = False
        sign_up(client)
        assert not User.objects.exists()

    def test_is_limited_by_address(self, client: Client) -> None:
        answers = [sign_up(client, f"p{n}@example.org").status_code for n in range(22)]
        assert answers[-1] == 429

    def test_html_in_a_name_stays_text(self, as_person: Client, person: User) -> None:
        User.objects.filter(pk=person.pk).update(name="<script>alert(1)</script>")
        body = as_person.get("/settings/").content.decode()
        assert "<script>alert(1)" not in body
        assert "&lt;script&gt;alert(1)" in body
