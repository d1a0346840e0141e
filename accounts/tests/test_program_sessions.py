"""Accounts: programs register, sign in with a JWT, refresh it, and are signed out."""

from __future__ import annotations

import base64
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jwt
import pytest
import time_machine
from allauth.account.models import EmailAddress
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.core import mail
from django.db import connection
from django.test import Client

from accounts import operations
from accounts.models import SecurityEvent, User
from accounts.tests.support import PASSWORD, make_administrator, make_auditor, make_user
from portfolio_site.kernel import clock

pytestmark = pytest.mark.django_db


def post(client: Client, path: str, body: Any, **headers: str) -> Any:
    return client.post(f"/api/auth/{path}", body, content_type="application/json", headers=headers)


@pytest.fixture
def ada() -> User:
    user: User = make_user("ada@example.org")
    return user


@pytest.fixture
def tokens(client: Client, ada: User) -> dict[str, Any]:
    response = post(client, "login", {"email": ada.email, "password": PASSWORD})
    assert response.status_code == 200
    found: dict[str, Any] = response.json()
    return found


def me(client: Client, token: str) -> Any:
    return client.get("/api/v1/me/", headers={"authorization": f"Bearer {token}"})


class TestRegister:
    def test_signs_in_at_once_where_no_confirmation_is_asked(self, client: Client, settings: Any) -> None:
        settings.ACCOUNT_EMAIL_VERIFICATION = "optional"
        body = {"email": "New@Example.org", "password": "correct horse battery"}
        response = post(client, "register", body)
        made = response.json()
        assert (response.status_code, made["verification_required"]) == (201, False)
        assert me(client, made["access_token"]).json()["email"] == "new@example.org"
        assert not response.cookies
        assert User.objects.get().groups.get().name == "Trader"

    def test_asks_for_confirmation_and_says_nothing_of_taken_addresses(
        self, client: Client, ada: User
    ) -> None:
        answers = [
            post(client, "register", {"email": email, "password": "correct horse battery"})
            for email in (ada.email, "free@example.org")
        ]
        assert [a.status_code for a in answers] == [201, 201]
        for answer in answers:
            assert answer.json() == {
                "email": answer.json()["email"],
                "verification_required": True,
                "access_token": None,
                "refresh_token": None,
                "token_type": "Bearer",
                "expires_in": None,
            }
        assert len(mail.outbox) == 2
        login = post(client, "login", {"email": "free@example.org", "password": "correct horse battery"})
        assert (login.status_code, login.json()["type"]) == (403, "/api/problems/email_not_verified")

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({"email": "no address", "password": "correct horse battery"}, "email"),
            ({"email": "a@example.org", "password": "short"}, "password"),
            ({"email": "a@example.org", "password": "1234567890"}, "password"),
            ({"email": "a@example.org"}, "password"),
            ({"email": ["a@example.org"], "password": "correct horse battery"}, "email"),
            ({"email": "a\x00@example.org", "password": "correct horse battery"}, "email"),
        ],
    )
    def test_names_the_field_that_will_not_do(self, client: Client, body: Any, field: str) -> None:
        response = post(client, "register", body)
        assert response.status_code == 400
        assert field in response.content.decode()
        assert not User.objects.exists()

    def test_is_closed_where_sign_up_is(self, client: Client, settings: Any) -> None:
        settings.SIGNUP_OPEN = False
        response = post(client, "register", {"email": "a@example.org", "password": "correct horse battery"})
        assert (response.status_code, response.json()["type"]) == (403, "/api/problems/signup_closed")


class TestLogin:
    def test_gives_a_short_lived_token_and_no_cookie(self, client: Client, ada: User) -> None:
        response = post(client, "login", {"email": ada.email.upper(), "password": PASSWORD})
        tokens = response.json()
        assert me(client, tokens["access_token"]).json()["email"] == ada.email
        assert (tokens["token_type"], tokens["expires_in"]) == ("Bearer", 900)
        assert not response.cookies
        assert response.headers["Cache-Control"] == "no-store"
        assert SecurityEvent.objects.filter(kind="signed_in", detail="by API").count() == 1
        assert UserSession.objects.get().user == ada

    def test_keeps_the_browser_signed_in_as_it_was(self, client: Client, ada: User) -> None:
        grace = make_user("grace@example.org")
        client.force_login(grace)
        before = client.session.session_key
        post(client, "login", {"email": ada.email, "password": PASSWORD})
        assert client.session.session_key == before
        assert client.get("/api/v1/me/").json()["email"] == grace.email

    def test_refuses_a_wrong_password_like_an_unknown_address(self, client: Client, ada: User) -> None:
        answers = [
            post(client, "login", {"email": email, "password": "wrong wrong wrong"})
            for email in (ada.email, "nobody@example.org")
        ]
        assert {a.status_code for a in answers} == {401}
        assert answers[0].json()["detail"] == answers[1].json()["detail"]

    def test_token_ends_with_its_time(self, client: Client, ada: User) -> None:
        with time_machine.travel("2026-11-21 12:00:00+00:00", tick=False) as traveller:
            tokens = post(client, "login", {"email": ada.email, "password": PASSWORD}).json()
            traveller.shift(899)
            assert me(client, tokens["access_token"]).status_code == 200
            traveller.shift(2)
            assert me(client, tokens["access_token"]).status_code == 401

    def test_changing_the_password_ends_it(self, client: Client, ada: User, tokens: dict[str, Any]) -> None:
        ada.set_password("another good password")
        ada.save()
        assert me(client, tokens["access_token"]).status_code == 401
        assert post(client, "refresh", {"refresh_token": tokens["refresh_token"]}).status_code == 401

    def test_ending_all_sessions_ends_it(self, client: Client, ada: User, tokens: dict[str, Any]) -> None:
        admin = make_administrator("admin@example.org")
        operations.end_sessions(user_id=ada.pk, actor=admin, now=clock.now())
        assert me(client, tokens["access_token"]).status_code == 401

    def test_suspension_ends_it(self, client: Client, ada: User, tokens: dict[str, Any]) -> None:
        admin = make_administrator("admin@example.org")
        operations.suspend_user(user_id=ada.pk, actor=admin, reason="Test", now=clock.now())
        assert me(client, tokens["access_token"]).status_code == 401


class TestForgery:
    def forged(self, token: str, header: dict[str, str], key: str) -> str:
        payload = jwt.decode(token, options={"verify_signature": False})
        payload["exp"] += 10_000
        if header["alg"] == "none":
            parts = [json.dumps(part).encode() for part in (header, payload)]
            return ".".join(base64.urlsafe_b64encode(p).rstrip(b"=").decode() for p in parts) + "."
        return jwt.encode(payload, key, algorithm=header["alg"])

    @pytest.mark.parametrize(
        ("algorithm", "key"), [("none", ""), ("HS256", "k" * 40), ("HS384", "tests-only-" + "k" * 50)]
    )
    def test_refuses_what_is_not_signed_as_ours(
        self, client: Client, tokens: dict[str, Any], algorithm: str, key: str
    ) -> None:
        forged = self.forged(tokens["access_token"], {"alg": algorithm, "typ": "JWT"}, key)
        response = me(client, forged)
        assert (response.status_code, response.json()["type"]) == (401, "/api/problems/token_invalid")

    def test_refuses_a_refresh_token_as_an_access_token(self, client: Client, tokens: dict[str, Any]) -> None:
        assert me(client, tokens["refresh_token"]).status_code == 401

    def test_refuses_anothers_session(self, client: Client, ada: User, tokens: dict[str, Any]) -> None:
        payload = jwt.decode(tokens["access_token"], options={"verify_signature": False})
        payload["sub"] = str(make_user("eve@example.org").pk)
        signed = jwt.encode(payload, settings.SECRET_KEY, algorithm="HS256")
        assert me(client, signed).status_code == 401

    @pytest.mark.parametrize(
        "value", ["Bearer", "Bearer a b", "Bearer x", "Bearer ..", "bearer \xff", "Bearer hf_"]
    )
    def test_refuses_what_is_no_token(self, client: Client, value: str) -> None:
        assert client.get("/api/v1/me/", headers={"authorization": value}).status_code == 401


class TestRefresh:
    def test_works_once(self, client: Client, tokens: dict[str, Any]) -> None:
        fresh = post(client, "refresh", {"refresh_token": tokens["refresh_token"]})
        assert fresh.status_code == 200
        assert me(client, fresh.json()["access_token"]).status_code == 200
        again = post(client, "refresh", {"refresh_token": tokens["refresh_token"]})
        assert (again.status_code, again.json()["type"]) == (401, "/api/problems/refresh_token_invalid")
        assert post(client, "refresh", {"refresh_token": fresh.json()["refresh_token"]}).status_code == 200

    @pytest.mark.parametrize(
        "body", [{}, {"refresh_token": ""}, {"refresh_token": 5}, {"refresh_token": None}, []]
    )
    def test_refuses_what_is_no_token(self, client: Client, body: Any) -> None:
        assert post(client, "refresh", body).status_code in (400, 401)


@pytest.mark.django_db(transaction=True)
def test_two_refreshes_at_once_give_one_pair(ada: User) -> None:
    tokens = post(Client(), "login", {"email": ada.email, "password": PASSWORD}).json()

    def refresh(_: int) -> int:
        try:
            return int(post(Client(), "refresh", {"refresh_token": tokens["refresh_token"]}).status_code)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(refresh, range(4))) == [200, 401, 401, 401]


class TestLogout:
    def test_ends_access_and_refresh_at_once(self, client: Client, tokens: dict[str, Any]) -> None:
        header = {"authorization": f"Bearer {tokens['access_token']}"}
        assert post(client, "logout", {}, **header).status_code == 204
        assert me(client, tokens["access_token"]).status_code == 401
        assert post(client, "refresh", {"refresh_token": tokens["refresh_token"]}).status_code == 401
        assert not UserSession.objects.exists()
        assert SecurityEvent.objects.filter(kind="signed_out").count() == 1
        assert post(client, "logout", {}, **header).status_code == 204

    def test_takes_the_refresh_token_instead(self, client: Client, tokens: dict[str, Any]) -> None:
        assert post(client, "logout", {"refresh_token": tokens["refresh_token"]}).status_code == 204
        assert me(client, tokens["access_token"]).status_code == 401

    def test_ending_the_session_on_the_page_ends_it(self, client: Client, tokens: dict[str, Any]) -> None:
        UserSession.objects.get().end()
        assert me(client, tokens["access_token"]).status_code == 401


def test_an_auditor_changes_nothing_by_jwt(client: Client) -> None:
    auditor = make_auditor("auditor@example.org")
    tokens = post(client, "login", {"email": auditor.email, "password": PASSWORD}).json()
    response = client.post(
        "/api/v1/portfolios/",
        {"name": "X", "base_currency": "EUR"},
        content_type="application/json",
        headers={"authorization": f"Bearer {tokens['access_token']}"},
    )
    assert response.status_code == 403


def test_unconfirmed_address_may_sign_in_where_that_is_optional(
    client: Client, settings: Any, ada: User
) -> None:
    settings.ACCOUNT_EMAIL_VERIFICATION = "optional"
    EmailAddress.objects.update(verified=False)
    assert post(client, "login", {"email": ada.email, "password": PASSWORD}).status_code == 200
