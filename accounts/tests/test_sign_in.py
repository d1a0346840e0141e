"""Signing in and out, second factors, limits, and what a stranger cannot find out."""

from __future__ import annotations

import re
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.core import mail
from django.test import Client

from accounts import operations
from accounts.models import SecurityEvent, User
from accounts.tests.support import (
    PASSWORD,
    add_totp,
    make_administrator,
    recovery_codes,
    sign_in,
    totp_code,
)
from portfolio_site.kernel import clock

pytestmark = pytest.mark.django_db


def is_signed_in(client: Client) -> bool:
    return "_auth_user_id" in client.session


class TestSignIn:
    def test_takes_the_address_in_any_case(self, client: Client, person: User) -> None:
        client.post("/accounts/login/", {"login": "ADA@Example.ORG", "password": PASSWORD})
        assert is_signed_in(client)

    def test_is_written_down(self, client: Client, person: User) -> None:
        client.post(
            "/accounts/login/",
            {"login": person.email, "password": PASSWORD},
            headers={"user-agent": "Netscape"},
        )
        entry = SecurityEvent.objects.get(kind="signed_in")
        assert (entry.user_id, entry.actor_id, entry.ip) == (person.pk, person.pk, "127.0.0.1")
        assert (entry.user_agent, entry.detail) == ("Netscape", "password")
        assert entry.request_id

    def test_unknown_address_and_wrong_password_look_alike(self, client: Client, person: User) -> None:
        bodies = [
            client.post("/accounts/login/", {"login": login, "password": "wrong"})
            for login in (person.email, "x@y.zz")
        ]
        assert [response.status_code for response in bodies] == [200, 200]
        errors = [response.context["form"].non_field_errors() for response in bodies]
        assert errors[0] == errors[1]

    def test_wrong_password_is_in_the_log_of_the_person(self, client: Client, person: User) -> None:
        client.post("/accounts/login/", {"login": person.email, "password": "wrong"})
        entry = SecurityEvent.objects.get(kind="sign_in_failed")
        assert (entry.user_id, entry.actor_id) == (person.pk, None)

    def test_five_wrong_passwords_close_the_door_for_a_while(self, client: Client, person: User) -> None:
        for _ in range(5):
            client.post("/accounts/login/", {"login": person.email, "password": "wrong"})
        response = sign_in(client, person)
        assert not is_signed_in(client)
        assert "Too many failed" in str(response.context["form"].errors)

    def test_unconfirmed_address_is_asked_to_confirm(self, client: Client) -> None:
        user = operations.register_user(email="new@example.org", password=PASSWORD, now=clock.now())
        response = sign_in(client, user)
        assert response["Location"] == "/accounts/confirm-email/"
        assert not is_signed_in(client)

    def test_goes_where_the_person_wanted(self, client: Client, person: User) -> None:
        response = sign_in(client, person, next="/settings/tokens/")
        assert response["Location"] == "/settings/tokens/"

    @pytest.mark.parametrize(
        "target",
        ["https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:alert(1)", "https:///x"],
    )
    def test_never_goes_to_another_site(
        self, client: Client, person: User, target: str, settings: Any
    ) -> None:
        settings.ALLOWED_HOSTS = ["testserver"]
        assert sign_in(client, person, next=target)["Location"] == "/"

    def test_passkey_is_offered(self, client: Client) -> None:
        assert b"passkey" in client.get("/accounts/login/").content.lower()


class TestSignOut:
    def test_asks_on_get_and_leaves_on_post(self, as_person: Client) -> None:
        as_person.get("/accounts/logout/")
        assert is_signed_in(as_person)
        as_person.post("/accounts/logout/")
        assert not is_signed_in(as_person)


class TestPasswordReset:
    def ask(self, client: Client, email: str) -> Any:
        return client.post("/accounts/password/reset/", {"email": email})

    def test_known_and_unknown_address_look_alike(self, client: Client, person: User) -> None:
        known, unknown = self.ask(client, person.email), self.ask(client, "nobody@example.org")
        assert (known.status_code, known["Location"]) == (unknown.status_code, unknown["Location"])
        assert [m.to for m in mail.outbox] == [[person.email], ["nobody@example.org"]]

    def test_link_sets_a_new_password_and_ends_old_sessions(self, client: Client, person: User) -> None:
        elsewhere = Client()
        sign_in(elsewhere, person)
        self.ask(client, person.email)
        found = re.search(r"https?://[^/\s]+(/accounts/password/reset/key/\S+)", str(mail.outbox[-1].body))
        assert found
        page = client.get(found.group(1), follow=True)
        where = page.redirect_chain[-1][0]
        client.post(where, {"password1": "quite another passphrase", "password2": "quite another passphrase"})
        person.refresh_from_db()
        assert person.check_password("quite another passphrase")
        assert elsewhere.get("/settings/").status_code == 302
        assert SecurityEvent.objects.filter(kind="password_reset", user=person).exists()

    def test_suspended_person_gets_no_link(self, client: Client, person: User) -> None:
        operations.suspend_user(user_id=person.pk, actor=make_administrator(), reason="x", now=clock.now())
        self.ask(client, person.email)
        assert "password/reset/key" not in str(mail.outbox[-1].body)


class TestSecondFactor:
    def test_password_alone_does_not_do(self, client: Client, person: User) -> None:
        add_totp(person)
        response = sign_in(client, person)
        assert response["Location"] == "/accounts/2fa/authenticate/"
        assert not is_signed_in(client)
        assert client.get("/settings/").status_code == 302

    def test_code_of_the_app_signs_in_once(self, client: Client, person: User) -> None:
        code = totp_code(add_totp(person))
        sign_in(client, person)
        client.post("/accounts/2fa/authenticate/", {"code": code})
        assert is_signed_in(client)
        assert SecurityEvent.objects.get(kind="signed_in").detail == "password, authenticator app"
        again = Client()
        sign_in(again, person)
        again.post("/accounts/2fa/authenticate/", {"code": code})
        assert not is_signed_in(again)

    def test_recovery_code_signs_in_once(self, client: Client, person: User) -> None:
        add_totp(person)
        code = recovery_codes(person)[0]
        for expected in (True, False):
            browser = Client()
            sign_in(browser, person)
            browser.post("/accounts/2fa/authenticate/", {"code": code})
            assert is_signed_in(browser) is expected

    def test_wrong_codes_are_limited_and_written_down(self, client: Client, person: User) -> None:
        secret = add_totp(person)
        sign_in(client, person)
        for _ in range(5):
            client.post("/accounts/2fa/authenticate/", {"code": "000000"})
        client.post("/accounts/2fa/authenticate/", {"code": totp_code(secret)})
        assert not is_signed_in(client)
        assert SecurityEvent.objects.filter(kind="code_refused").count() == 5

    def test_secrets_lie_encrypted_in_the_database(self, person: User, settings: Any) -> None:
        secret = add_totp(person)
        codes = recovery_codes(person)
        stored = str(list(Authenticator.objects.values_list("data", flat=True)))
        assert secret not in stored
        settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
        settings.SECRET_KEY = "rotated-" + "r" * 60
        totp = Authenticator.objects.get(type="totp").wrap()
        assert totp.validate_code(totp_code(secret))
        assert Authenticator.objects.get(type="recovery_codes").wrap().get_unused_codes() == codes

    @pytest.mark.parametrize(
        "page",
        ["/accounts/2fa/", "/accounts/2fa/totp/activate/", "/accounts/2fa/webauthn/", "/accounts/sessions/"],
    )
    def test_pages_open_after_signing_in(self, client: Client, person: User, page: str) -> None:
        sign_in(client, person)
        assert client.get(page, follow=True).status_code == 200


class TestSessions:
    def test_are_listed_and_end_elsewhere(self, client: Client, person: User) -> None:
        elsewhere = Client()
        sign_in(elsewhere, person)
        sign_in(client, person)
        listed = client.get("/accounts/sessions/")
        assert listed.context["session_count"] == 2
        client.post("/accounts/sessions/")
        assert elsewhere.get("/settings/").status_code == 302
        assert client.get("/settings/").status_code == 200


class TestPasskeyButton:
    def test_brings_the_form_and_script_it_needs(self, client: Client) -> None:
        body = client.get("/accounts/login/").content.decode()
        assert 'id="mfa_login"' in body
        assert 'form="mfa_login"' in body
        assert "mfa/js/webauthn.js" in body

    def test_is_answered_with_a_challenge(self, client: Client) -> None:
        answer = client.get("/accounts/2fa/webauthn/login/", headers={"x-requested-with": "XMLHttpRequest"})
        assert answer.status_code == 200
        assert answer.json()["request_options"]["publicKey"]["challenge"]
