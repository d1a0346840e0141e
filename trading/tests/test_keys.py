"""Key pairs of paper accounts: made on the page and by the command, shown once, revoked at once."""

from __future__ import annotations

import json
import re
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.urls import reverse

from accounts.models import SecurityEvent, User
from holdings.operations import create_portfolio
from trading.models import ApiKey
from trading.operations import (
    ApiKeyRefused,
    PortfolioUnknownError,
    ReadOnlyError,
    TooManyKeys,
    create_api_key,
    revoke_api_key,
)
from trading.queries import ApiKeyNotFound, api_keys_of, holder_of, visible_api_key
from trading.tests.support import NOW, later


def make_key(account, trader, **fields):
    return create_api_key(**{"portfolio_id": account, "actor": trader, "name": "bot", "now": NOW, **fields})


class TestCreateKey:
    def test_opens_its_account_alone_and_stores_no_secret(self, account, trader):
        issued = make_key(account, trader, rate_limit=7)
        assert re.fullmatch(r"PK[A-Z0-9]{18}", issued.key.key_id)
        assert re.fullmatch(r"[A-Za-z0-9]{40}", issued.secret)
        holder = holder_of(key_id=issued.key.key_id, secret=issued.secret)
        assert (holder.portfolio_id, holder.user.pk, holder.rate_limit) == (account, trader.pk, 7)
        row = ApiKey.objects.get(pk=issued.key.pk)
        assert issued.secret not in str(vars(row))
        assert len(row.digest) == 64

    def test_knows_the_persons_roles_without_asking(self, account, trader, django_assert_num_queries):
        from django.contrib.auth.models import Group

        issued = make_key(account, trader)
        trader.groups.add(Group.objects.get_or_create(name="Auditor")[0])
        with django_assert_num_queries(1):
            assert holder_of(key_id=issued.key.key_id, secret=issued.secret).is_read_only

    def test_another_pepper_opens_nothing(self, account, trader, settings):
        issued = make_key(account, trader)
        settings.API_KEY_PEPPER = "salt and pepper"
        assert holder_of(key_id=issued.key.key_id, secret=issued.secret) is None

    def test_refuses_what_cannot_be(self, account, trader, outsider, auditor):
        for fields in ({"name": ""}, {"name": "x" * 81}, {"rate_limit": 0}, {"rate_limit": 10**9}):
            with pytest.raises(ApiKeyRefused):
                make_key(account, trader, **fields)
        with pytest.raises(PortfolioUnknownError):
            make_key(account, outsider)
        with pytest.raises(ReadOnlyError):
            make_key(account, auditor)
        with pytest.raises(PortfolioUnknownError):
            make_key(987654, trader)
        tracked = create_portfolio(owner=trader, name="Real", base_currency="USD", now=NOW)
        with pytest.raises(ApiKeyRefused):
            make_key(tracked.pk, trader)

    def test_has_an_end(self, account, trader, monkeypatch):
        from trading.operations import keys

        monkeypatch.setattr(keys, "MAX_LIVE_KEYS", 2)
        first = make_key(account, trader)
        make_key(account, trader)
        with pytest.raises(TooManyKeys):
            make_key(account, trader)
        revoke_api_key(key_pk=first.key.pk, actor=trader, now=NOW)
        make_key(account, trader)

    def test_is_written_down(self, account, trader):
        issued = make_key(account, trader)
        revoke_api_key(key_pk=issued.key.pk, actor=trader, now=later())
        kinds = SecurityEvent.objects.filter(user=trader).order_by("pk").values_list("kind", "detail")
        assert [kind for kind, _ in kinds] == ["token_created", "token_revoked"]
        assert all(issued.key.key_id in detail for _, detail in kinds)


class TestRevokeKey:
    def test_twice_keeps_the_first_time(self, account, trader):
        issued = make_key(account, trader)
        for seconds in (1, 2):
            revoked = revoke_api_key(key_pk=issued.key.pk, actor=trader, now=later(seconds))
        assert revoked.revoked_at == later(1)
        assert holder_of(key_id=issued.key.key_id, secret=issued.secret) is None

    def test_others_find_nothing(self, account, trader, outsider, auditor):
        issued = make_key(account, trader)
        for other in (outsider, auditor):
            with pytest.raises(ApiKeyNotFound):
                revoke_api_key(key_pk=issued.key.pk, actor=other, now=NOW)
            with pytest.raises(ApiKeyNotFound):
                visible_api_key(other, issued.key.pk)
            assert api_keys_of(other, account) == []


class TestPage:
    def test_shows_the_secret_once(self, client, account, trader):
        client.force_login(trader)
        url = reverse("trading:keys", args=[account])
        page = client.get(url)
        token = page.context["form"].initial.get("form_token") or page.context["form"]["form_token"].value()
        sent = {"name": "My bot", "rate_limit": "120", "form_token": token}
        made = client.post(url, sent)
        assert made.status_code == 200
        secret = made.context["issued"].secret
        assert secret in made.content.decode()
        again = client.post(url, sent, follow=True)
        assert ApiKey.objects.count() == 1
        assert secret not in again.content.decode()
        listed = client.get(url).content.decode()
        assert "My bot" in listed
        assert secret not in listed

    def test_refuses_at_the_field(self, client, account, trader):
        client.force_login(trader)
        url = reverse("trading:keys", args=[account])
        token = client.get(url).context["form"]["form_token"].value()
        answer = client.get(client.post(url, {"name": "", "rate_limit": "5000", "form_token": token}).url)
        assert set(answer.context["form"].errors) == {"name", "rate_limit"}

    def test_revokes(self, client, account, trader):
        issued = make_key(account, trader)
        client.force_login(trader)
        url = reverse("trading:revoke_key", args=[issued.key.pk])
        assert client.get(url).status_code == 200
        answer = client.post(url, follow=True)
        assert answer.redirect_chain[-1][0] == reverse("trading:keys", args=[account])
        assert not visible_api_key(trader, issued.key.pk).is_live

    def test_is_found_from_the_account_and_costs_little(
        self, client, account, trader, django_assert_max_num_queries
    ):
        for _ in range(4):
            make_key(account, trader)
        client.force_login(trader)
        url = reverse("trading:keys", args=[account])
        assert url in client.get(reverse("trading:account_page", args=[account])).content.decode()
        with django_assert_max_num_queries(12):
            client.get(url)

    def test_is_not_for_tracked_portfolios(self, client, trader):
        tracked = create_portfolio(owner=trader, name="Real", base_currency="USD", now=NOW)
        client.force_login(trader)
        url = reverse("trading:keys", args=[tracked.pk])
        assert client.get(url).status_code == 200
        assert client.post(url, {"name": "x", "rate_limit": 1}).status_code == 422
        assert not ApiKey.objects.exists()


class TestCommand:
    def run(self, *arguments):
        out = StringIO()
        call_command("create_paper_account", *arguments, stdout=out)
        return out.getvalue()

    def test_makes_person_account_and_key(self, db):
        made = json.loads(
            self.run("--email", "New@Example.com", "--cash", "25000.50", "--rate-limit", "5000", "--json")
        )
        user = User.objects.get(email="new@example.com")
        holder = holder_of(key_id=made["key_id"], secret=made["secret_key"])
        assert (holder.user.pk, holder.portfolio_id, holder.rate_limit) == (
            user.pk,
            made["portfolio_id"],
            5000,
        )
        assert made["base_url"].endswith("/alpaca")
        assert (made["multiplier"], made["account_id"]) == (1, str(holder.account_id))
        levered = json.loads(
            self.run("--email", "m@example.com", "--cash", "9000", "--margin", "2", "--json")
        )
        assert levered["multiplier"] == 2
        again = json.loads(self.run("--email", "new@example.com", "--cash", "1", "--json"))
        assert again["portfolio_id"] != made["portfolio_id"]
        assert User.objects.count() == 2

    def test_says_it_in_words_too(self, trader):
        text = self.run("--email", trader.email, "--cash", "1000")
        assert re.search(r"key_id\s+PK", text)

    @pytest.mark.parametrize(
        "arguments",
        [
            ("--email", "nonsense", "--cash", "1"),
            ("--email", "a@example.com", "--cash", "x"),
            ("--email", "a@example.com", "--cash", "NaN"),
            ("--email", "a@example.com", "--cash", "0"),
            ("--email", "a@example.com", "--cash", "10", "--currency", "ZZZ"),
            ("--email", "a@example.com", "--cash", "10", "--rate-limit", "0"),
            ("--email", "a@example.com", "--cash", "10", "--margin", "3"),
        ],
    )
    def test_refuses_and_leaves_nothing(self, db, arguments):
        with pytest.raises(CommandError):
            self.run(*arguments)
        assert not User.objects.exists()


def test_digest_is_kept_as_hexadecimal(account, trader):
    make_key(account, trader)
    with connection.cursor() as cursor:
        cursor.execute("SELECT digest FROM trading_apikey")
        assert re.fullmatch(r"[0-9a-f]{64}", cursor.fetchone()[0])
