"""The pages under /settings/."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

import pytest
from allauth.usersessions.models import UserSession
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts import operations
from accounts.models import SecurityEvent, User
from accounts.tests.support import sign_in
from portfolio_site.kernel import clock

pytestmark = pytest.mark.django_db

PAGES = (
    "/settings/",
    "/settings/welcome/",
    "/settings/preview/",
    "/settings/security/",
    "/settings/tokens/",
    "/settings/export/",
    "/settings/close/",
)


def preferences(**more: str) -> dict[str, str]:
    return {
        "name": "Ada",
        "base_currency": "EUR",
        "locale": "de",
        "time_zone": "Europe/Berlin",
        "theme": "dark",
        **more,
    }


class TestPages:
    @pytest.mark.parametrize("page", PAGES)
    def test_want_somebody_signed_in(self, client: Client, page: str) -> None:
        response = client.get(page)
        assert response.status_code == 302
        assert response["Location"] == f"/accounts/login/?next={page}"

    @pytest.mark.parametrize("page", PAGES)
    def test_open_within_their_budget(
        self, as_person: Client, page: str, django_assert_max_num_queries: Any
    ) -> None:
        as_person.get(page)
        with django_assert_max_num_queries(10):
            assert as_person.get(page).status_code == 200

    @pytest.mark.parametrize("page", PAGES)
    def test_have_no_inline_script_or_style(self, as_person: Client, page: str) -> None:
        body = as_person.get(page).content.decode()
        assert "style=" not in body
        assert "onclick" not in body
        assert "<script>" not in body


class TestProfile:
    def test_saves_and_says_so(self, as_person: Client, person: User) -> None:
        response = as_person.post("/settings/", preferences(hide_amounts="on"), follow=True)
        assert [str(m) for m in response.context["messages"]] == ["Saved."]
        person.refresh_from_db()
        assert (person.name, person.base_currency, person.locale) == ("Ada", "EUR", "de")
        assert (person.time_zone, person.theme, person.hide_amounts) == ("Europe/Berlin", "dark", True)

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("time_zone", "Mars/Olympus"),
            ("base_currency", "ZZZ"),
            ("locale", "tlh"),
            ("theme", "x"),
            ("name", "x" * 121),
        ],
    )
    def test_says_what_is_wrong_at_the_field(
        self, as_person: Client, person: User, field: str, value: str
    ) -> None:
        response = as_person.post("/settings/", preferences(**{field: value}))
        assert response.status_code == 422
        assert set(response.context["form"].errors) == {field}
        person.refresh_from_db()
        assert person.base_currency == "USD"

    def test_cannot_change_who_one_is(self, as_person: Client, person: User) -> None:
        as_person.post("/settings/", preferences(email="x@y.zz", is_staff="on", is_superuser="on"))
        person.refresh_from_db()
        assert (person.email, person.is_staff, person.is_superuser) == ("ada@example.org", False, False)

    def test_old_time_zone_name_stays_choosable(self, as_person: Client, person: User) -> None:
        User.objects.filter(pk=person.pk).update(time_zone="US/Eastern")
        assert as_person.post("/settings/", preferences(time_zone="US/Eastern")).status_code == 302

    def test_preview_follows_the_form(self, as_person: Client) -> None:
        body = as_person.get("/settings/preview/", preferences()).content.decode()
        assert "1.234.567,89" in body
        assert "€" in body

    def test_preview_survives_nonsense(self, as_person: Client) -> None:
        response = as_person.get(
            "/settings/preview/", {"base_currency": "<b>", "locale": "../..", "time_zone": "\x00"}
        )
        assert response.status_code == 200
        assert "<b>" not in response.content.decode()


class TestDisplay:
    def test_keeps_a_visitor_s_choice_in_cookies(self, client: Client) -> None:
        client.post("/settings/theme/", {"theme": "dark"})
        response = client.post("/settings/privacy/", {"hide_amounts": "on"})
        assert response.status_code == 302
        assert (client.cookies["hf_theme"].value, client.cookies["hf_privacy"].value) == ("dark", "on")

    def test_keeps_a_person_s_choice_in_the_settings(self, as_person: Client, person: User) -> None:
        response = as_person.post(
            "/settings/privacy/", {"hide_amounts": "on"}, headers={"x-requested-with": "fetch"}
        )
        assert response.status_code == 204
        as_person.post("/settings/theme/", {"theme": "light"})
        person.refresh_from_db()
        assert (person.hide_amounts, person.theme) == (True, "light")

    @pytest.mark.parametrize("data", [{"theme": "pink"}, {"hide_amounts": "maybe"}])
    def test_refuses_nonsense(self, as_person: Client, data: dict[str, str]) -> None:
        assert as_person.post("/settings/display/", data).status_code == 400

    def test_is_not_for_links(self, client: Client) -> None:
        assert client.get("/settings/theme/").status_code == 405

    @pytest.mark.parametrize(
        ("target", "expected"),
        [
            ("/settings/tokens/", "/settings/tokens/"),
            ("https://evil.example/", "/"),
            ("//evil.example", "/"),
            ("", "/"),
        ],
    )
    def test_goes_back_within_the_site_only(self, client: Client, target: str, expected: str) -> None:
        assert client.post("/settings/theme/", {"theme": "dark", "next": target})["Location"] == expected

    def test_needs_the_csrf_token(self) -> None:
        assert Client(enforce_csrf_checks=True).post("/settings/theme/", {"theme": "dark"}).status_code == 403


class TestTimeZone:
    def test_pages_speak_the_person_s_time(self, client: Client, person: User) -> None:
        operations.update_preferences(user=person, time_zone="Pacific/Auckland", locale="de")
        sign_in(client, person)
        offset = clock.now().astimezone(ZoneInfo("Pacific/Auckland")).strftime("%H:")
        body = client.get("/settings/security/").content.decode()
        assert f" {offset}" in body or f"\xa0{offset}" in body or f">{offset}" in body

    def test_zone_this_machine_lost_becomes_utc(self, as_person: Client, person: User) -> None:
        User.objects.filter(pk=person.pk).update(time_zone="Gone/Away")
        assert as_person.get("/settings/security/").status_code == 200


class TestSecurityLog:
    def test_shows_only_one_s_own(self, as_person: Client, as_outsider: Client, person: User) -> None:
        operations.record(
            user_id=person.pk, kind=SecurityEvent.Kind.TOKEN_CREATED, detail="Secret name", now=clock.now()
        )
        assert "Secret name" in as_person.get("/settings/security/").content.decode()
        assert "Secret name" not in as_outsider.get("/settings/security/").content.decode()

    def test_does_not_name_the_administrator(self, as_person: Client, person: User, outsider: User) -> None:
        operations.record(
            user_id=person.pk, actor_id=outsider.pk, kind=SecurityEvent.Kind.ROLES_CHANGED, now=clock.now()
        )
        body = as_person.get("/settings/security/").content.decode()
        assert "An administrator" in body
        assert outsider.email not in body

    def test_is_paged(self, as_person: Client, person: User, django_assert_max_num_queries: Any) -> None:
        for number in range(60):
            operations.record(
                user_id=person.pk, kind=SecurityEvent.Kind.SIGNED_IN, detail=f"n{number}", now=clock.now()
            )
        with django_assert_max_num_queries(10):
            assert len(as_person.get("/settings/security/").context["page_obj"]) == 50
        assert as_person.get("/settings/security/?page=2").context["page_obj"].number == 2
        assert as_person.get("/settings/security/?page=nonsense").status_code == 200


class TestLastSeen:
    def test_is_kept_without_writing_at_each_request(self, client: Client, person: User) -> None:
        sign_in(client, person)
        before = UserSession.objects.get().last_seen_at
        cache.clear()
        client.get("/settings/")
        assert UserSession.objects.get().last_seen_at > before
        with CaptureQueriesContext(connection) as made:
            client.get("/settings/")
        assert not [q for q in made.captured_queries if "usersessions" in q["sql"] and "UPDATE" in q["sql"]]
