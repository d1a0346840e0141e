"""Broker connections on pages and in the administration: whose they are, what they show, and that no key is ever shown."""

from __future__ import annotations

import uuid
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import reverse

from portfolio_site.kernel import clock
from portfolio_site.kernel.secrets import SecretUnreadableError, seal, unseal
from trading import operations
from trading.brokers.alpaca import AlpacaBroker
from trading.brokers.alpaca_addresses import BaseUrlRefused, base_url_of
from trading.brokers.base import Credentials, RemoteAccount
from trading.models import BrokerConnection, TradingAccount
from trading.tests.support import make_user

KEY, SECRET = "PKTESTKEY1234567890", "a-secret-that-nobody-may-ever-see-again"


def connection_of(user: Any, *, environment: str = "paper", **fields: Any) -> BrokerConnection:
    """A connection as it is stored; nobody was asked."""
    from trading.operations.brokering.speaking import sealed

    values: dict[str, Any] = {
        "owner": user,
        "name": "My Alpaca",
        "environment": environment,
        "credentials": sealed(Credentials(key_id=KEY, secret=SECRET)),
        "key_hint": KEY[-4:],
        "remote_account": str(uuid.uuid4()),
        "remote_number": "PA12345",
        "state": "connected",
        "created_at": clock.now(),
    }
    row: BrokerConnection = BrokerConnection.objects.create(**{**values, **fields})
    return row


def browser(user: Any) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def answering(monkeypatch: pytest.MonkeyPatch) -> None:
    """A broker that opens an account to every key."""
    account = RemoteAccount(
        id=str(uuid.uuid4()), number="PA777", currency="USD", status="ACTIVE", cash=Decimal(5), equity=Decimal(5),
        buying_power=Decimal(5),
        multiplier=1, may_short=False, is_blocked=False,
    )  # fmt: skip
    monkeypatch.setattr(AlpacaBroker, "account", lambda _self: account)


@pytest.mark.django_db
class TestPages:
    def test_connecting_keeps_the_keys_sealed_and_shows_them_nowhere(self, answering: None, caplog: Any):
        user = make_user("trader")
        client = browser(user)
        page = client.get(reverse("trading:connect_broker"))
        sent = {
            "name": "Mine", "environment": "paper", "key_id": KEY, "secret": SECRET,
            "form_token": page.context["form"]["form_token"].initial,
        }  # fmt: skip
        answer = client.post(reverse("trading:connect_broker"), sent, follow=True)
        row = BrokerConnection.objects.get()
        assert answer.redirect_chain[-1][0] == reverse("trading:broker", args=[row.pk])
        again = client.post(reverse("trading:connect_broker"), sent)
        assert again.status_code == 302
        assert BrokerConnection.objects.count() == 1
        texts = [
            answer.content.decode(),
            client.get(reverse("trading:brokers")).content.decode(),
            caplog.text,
        ]
        texts += [repr(row), str(row), row.credentials, str(row.figures)]
        texts += [str(list(each.values())) for each in _events()]
        assert not [text for text in texts if SECRET in text or KEY in text]

    def test_refused_keys_are_told_at_their_field_and_not_shown_again(self, monkeypatch: pytest.MonkeyPatch):
        from trading.brokers.base import BrokerKeysRefusedError

        def no(_self: Any) -> Any:
            raise BrokerKeysRefusedError("no")

        monkeypatch.setattr(AlpacaBroker, "account", no)
        client = browser(make_user("trader"))
        sent = {
            "name": "Mine",
            "environment": "paper",
            "key_id": KEY,
            "secret": SECRET,
            "form_token": "t" * 20,
        }
        answer = client.post(reverse("trading:connect_broker"), sent)
        assert answer.status_code == 422
        assert "refuses these keys" in answer.content.decode()
        assert SECRET not in answer.content.decode()
        assert not BrokerConnection.objects.exists()

    @pytest.mark.parametrize(
        "name",
        ["open_broker_account", "check_broker", "book_differences", "renew_broker_keys", "enable_live", "disable_live",
         "disconnect_broker"],
    )  # fmt: skip
    def test_nothing_of_it_is_there_for_an_outsider(self, name: str):
        row = connection_of(make_user("owner"), environment="live")
        sent = {"name": "x", "typed": row.remote_number, "key_id": KEY, "secret": SECRET}
        answer = browser(make_user("outsider")).post(reverse(f"trading:{name}", args=[row.pk]), sent)
        assert answer.status_code == 404
        row.refresh_from_db()
        assert (row.state, row.live_enabled_at) == ("connected", None)

    def test_an_auditor_looks_and_changes_nothing(self):
        row = connection_of(make_user("owner"))
        auditor = make_user("auditor")
        auditor.groups.add(Group.objects.get_or_create(name="Auditor")[0])
        client = browser(auditor)
        page = client.get(reverse("trading:broker", args=[row.pk]))
        assert page.status_code == 200
        assert "Disconnect" not in page.content.decode()
        assert client.post(reverse("trading:disconnect_broker", args=[row.pk])).status_code in (403, 404)

    def test_real_money_takes_the_account_number_typed(self):
        user = make_user("trader")
        row = connection_of(user, environment="live")
        client = browser(user)
        wrong = client.post(reverse("trading:enable_live", args=[row.pk]), {"typed": "yes"})
        assert wrong.status_code == 422
        row.refresh_from_db()
        assert not row.live_enabled_at
        client.post(reverse("trading:enable_live", args=[row.pk]), {"typed": "PA12345"})
        assert BrokerConnection.objects.get().live_enabled_at is not None
        client.post(reverse("trading:disable_live", args=[row.pk]))
        assert BrokerConnection.objects.get().live_enabled_at is None

    def test_disconnecting_deletes_the_keys(self):
        user = make_user("trader")
        row = connection_of(user)
        url = reverse("trading:disconnect_broker", args=[row.pk])
        assert browser(user).post(url).status_code == 422
        browser(user).post(url, {"confirm": "yes"})
        row.refresh_from_db()
        assert (row.state, row.credentials) == ("disconnected", "")

    def test_the_list_costs_the_same_however_many_there_are(self, django_assert_max_num_queries: Any):
        user = make_user("trader")
        for _ in range(8):
            connection_of(user)
        client = browser(user)
        client.get(reverse("trading:brokers"))
        with django_assert_max_num_queries(14):
            client.get(reverse("trading:brokers"))

    def test_the_page_of_one_is_within_its_budget(self, django_assert_max_num_queries: Any):
        user = make_user("trader")
        row = connection_of(user, environment="live")
        client = browser(user)
        client.get(reverse("trading:broker", args=[row.pk]))
        with django_assert_max_num_queries(14):
            client.get(reverse("trading:broker", args=[row.pk]))

    def test_the_administration_shows_no_key(self):
        admin = make_user("admin")
        admin.is_staff = admin.is_superuser = True
        admin.save()
        row = connection_of(make_user("owner"))
        client = browser(admin)
        for url in (
            reverse("admin:trading_brokerconnection_changelist"),
            reverse("admin:trading_brokerconnection_change", args=[row.pk]),
        ):
            page = client.get(url)
            if page.status_code == 302:  # a second factor is asked for first
                continue
            text = page.content.decode()
            assert row.credentials not in text
            assert SECRET not in text


def _events() -> list[Any]:
    from django.apps import apps

    model = apps.get_model("trading", "BrokerConnectionEvent")
    return list(model.objects.values())


@pytest.mark.django_db
class TestLiveMoney:
    def order(self, user: Any, row: BrokerConnection, place: Any) -> Any:
        portfolio_id = operations.open_paper_account(
            owner=user, name="P", cash=Decimal(1000), currency="USD", now=clock.now()
        )
        TradingAccount.objects.filter(portfolio_id=portfolio_id).update(broker_connection=row)
        return place(portfolio_id)

    def test_no_order_is_taken_before_it_is_switched_on(self, settings: Any):
        from trading.tests.support import make_instrument, set_quote

        user = make_user("trader")
        row = connection_of(user, environment="live")
        share = make_instrument()
        set_quote(share, "10", "10.02", at=clock.now())

        def place(portfolio_id: int) -> Any:
            return operations.place_order(
                portfolio_id=portfolio_id, actor=user, instrument_id=share.pk, side="buy", type="market",
                time_in_force="day", quantity=Decimal(1), now=clock.now(),
            )  # fmt: skip

        with pytest.raises(operations.TradingHaltedError) as refused:
            self.order(user, row, place)
        assert refused.value.code == "live_not_enabled"
        BrokerConnection.objects.update(live_enabled_at=clock.now())
        portfolio_id = TradingAccount.objects.values_list("portfolio_id", flat=True).get()
        assert place(portfolio_id).status == "pending_new"
        settings.BROKER_LIVE_TRADING = False
        with pytest.raises(operations.TradingHaltedError) as refused:
            place(portfolio_id)
        assert refused.value.code == "live_trading_off"

    def test_switching_it_off_takes_back_what_waits(self):
        from trading.models import Order
        from trading.tests.support import make_instrument, set_quote

        user = make_user("trader")
        row = connection_of(user, environment="live", live_enabled_at=clock.now())
        share = make_instrument()
        set_quote(share, "10", "10.02", at=clock.now())
        self.order(
            user,
            row,
            lambda portfolio_id: operations.place_order(
                portfolio_id=portfolio_id, actor=user, instrument_id=share.pk, side="buy", type="market",
                time_in_force="day", quantity=Decimal(1), now=clock.now(),
            ),
        )  # fmt: skip
        operations.disable_live(connection_id=row.pk, actor=user, now=clock.now())
        assert Order.objects.get().status == "canceled"


class TestAddresses:
    def test_alpacas_own_by_environment(self):
        assert base_url_of("paper", "", allowed_hosts=[]) == "https://paper-api.alpaca.markets"
        assert base_url_of("live", "", allowed_hosts=[]) == "https://api.alpaca.markets"

    @pytest.mark.parametrize(
        "address",
        [
            "http://127.0.0.1:8000/alpaca",
            "https://169.254.169.254",
            "https://paper-api.alpaca.markets.example.com",
            "https://paper-api.alpaca.markets@example.com",
            "https://example.com#paper-api.alpaca.markets",
            "ftp://broker.example.com",
            "https://broker.example.com:444",
            "https://broker.example.com\\@evil.example",
            "https://api.alpaca.markets",
            "//broker.example.com",
        ],
    )
    def test_others_only_where_they_are_named(self, address: str):
        with pytest.raises(BaseUrlRefused):
            base_url_of("paper", address, allowed_hosts=["broker.example.com"])

    def test_one_that_is_named_with_its_port(self):
        given = base_url_of("paper", "http://127.0.0.1:8157/alpaca/", allowed_hosts=["127.0.0.1:8157"])
        assert given == "http://127.0.0.1:8157/alpaca"


class TestSecrets:
    def test_are_read_back_after_the_key_has_changed(self, settings: Any):
        from cryptography.fernet import Fernet

        token = seal({"secret": SECRET}, purpose="x")
        settings.ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
        assert unseal(token, purpose="x") == {"secret": SECRET}
        settings.SECRET_KEY = "another"
        with pytest.raises(SecretUnreadableError):
            unseal(token, purpose="x")

    def test_open_for_what_they_were_sealed_for_alone(self):
        with pytest.raises(SecretUnreadableError):
            unseal(seal({"a": "b"}, purpose="x"), purpose="y")

    @pytest.mark.django_db
    def test_are_sealed_anew_by_the_command(self, settings: Any, capsys: Any):
        from cryptography.fernet import Fernet
        from django.core.management import call_command

        row = connection_of(make_user("trader"))
        settings.ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
        call_command("reseal_broker_keys")
        settings.SECRET_KEY = "another"
        row.refresh_from_db()
        assert unseal(row.credentials, purpose="broker-connection")["secret"] == SECRET

    def test_never_show_in_what_stands_for_them(self):
        keys = Credentials(key_id=KEY, secret=SECRET)
        broker = AlpacaBroker(keys, base_url="http://127.0.0.1:9")
        assert SECRET not in repr(keys) + repr(broker) + str(broker)
        assert KEY not in repr(keys) + repr(broker)
