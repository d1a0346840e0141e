"""Keys for programs: made once, shown once, refused at once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts import operations, queries
from accounts.models import ApiToken, SecurityEvent, User
from accounts.tests.support import make_administrator
from portfolio_site.kernel import clock
from portfolio_site.kernel.errors import DomainError

pytestmark = pytest.mark.django_db


def header(key: str) -> dict[str, str]:
    return {"authorization": f"Token {key}"}


def make(user: User, **more: Any) -> operations.IssuedToken:
    return operations.create_token(user=user, name="Script", now=clock.now(), **more)


class TestCreateToken:
    def test_stores_a_digest_and_not_the_key(self, person: User) -> None:
        issued = make(person)
        stored = ApiToken.objects.values().get()
        assert issued.key not in str(stored)
        assert issued.key.split("_")[2] not in str(stored)
        assert len(issued.key.split("_")[2]) == 43
        assert stored["digest"] == queries.digest_of(issued.key)

    def test_refuses_an_expiry_in_the_past(self, person: User) -> None:
        with pytest.raises(Exception, match="expired") as caught:
            make(person, expires_at=clock.now() - timedelta(seconds=1))
        assert getattr(caught.value, "field", None) == "expires_at"

    def test_refuses_a_blank_name(self, person: User) -> None:
        with pytest.raises(Exception, match="name"):
            operations.create_token(user=person, name=" \t ", now=clock.now())

    def test_stops_at_more_than_anybody_looks_through(
        self, person: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("accounts.operations.tokens.MAX_LIVE_TOKENS", 2)
        first = make(person)
        make(person)
        with pytest.raises(operations.TooManyTokens):
            make(person)
        operations.revoke_token(user=person, token_id=first.token.pk, now=clock.now())
        make(person)


class TestTokenForKey:
    def test_opens_for_the_right_key_only(self, person: User) -> None:
        issued = make(person)
        found = queries.token_for_key(issued.key, now=clock.now())
        assert found is not None
        assert found.user == person

    @pytest.mark.parametrize(
        "spoil",
        [
            lambda key: key[:-1] + ("A" if key[-1] != "A" else "B"),
            lambda key: key.upper(),
            lambda key: key.rpartition("_")[0] + "_",
            lambda key: key.replace("hf_", "xx_"),
            lambda key: key + "_more",
            lambda key: "hf__" + key.split("_")[2],
            lambda key: "hf_' OR 1=1 --_x",
            lambda key: "\x00",
            lambda key: "a" * 10_000,
            lambda key: "",
        ],
    )
    def test_opens_for_no_other(self, person: User, spoil: Any) -> None:
        assert queries.token_for_key(spoil(make(person).key), now=clock.now()) is None

    def test_ends_when_it_expires(self, person: User) -> None:
        issued = make(person, expires_at=clock.now() + timedelta(days=1))
        assert queries.token_for_key(issued.key, now=clock.now() + timedelta(hours=23))
        assert queries.token_for_key(issued.key, now=clock.now() + timedelta(days=1, seconds=1)) is None

    def test_ends_when_it_is_revoked(self, person: User) -> None:
        issued = make(person)
        operations.revoke_token(user=person, token_id=issued.token.pk, now=clock.now())
        assert queries.token_for_key(issued.key, now=clock.now()) is None

    def test_got_by_signing_in_ends_with_the_password(self, person: User) -> None:
        by_password = make(person, kind=ApiToken.Kind.SIGN_IN)
        named = make(person)
        person.set_password("a new passphrase for ada")
        person.save()
        assert queries.token_for_key(by_password.key, now=clock.now()) is None
        assert queries.token_for_key(named.key, now=clock.now()) is not None


class TestRevokeToken:
    def test_twice_keeps_the_first_time(self, person: User) -> None:
        token = make(person).token
        first = operations.revoke_token(user=person, token_id=token.pk, now=clock.now()).revoked_at
        again = operations.revoke_token(user=person, token_id=token.pk, now=clock.now() + timedelta(days=1))
        assert again.revoked_at == first
        assert SecurityEvent.objects.filter(kind="token_revoked").count() == 1

    def test_of_somebody_else_is_not_found(self, person: User, outsider: User) -> None:
        token = make(person).token
        with pytest.raises(operations.TokenNotFound):
            operations.revoke_token(user=outsider, token_id=token.pk, now=clock.now())
        with pytest.raises(operations.TokenNotFound):
            operations.revoke_token(user=person, token_id=token.pk, actor=outsider, now=clock.now())

    def test_by_an_administrator_names_the_administrator(self, person: User) -> None:
        administrator, token = make_administrator(), make(person).token
        operations.revoke_token(user=person, token_id=token.pk, actor=administrator, now=clock.now())
        assert SecurityEvent.objects.get(kind="token_revoked").actor == administrator


class TestAuthentication:
    def test_signs_a_request_in(self, client: Client, person: User) -> None:
        response = client.get("/api/v1/me/", headers=header(make(person).key))
        assert (response.status_code, response.json()["email"]) == (200, person.email)

    @pytest.mark.parametrize(
        "value",
        ["Token", "Token a b", "Token hf_x_y", "Token \xff\xfe", "Token hf_abc_" + "a" * 43, "token nope"],
    )
    def test_refuses_what_is_no_key(self, client: Client, person: User, value: str) -> None:
        response = client.get("/api/v1/me/", headers={"authorization": value})
        assert response.status_code == 401
        assert response.headers["WWW-Authenticate"] == "Token"
        assert response.headers["Content-Type"].startswith("application/problem+json")

    def test_read_only_token_reads_only(self, client: Client, person: User) -> None:
        headers = header(make(person, access=ApiToken.Access.READ).key)
        assert client.get("/api/v1/me/", headers=headers).status_code == 200
        response = client.patch(
            "/api/v1/me/", {"name": "X"}, content_type="application/json", headers=headers
        )
        assert response.status_code == 403
        person.refresh_from_db()
        assert person.name == ""

    def test_last_use_is_written_at_most_once_a_minute(self, client: Client, person: User) -> None:
        headers = header(make(person).key)
        with time_machine.travel("2026-11-21 12:00:00+00:00", tick=False) as traveller:
            ApiToken.objects.update(created_at=clock.now())
            client.get("/api/v1/me/", headers=headers)
            first = ApiToken.objects.get().last_used_at
            traveller.shift(30)
            with CaptureQueriesContext(
                connection,
            ) as queries_made:
                client.get("/api/v1/me/", headers=headers)
            assert not [q for q in queries_made.captured_queries if q["sql"].startswith("UPDATE")]
            assert ApiToken.objects.get().last_used_at == first
            traveller.shift(31)
            client.get("/api/v1/me/", headers=headers)
            assert ApiToken.objects.get().last_used_at == clock.now()

    def test_costs_few_queries(
        self, client: Client, person: User, django_assert_max_num_queries: Any
    ) -> None:
        headers = header(make(person).key)
        client.get("/api/v1/me/", headers=headers)
        with django_assert_max_num_queries(3):
            client.get("/api/v1/me/", headers=headers)


class TestTokensPage:
    url = "/settings/tokens/"

    def post(self, client: Client, **more: str) -> Any:
        token = client.get(self.url).context["form"]["form_token"].value()
        data = {"name": "Script", "access": "read", "expires": "90", "form_token": token, **more}
        return client.post(self.url, data)

    def test_shows_the_key_once(self, as_person: Client) -> None:
        response = self.post(as_person)
        key = response.context["issued"].key
        assert key in response.content.decode()
        assert "no-store" in response.headers["Cache-Control"]
        assert key not in as_person.get(self.url).content.decode()
        token = ApiToken.objects.get()
        assert token.expires_at is not None
        assert token.access == "read"

    def test_double_click_makes_one(self, as_person: Client) -> None:
        once = as_person.get(self.url).context["form"]["form_token"].value()
        data = {"name": "Script", "access": "read", "expires": "", "form_token": once}
        as_person.post(self.url, data)
        again = as_person.post(self.url, data)
        assert (again.status_code, again["Location"]) == (302, self.url)
        assert ApiToken.objects.count() == 1

    def test_says_what_is_wrong_at_the_field(self, as_person: Client) -> None:
        response = self.post(as_person, name="", expires="7")
        assert response.status_code == 422
        assert set(response.context["form"].errors) == {"name", "expires"}
        assert not ApiToken.objects.exists()

    def test_revokes_at_once(self, as_person: Client, person: User) -> None:
        issued = make(person)
        url = f"/settings/tokens/{issued.token.pk}/revoke/"
        assert as_person.get(url).status_code == 200
        assert queries.token_for_key(issued.key, now=clock.now())
        assert as_person.post(url).status_code == 302
        assert queries.token_for_key(issued.key, now=clock.now()) is None

    def test_outsider_finds_nothing(self, as_outsider: Client, person: User) -> None:
        issued = make(person)
        url = f"/settings/tokens/{issued.token.pk}/revoke/"
        assert as_outsider.get(url).status_code == 404
        assert as_outsider.post(url).status_code == 404
        assert issued.token.prefix not in as_outsider.get(self.url).content.decode()
        assert queries.token_for_key(issued.key, now=clock.now())

    def test_costs_the_same_with_many_tokens(
        self, as_person: Client, person: User, django_assert_max_num_queries: Any
    ) -> None:
        for _ in range(12):
            make(person)
        with django_assert_max_num_queries(6):
            as_person.get(self.url)


class TestRights:
    def test_scopes_may_be_named_one_by_one(self, as_person: Client) -> None:
        made = as_person.post(
            "/api/v1/tokens/",
            {"name": "Bot", "scopes": ["trade"], "allowed_networks": ["203.0.113.7", "2001:db8::/32"]},
            content_type="application/json",
        ).json()
        assert made["token"]["scopes"] == ["read", "trade"]
        assert made["token"]["access"] == "trade"
        assert made["token"]["allowed_networks"] == ["203.0.113.7/32", "2001:db8::/32"]

    @pytest.mark.parametrize(("access", "status"), [("trade", 403), ("admin", 200), ("full", 200)])
    def test_changing_ones_data_takes_the_admin_right(
        self, client: Client, person: User, access: str, status: int
    ) -> None:
        headers = header(make(person, access=ApiToken.Access(access)).key)
        response = client.patch(
            "/api/v1/me/", {"name": "X"}, content_type="application/json", headers=headers
        )
        assert response.status_code == status

    @pytest.mark.parametrize(
        ("networks", "ip", "status"),
        [
            ([], "198.51.100.1", 200),
            (["203.0.113.0/24"], "203.0.113.9", 200),
            (["203.0.113.0/24"], "::ffff:203.0.113.9", 200),
            (["203.0.113.0/24"], "203.0.114.9", 403),
            (["203.0.113.0/24"], "2001:db8::1", 403),
            (["2001:db8::/32", "127.0.0.1"], "127.0.0.1", 200),
        ],
    )
    def test_is_taken_from_its_networks_only(
        self, client: Client, person: User, networks: list[str], ip: str, status: int
    ) -> None:
        key = make(person, allowed_networks=networks).key
        response = client.get("/api/v1/me/", headers=header(key), REMOTE_ADDR=ip)
        assert response.status_code == status

    @pytest.mark.parametrize(
        ("proxies", "forwarded", "status"),
        [
            # Nobody in front: whatever a client says of itself is not believed.
            (0, "203.0.113.9", 403),
            # One in front: what it wrote last is the address, what the client wrote before it is not.
            (1, "203.0.113.9", 200),
            (1, "198.51.100.1, 203.0.113.9", 200),
            (1, "203.0.113.9, 198.51.100.1", 403),
            (1, "203.0.113.9, nonsense", 403),
            (1, ", ,", 403),
            # Two in front, and a request that came in behind the outer one.
            (2, "203.0.113.9, 192.0.2.8", 200),
            (2, "203.0.113.9", 200),
            (2, "198.51.100.1", 403),
            (2, "nonsense", 403),
            (2, "203.0.113.9, 198.51.100.1, 192.0.2.8", 403),
        ],
    )
    def test_behind_proxies_is_taken_by_what_these_say(
        self, client: Client, person: User, settings: Any, proxies: int, forwarded: str, status: int
    ) -> None:
        settings.ALLAUTH_TRUSTED_PROXY_COUNT = proxies
        key = make(person, allowed_networks=["203.0.113.0/24"]).key
        for url in ("/api/v1/me/", "/api/v1/instruments/search/?q=x"):
            response = client.get(
                url, headers={**header(key), "X-Forwarded-For": forwarded}, REMOTE_ADDR="192.0.2.1"
            )
            assert response.status_code == status
        # No other door falls over it.
        assert client.get("/", headers={"X-Forwarded-For": forwarded}).status_code == 200
        wrong = {"email": person.email, "password": "wrong"}
        answer = client.post(
            "/api/auth/login", wrong, content_type="application/json", headers={"X-Forwarded-For": forwarded}
        )
        assert answer.status_code in {401, 403}

    @pytest.mark.parametrize("network", ["everywhere", "203.0.113.0/33", "", "1.2.3.4.5"])
    def test_refuses_what_is_no_network(self, person: User, network: str) -> None:
        with pytest.raises(DomainError) as caught:
            make(person, allowed_networks=[network])
        assert caught.value.field == "allowed_networks"

    def test_bearer_will_do_as_well(self, client: Client, person: User) -> None:
        headers = {"authorization": f"Bearer {make(person).key}"}
        assert client.get("/api/v1/me/", headers=headers).status_code == 200
