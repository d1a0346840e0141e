"""Roles at every address of the site: auditors change nothing, traders have no administration, names are no markup."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib import admin
from django.test import Client, RequestFactory
from django.urls import reverse

from accounts.operations import set_roles
from accounts.roles import Role
from accounts.tests.support import make_administrator, make_auditor, make_user
from holdings.models import Account, Portfolio
from marketdata.models import Instrument, Watchlist
from notifications.models import Notification
from portfolio_site.kernel import clock
from tests.api.test_once import rows
from tests.test_every_url import ALL, FOREIGN, _count_all, belongings, client_of, url_of
from trading.models import BrokerConnection

__all__ = ["belongings"]

#: An auditor's own sign-in and settings.
OWN = ("/accounts/", "/settings/", "/api/v1/me/", "/api/v1/tokens/", "/api/v1/auth/", "/api/auth/")
#: Sent as a POST, but only read.
READS = {"api-root:prices", "api:documents-link"}
MARKUP = "<b onmouseover=alert(1)>'\"&{{7*7}}"


def admin_pages() -> list[str]:
    """The list and the empty form of everything that has administration pages."""
    return [
        reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}")
        for model in admin.site._registry
        for page in ("changelist", "add")
    ]


class TestAnAuditor:
    def test_changes_nothing_at_any_address(self, belongings: dict[str, Any]) -> None:
        """Their own things of earlier, by their own session, with what a form would send."""
        owner = Portfolio.objects.get(pk=belongings["portfolio_id"]).owner
        set_roles(user_id=owner.pk, roles={Role.AUDITOR}, actor=make_administrator(), now=clock.now())
        browser, counted = client_of(owner.email), (_count_all(), rows(without={"kernel"}))
        for address in ALL:
            url = url_of(address, belongings)
            if url.startswith(OWN) or address.name in READS:
                continue
            for method in ("post", "put", "patch", "delete"):
                answer = getattr(browser, method)(url)
                assert answer.status_code == 403, (method, address.name, answer.status_code)
        assert (_count_all(), rows(without={"kernel"})) == counted

    def test_opens_every_administration_page_and_saves_none(self, db: None) -> None:
        auditor = make_auditor()
        browser = client_of(auditor.email)
        for url in admin_pages():
            if url.endswith("/add/"):
                assert browser.get(url).status_code == 403, url
            answer = browser.post(url, {"action": "delete_selected", "_selected_action": "1", "post": "yes"})
            assert answer.status_code == 403, url

    def test_finds_out_nothing_that_a_list_does_not_show(self, db: None) -> None:
        """Narrowing a list by a column of its table tells, letter by letter, what is in it."""
        tried = set()
        for model, page in admin.site._registry.items():
            url = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
            filters = {entry[0] if isinstance(entry, tuple) else entry for entry in page.list_filter}
            request = RequestFactory().get(url)
            own = [entry.parameter_name for entry in page.list_filter if hasattr(entry, "parameter_name")]
            assert all(page.lookup_allowed(name, "1", request) for name in own), url
            shown = {"id", page.date_hierarchy, *page.get_list_display(request), *filters}
            for field in model._meta.concrete_fields:
                if not {field.name, field.attname} & shown:
                    tried.add(f"{model._meta.model_name}.{field.name}")
                    for lookup in (f"{field.name}__startswith", f"{field.attname}__gt", field.name):
                        assert not page.lookup_allowed(lookup, "1", request), (url, lookup)
                elif field.is_relation and field.related_model._meta.model_name == "user":
                    assert not page.lookup_allowed(f"{field.name}__password__startswith", "a", request), url
        assert {
            "user.password",
            "usersession.session_key",
            "apitoken.digest",
            "brokerconnection.credentials",
        } <= tried
        browser = client_of(make_auditor().email)
        for address in (
            "accounts/user/?password__startswith=a",
            "usersessions/usersession/?session_key__gt=a",
        ):
            assert browser.get(f"/admin/{address}").status_code == 400, address


class TestATrader:
    def test_finds_no_administration(self, db: None) -> None:
        browser = client_of(make_user("trader@example.com").email)
        for url in ["/admin/", *admin_pages()]:
            for method in ("get", "post"):
                answer = getattr(browser, method)(url)
                assert answer.status_code in {302, 403, 404}, (method, url, answer.status_code)
                if answer.status_code == 302:
                    assert answer.headers["Location"].startswith("/admin/login/"), url
                    assert browser.get(answer.headers["Location"]).status_code == 403, url


class TestNames:
    @pytest.fixture
    def named(self, belongings: dict[str, Any]) -> dict[str, Any]:
        """Everything of the owner's that has a name has this one."""
        Portfolio.objects.update(name=MARKUP)
        for number, account in enumerate(Account.objects.order_by("pk")):
            Account.objects.filter(pk=account.pk).update(name=f"{MARKUP}{number}")
        Instrument.objects.filter(pk=belongings["instrument_id"]).update(name=MARKUP, sector=MARKUP[:20])
        Instrument.objects.filter(pk=belongings["asset_id"]).update(name=MARKUP)
        Watchlist.objects.update(name=MARKUP)
        Notification.objects.update(title=MARKUP, body=MARKUP)
        BrokerConnection.objects.update(name=MARKUP)
        owner = Portfolio.objects.get(pk=belongings["portfolio_id"]).owner
        type(owner).objects.filter(pk=owner.pk).update(name=MARKUP)
        return {**belongings, "owner": owner}

    def test_are_text_on_every_page(self, named: dict[str, Any]) -> None:
        browser, seen = client_of(named["owner"].email), 0
        for address in ALL:
            if address.name.startswith(FOREIGN):
                continue
            answer = browser.get(url_of(address, named), headers={"Accept": "text/html"})
            if answer.headers.get("Content-Type", "").startswith("text/html") and not answer.streaming:
                page = answer.content.decode()
                assert "<b onmouseover" not in page, address.name
                seen += "&lt;b onmouseover" in page
        assert seen > 20

    def test_are_text_in_the_administration(self, named: dict[str, Any]) -> None:
        browser = client_of(make_auditor().email)
        for url in admin_pages():
            if url.endswith("/add/"):
                continue
            answer = browser.get(url)
            assert answer.status_code == 200, url
            assert "<b onmouseover" not in answer.content.decode(), url


def test_a_session_cannot_change_anything_without_the_forms_secret(belongings: dict[str, Any]) -> None:
    """Cross-site requests: each address that takes a session refuses a change without the CSRF token."""
    owner, counted = Portfolio.objects.get(pk=belongings["portfolio_id"]).owner, _count_all()
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(owner)
    for address in ALL:
        url = url_of(address, belongings)
        for method in ("post", "put", "patch", "delete"):
            answer = getattr(browser, method)(url)
            # What signs somebody in takes no session.
            if address.name.startswith("api-root:auth-") or address.name == "api:auth-token":
                continue
            assert answer.status_code in {403, 405}, (method, address.name, answer.status_code)
    assert _count_all() == counted
