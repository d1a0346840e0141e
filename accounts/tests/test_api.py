"""The API's part about who is asking."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from accounts import operations
from accounts.models import ApiToken, SecurityEvent, User
from accounts.tests.support import (
    PASSWORD,
    add_passkey,
    add_totp,
    make_administrator,
    recovery_codes,
    totp_code,
)
from portfolio_site.kernel import clock

pytestmark = pytest.mark.django_db

ME = "/api/v1/me/"
TOKENS = "/api/v1/tokens/"
SIGN_IN = "/api/v1/auth/token/"


def post(client: Client, url: str, body: Any, **more: Any) -> Any:
    return client.post(url, body, content_type="application/json", **more)


def patch(client: Client, body: Any) -> Any:
    return client.patch(ME, body, content_type="application/json")


class TestMe:
    def test_wants_to_know_who(self, client: Client) -> None:
        assert client.get(ME).status_code == 401

    def test_shows_the_person(self, as_person: Client, person: User) -> None:
        body = as_person.get(ME).json()
        assert body["email"] == person.email
        assert body["roles"] == ["Trader"]
        assert body["has_second_factor"] is False
        assert "password" not in body

    def test_changes_preferences(self, as_person: Client, person: User) -> None:
        response = patch(
            as_person, {"time_zone": "Europe/Berlin", "hide_amounts": True, "base_currency": "EUR"}
        )
        assert response.status_code == 200
        person.refresh_from_db()
        assert (person.time_zone, person.hide_amounts, person.base_currency) == ("Europe/Berlin", True, "EUR")

    @pytest.mark.parametrize(
        "body",
        [
            {"time_zone": "Mars/Olympus"},
            {"base_currency": "ZZZ"},
            {"theme": "pink"},
            {"locale": "tlh"},
            {"name": "x" * 121},
            {"email": "other@example.org"},
            {"is_staff": True},
            {"roles": ["Administrator"]},
            {"nonsense": 1},
        ],
    )
    def test_refuses_the_rest_and_names_the_field(
        self, as_person: Client, person: User, body: dict[str, Any]
    ) -> None:
        response = patch(as_person, body)
        assert response.status_code == 400
        assert [error["field"] for error in response.json()["errors"]] == list(body)
        fresh = User.objects.get(pk=person.pk)
        assert (fresh.email, fresh.is_staff, fresh.time_zone) == (person.email, False, "UTC")

    @pytest.mark.parametrize("body", ["[1]", '"x"', "null", "{", "1e999999"])
    def test_refuses_bodies_that_are_no_objects(self, as_person: Client, body: str) -> None:
        assert patch(as_person, body).status_code == 400


class TestTokens:
    def test_are_for_the_site_s_own_sign_in_only(self, client: Client, person: User) -> None:
        issued = operations.create_token(user=person, name="x", now=clock.now())
        headers = {"authorization": f"Token {issued.key}"}
        refused = client.get(TOKENS, headers=headers)
        assert refused.status_code == 401
        assert "sign in to the site" in refused.json()["detail"]
        assert post(client, TOKENS, {"name": "more"}, headers=headers).status_code == 401

    def test_are_made_listed_and_revoked(self, as_person: Client) -> None:
        made = post(as_person, TOKENS, {"name": "Script"})
        assert made.status_code == 201
        assert made.headers["Cache-Control"] == "no-store"
        key, pk = made.json()["key"], made.json()["token"]["id"]
        assert made.json()["token"]["access"] == "read"
        listed = as_person.get(TOKENS)
        assert [row["id"] for row in listed.json()["results"]] == [pk]
        assert key not in listed.content.decode()
        assert as_person.delete(f"{TOKENS}{pk}/").status_code == 204
        assert as_person.get(f"{TOKENS}{pk}/").json()["is_live"] is False

    def test_of_somebody_else_are_not_found(self, as_outsider: Client, person: User) -> None:
        issued = operations.create_token(user=person, name="x", now=clock.now())
        assert as_outsider.get(f"{TOKENS}{issued.token.pk}/").status_code == 404
        assert as_outsider.delete(f"{TOKENS}{issued.token.pk}/").status_code == 404
        assert as_outsider.get(TOKENS).json()["results"] == []
        assert ApiToken.objects.get().revoked_at is None

    def test_need_the_csrf_token(self, person: User) -> None:
        browser = Client(enforce_csrf_checks=True)
        browser.force_login(person)
        assert post(browser, TOKENS, {"name": "x"}).status_code == 403

    def test_expiry_in_the_past_is_named(self, as_person: Client) -> None:
        response = post(as_person, TOKENS, {"name": "x", "expires_at": "2020-01-01T00:00:00Z"})
        assert response.status_code == 422
        assert response.json()["errors"][0]["field"] == "expires_at"

    def test_list_costs_the_same_with_many(
        self, as_person: Client, person: User, django_assert_max_num_queries: Any
    ) -> None:
        for number in range(12):
            operations.create_token(user=person, name=str(number), now=clock.now())
        with django_assert_max_num_queries(4):
            as_person.get(TOKENS)


class TestSignIn:
    def sign_in(self, client: Client, user: User, **more: Any) -> Any:
        return post(client, SIGN_IN, {"email": user.email, "password": PASSWORD, **more})

    def test_gives_a_token_that_works_and_ends(self, client: Client, person: User) -> None:
        response = self.sign_in(client, person)
        assert response.status_code == 201
        headers = {"authorization": f"Token {response.json()['key']}"}
        assert client.get(ME, headers=headers).json()["email"] == person.email
        assert response.json()["token"]["expires_at"] is not None
        assert client.delete(SIGN_IN, headers=headers).status_code == 204
        assert client.get(ME, headers=headers).status_code == 401
        assert client.delete(SIGN_IN, headers=headers).status_code == 401

    def test_unknown_address_and_wrong_password_look_alike(self, client: Client, person: User) -> None:
        wrong = post(client, SIGN_IN, {"email": person.email, "password": "wrong"})
        unknown = post(client, SIGN_IN, {"email": "no@example.org", "password": "wrong"})
        assert wrong.status_code == unknown.status_code == 401
        assert {**wrong.json(), "request_id": ""} == {**unknown.json(), "request_id": ""}
        assert wrong.json()["code"] == "invalid_credentials"

    def test_shares_the_limit_of_the_page(self, client: Client, person: User) -> None:
        for _ in range(5):
            post(client, SIGN_IN, {"email": person.email, "password": "wrong"})
        assert self.sign_in(client, person).status_code == 429
        response = client.post("/accounts/login/", {"login": person.email, "password": PASSWORD})
        assert "Too many failed" in str(response.context["form"].errors)

    def test_asks_for_the_second_factor(self, client: Client, person: User) -> None:
        secret = add_totp(person)
        without = self.sign_in(client, person)
        assert (without.status_code, without.json()["code"]) == (401, "second_factor_required")
        wrong = self.sign_in(client, person, code="000000")
        assert (wrong.status_code, wrong.json()["code"]) == (401, "second_factor_refused")
        assert not ApiToken.objects.exists()
        code = totp_code(secret)
        assert self.sign_in(client, person, code=code).status_code == 201
        assert self.sign_in(client, person, code=code).status_code == 401

    def test_takes_a_recovery_code_once(self, client: Client, person: User) -> None:
        add_totp(person)
        code = recovery_codes(person)[0]
        assert self.sign_in(client, person, code=code).status_code == 201
        assert self.sign_in(client, person, code=code).status_code == 401

    def test_wrong_codes_are_limited(self, client: Client, person: User) -> None:
        secret = add_totp(person)
        for _ in range(5):
            self.sign_in(client, person, code="000000")
        assert self.sign_in(client, person, code=totp_code(secret)).status_code == 429

    def test_sends_people_with_a_passkey_to_the_settings(self, client: Client, person: User) -> None:
        add_passkey(person)
        response = self.sign_in(client, person)
        assert (response.status_code, response.json()["code"]) == (403, "passkey_only")

    def test_refuses_the_suspended_and_the_unconfirmed(self, client: Client, person: User) -> None:
        new = operations.register_user(email="new@example.org", password=PASSWORD, now=clock.now())
        assert self.sign_in(client, new).json()["code"] == "email_not_verified"
        operations.suspend_user(user_id=person.pk, actor=make_administrator(), reason="x", now=clock.now())
        assert self.sign_in(client, person).json()["code"] == "account_suspended"
        assert not ApiToken.objects.exists()

    def test_is_written_down(self, client: Client, person: User) -> None:
        self.sign_in(client, person, name="Bot")
        assert set(SecurityEvent.objects.filter(user=person).values_list("kind", flat=True)) >= {
            "signed_in",
            "token_created",
        }

    @pytest.mark.parametrize(
        "body",
        [{}, {"email": "x", "password": "y"}, {"email": "a@b.cc"}, {"email": ["a@b.cc"], "password": {}}],
    )
    def test_says_what_is_missing(self, client: Client, body: dict[str, Any]) -> None:
        response = post(client, SIGN_IN, body)
        assert response.status_code == 400
        assert response.json()["errors"]

    def test_is_throttled_by_address(self, client: Client, person: User, monkeypatch: Any) -> None:
        monkeypatch.setattr(
            "portfolio_site.kernel.api.throttling.LoginThrottle.THROTTLE_RATES", {"login": "3/min"}
        )
        answers = [post(client, SIGN_IN, {"email": f"p{n}@example.org", "password": "x"}) for n in range(4)]
        assert [a.status_code for a in answers] == [401, 401, 401, 429]
        assert "Retry-After" in answers[-1].headers


class TestSchema:
    def test_describes_all_of_it(self) -> None:
        from drf_spectacular.generators import SchemaGenerator

        schema = SchemaGenerator().get_schema(request=None, public=True)
        paths = schema["paths"]
        assert {ME, TOKENS, f"{TOKENS}{{id}}/", SIGN_IN} <= set(paths)
        assert schema["components"]["securitySchemes"]["apiToken"]["name"] == "Authorization"
        described = [
            operation.get("description")
            for path in (ME, TOKENS, SIGN_IN)
            for operation in paths[path].values()
            if isinstance(operation, dict)
        ]
        assert all(described)
