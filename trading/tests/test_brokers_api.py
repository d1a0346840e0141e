"""Broker connections over ``/api/v1/``: connecting, real money, pausing, comparing; and that no key is ever answered."""

from __future__ import annotations

import logging
import uuid
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Group
from rest_framework.test import APIClient

from holdings import queries as books
from holdings.models import Portfolio
from portfolio_site.kernel import clock
from portfolio_site.kernel.models import IdempotencyRecord
from trading import operations
from trading.brokers.alpaca import AlpacaBroker
from trading.brokers.base import (
    BrokerKeysRefusedError,
    BrokerUnreachableError,
    RemoteAccount,
    RemoteActivity,
    RemotePosition,
)
from trading.models import BrokerConnection, Order
from trading.tests.support import make_instrument, make_user, set_quote
from trading.tests.test_brokers_web import KEY, SECRET, connection_of

URL = "/api/v1/broker-connections/"
KEYS = {"key_id": KEY, "secret": SECRET}


class Told:
    """A broker that needs no network: it tells what a test says."""

    def __init__(self) -> None:
        self.id = str(uuid.uuid4())
        self.cash = Decimal(1000)
        self.held: dict[str, tuple[Decimal, Decimal]] = {}
        self.activities: list[RemoteActivity] = []
        self.fault: Exception | None = None
        self.asked = 0

    def account(self) -> RemoteAccount:
        """The account."""
        self.asked += 1
        if self.fault is not None:
            raise self.fault
        return RemoteAccount(
            id=self.id, number="PA777", currency="USD", status="ACTIVE", cash=self.cash, equity=self.cash,
            buying_power=self.cash, multiplier=1, may_short=False, is_blocked=False,
        )  # fmt: skip

    def positions(self) -> list[RemotePosition]:
        """What it holds."""
        return [
            RemotePosition(symbol=symbol, is_crypto="/" in symbol, quantity=units, average_price=price)
            for symbol, (units, price) in self.held.items()
        ]


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Told:
    """The broker of these tests."""
    found = Told()
    monkeypatch.setattr(AlpacaBroker, "account", lambda _broker: found.account())
    monkeypatch.setattr(AlpacaBroker, "positions", lambda _broker: found.positions())
    monkeypatch.setattr(AlpacaBroker, "activities_since", lambda _broker, _day: list(found.activities))
    monkeypatch.setattr(AlpacaBroker, "open_orders", lambda _broker: [])
    monkeypatch.setattr(AlpacaBroker, "last_execution_id", lambda _broker: "")
    monkeypatch.setattr(AlpacaBroker, "executions_after", lambda _broker, _place: [])
    return found


@pytest.fixture
def user(db: Any) -> Any:
    """Whose accounts these are."""
    return make_user("trader")


@pytest.fixture
def api(user: Any) -> APIClient:
    """Their program."""
    return program(user)


def program(user: Any) -> APIClient:
    client = APIClient()
    client.force_authenticate(user)
    return client


def new(**fields: Any) -> dict[str, Any]:
    return {"name": "Mine", "environment": "paper", **KEYS, **fields}


class TestConnecting:
    def test_tries_the_keys_seals_them_and_answers_none_of_them(
        self, api: APIClient, told: Told, caplog: Any
    ):
        caplog.set_level(logging.DEBUG)
        answer = api.post(URL, new(), format="json")
        assert answer.status_code == 201
        body = answer.json()
        assert (body["key_hint"], body["account_number"], body["state"]) == (KEY[-4:], "PA777", "connected")
        assert body["figures"]["cash"] == "1000"
        row = BrokerConnection.objects.get()
        said = [answer.content.decode(), caplog.text, row.credentials]
        said += [api.get(URL).content.decode(), api.get(f"{URL}{row.pk}/").content.decode()]
        assert not [text for text in said if SECRET in text or KEY in text]

    def test_is_done_once_per_key_and_keeps_nothing_of_the_secret(self, api: APIClient, told: Told):
        first = api.post(URL, new(), format="json", headers={"Idempotency-Key": "one"})
        told.fault = BrokerUnreachableError("The broker cannot be reached.")
        again = api.post(URL, new(), format="json", headers={"Idempotency-Key": "one"})
        assert (first.status_code, again.status_code) == (201, 201)
        assert again.json()["id"] == first.json()["id"]
        assert again.headers["Idempotency-Replayed"] == "true"
        other = api.post(URL, new(name="Other"), format="json", headers={"Idempotency-Key": "one"})
        assert other.status_code == 409
        kept = str(list(IdempotencyRecord.objects.values()))
        assert SECRET not in kept
        assert KEY not in kept

    def test_says_which_field_is_wrong_and_never_repeats_a_key(self, api: APIClient, told: Told):
        told.fault = BrokerKeysRefusedError("no")
        refused = api.post(URL, new(), format="json")
        assert (refused.status_code, refused.json()["code"]) == (422, "broker_connection_refused")
        assert "key_id" in str(refused.json()["errors"])
        for body, field in (
            (new(environment="dreams"), "environment"),
            (new(secret=["x"]), "secret"),
            (new(secrets="x"), "secrets"),
            (new(key_id=12345678), "key_id"),
            (new(name="x" * 81), "name"),
            (new(base_url="http://127.0.0.1:1/x"), "base_url"),
            ({}, "key_id"),
        ):
            answer = api.post(URL, body, format="json")
            assert answer.status_code in (400, 422), body
            assert field in str(answer.json()["errors"]), answer.json()
            assert SECRET not in answer.content.decode()
        assert not BrokerConnection.objects.exists()

    def test_a_broker_that_is_away_is_said(self, api: APIClient, told: Told):
        told.fault = BrokerUnreachableError("The broker cannot be reached.")
        answer = api.post(URL, new(), format="json")
        assert (answer.status_code, answer.json()["code"]) == (503, "broker_away")

    def test_an_account_is_connected_once(self, api: APIClient, told: Told):
        api.post(URL, new(), format="json")
        again = api.post(URL, new(name="Again"), format="json")
        assert (again.status_code, again.json()["code"]) == (409, "broker_account_taken")

    def test_live_money_is_refused_where_the_site_does_not_allow_it(
        self, api: APIClient, told: Told, settings: Any
    ):
        settings.BROKER_LIVE_TRADING = False
        answer = api.post(URL, new(environment="live"), format="json")
        assert answer.status_code == 422
        assert "environment" in str(answer.json()["errors"])


#: Every change: method, address behind the connection's, body.
CHANGES = [
    ("delete", "", {}),
    ("put", "keys/", KEYS),
    ("post", "check/", {}),
    ("post", "live/", {"account_number": "PA12345"}),
    ("delete", "live/", {}),
    ("post", "pause/", {"on": True}),
    ("post", "portfolio/", {"name": "Mine"}),
    ("post", "corrections/", {}),
]


@pytest.mark.django_db
class TestWhoMay:
    @pytest.mark.parametrize(
        ("method", "rest", "body"), [*CHANGES, ("get", "", {}), ("get", "positions/", {})]
    )
    def test_others_find_nothing_and_nobody_unknown_gets_in(
        self, method: str, rest: str, body: dict[str, Any], told: Told
    ):
        row = connection_of(make_user("owner"), environment="live")
        outsider = program(make_user("outsider"))
        assert getattr(outsider, method)(f"{URL}{row.pk}/{rest}", body, format="json").status_code == 404
        assert getattr(APIClient(), method)(f"{URL}{row.pk}/{rest}", body, format="json").status_code == 401
        assert outsider.get(URL).json() == []
        assert APIClient().get(URL).status_code == 401
        assert APIClient().post(URL, new(), format="json").status_code == 401
        after = BrokerConnection.objects.get()
        assert (after.state, after.live_enabled_at, after.paused_at) == ("connected", None, None)
        assert after.credentials == row.credentials
        assert told.asked == 0

    @pytest.mark.parametrize(("method", "rest", "body"), CHANGES)
    def test_an_auditor_reads_and_changes_nothing(self, method: str, rest: str, body: dict[str, Any]):
        row = connection_of(make_user("owner"), environment="live")
        auditor = make_user("auditor")
        auditor.groups.add(Group.objects.get_or_create(name="Auditor")[0])
        client = program(auditor)
        assert client.get(f"{URL}{row.pk}/").status_code == 200
        assert getattr(client, method)(f"{URL}{row.pk}/{rest}", body, format="json").status_code == 403
        assert client.post(URL, new(), format="json").status_code == 403

    def test_a_key_that_may_trade_may_not_connect(self, user: Any, told: Told):
        from accounts.models import ApiToken
        from accounts.operations import create_token

        token = create_token(user=user, name="bot", now=clock.now(), access=ApiToken.Access.TRADE)
        client = APIClient(headers={"Authorization": f"Token {token.key}"})
        assert client.post(URL, new(), format="json").status_code == 403


@pytest.mark.django_db
class TestRealMoney:
    def test_takes_the_number_typed(self, api: APIClient, user: Any):
        row = connection_of(user, environment="live")
        url = f"{URL}{row.pk}/live/"
        for wrong in ({"account_number": "yes"}, {"account_number": True}, {}):
            answer = api.post(url, wrong, format="json")
            assert answer.status_code in (400, 422)
            assert "account_number" in str(answer.json()["errors"])
        assert BrokerConnection.objects.get().live_enabled_at is None
        assert api.post(url, {"account_number": "PA12345"}, format="json").json()["live_enabled_at"]
        assert api.delete(url).json()["live_enabled_at"] is None

    def test_is_not_for_play_money(self, api: APIClient, user: Any):
        row = connection_of(user)
        answer = api.post(f"{URL}{row.pk}/live/", {"account_number": "PA12345"}, format="json")
        assert answer.status_code == 422


class TestAnAccount:
    @pytest.fixture
    def url(self, api: APIClient, told: Told) -> str:
        """A connection's address."""
        return f"{URL}{api.post(URL, new(), format='json').json()['id']}/"

    @pytest.fixture
    def share(self, db: Any) -> Any:
        """A share that both sides know."""
        found = make_instrument("ACME")
        set_quote(found, "100.00", "100.02", at=clock.now())
        return found

    def test_opens_with_what_the_broker_has_once_per_key(
        self, api: APIClient, url: str, told: Told, share: Any
    ):
        told.held["ACME"] = Decimal(4), Decimal(90)
        asked = {"data": {"name": "There"}, "format": "json", "headers": {"Idempotency-Key": "k"}}
        first, again = api.post(f"{url}portfolio/", **asked), api.post(f"{url}portfolio/", **asked)
        assert (first.status_code, again.status_code) == (201, 201)
        portfolio_id = first.json()["portfolio_id"]
        assert again.json()["portfolio_id"] == portfolio_id
        assert Portfolio.objects.filter(kind="broker").count() == 1
        assert books.position_quantity(portfolio_id, share.pk) == 4
        assert api.post(f"{url}portfolio/", {"name": "Another"}, format="json").status_code == 422

    def test_is_tested_before_a_portfolio_is_open(self, api: APIClient, url: str, told: Told):
        told.cash = Decimal(5)
        assert api.post(f"{url}check/").json()["figures"]["cash"] == "5"
        told.fault = BrokerUnreachableError("The broker cannot be reached.")
        assert api.post(f"{url}check/").status_code == 503
        assert api.get(url).json()["state"] == "failing"
        told.fault = None
        assert api.post(f"{url}check/").json()["state"] == "connected"

    def test_positions_are_laid_beside_the_books(self, api: APIClient, url: str, told: Told, share: Any):
        told.held["ACME"] = Decimal(4), Decimal(90)
        before = api.get(f"{url}positions/").json()
        assert before["cash_ours"] is None
        assert [(row["theirs"], row["ours"]) for row in before["positions"]] == [("4", "0")]
        api.post(f"{url}portfolio/", {"name": "There"}, format="json")
        told.held["ACME"] = Decimal(6), Decimal(90)
        told.held["STRANGE"] = Decimal(1), Decimal(3)
        found = api.get(f"{url}positions/").json()
        assert [(row["symbol"], row["theirs"], row["ours"], row["agrees"]) for row in found["positions"]] == [
            ("ACME", "6", "4", False), ("STRANGE", "1", "0", False),
        ]  # fmt: skip
        assert found["positions"][1]["instrument_id"] is None
        assert (found["cash"], found["cash_ours"]) == ("1000", "1000")

    def test_corrections_are_booked_and_then_nothing_is_left(
        self, api: APIClient, url: str, told: Told, share: Any
    ):
        portfolio_id = api.post(f"{url}portfolio/", {"name": "There"}, format="json").json()["portfolio_id"]
        told.held["ACME"] = Decimal(3), Decimal(90)
        assert [row["what"] for row in api.post(f"{url}check/").json()["differences"]] == ["ACME"]
        assert api.post(f"{url}corrections/").json()["booked"] == 1
        assert api.post(f"{url}corrections/").json()["booked"] == 0
        assert books.position_quantity(portfolio_id, share.pk) == 3

    def test_pausing_stops_new_orders_and_takes_back_what_waits(
        self, api: APIClient, url: str, told: Told, share: Any, user: Any
    ):
        portfolio_id = api.post(f"{url}portfolio/", {"name": "There"}, format="json").json()["portfolio_id"]
        order = {
            "portfolio_id": portfolio_id, "instrument_id": share.pk, "side": "buy", "type": "limit",
            "time_in_force": "gtc", "quantity": "1", "limit_price": "100", "client_order_id": "one",
        }  # fmt: skip
        placed = api.post("/api/v1/orders/", order, format="json")
        assert placed.status_code == 201, placed.json()
        assert api.post(f"{url}pause/", {"on": True}, format="json").json()["paused_at"]
        refused = api.post("/api/v1/orders/", {**order, "client_order_id": "two"}, format="json")
        assert refused.json()["code"] == "broker_paused"
        operations.send_waiting(connection_id=BrokerConnection.objects.get().pk, clock=clock.now)
        assert Order.objects.get().status == "canceled"
        assert api.post(f"{url}pause/", {"on": "no"}, format="json").status_code == 400
        assert api.post(f"{url}pause/", {"on": False}, format="json").json()["paused_at"] is None

    def test_new_keys_must_open_the_same_account(self, api: APIClient, url: str, told: Told):
        assert api.put(f"{url}keys/", KEYS, format="json").status_code == 200
        told.id = str(uuid.uuid4())
        answer = api.put(f"{url}keys/", KEYS, format="json")
        assert answer.status_code == 422
        assert SECRET not in answer.content.decode()

    def test_disconnecting_deletes_the_keys_and_new_ones_connect_again(
        self, api: APIClient, url: str, told: Told
    ):
        api.post(f"{url}pause/", {"on": True}, format="json")
        ended = api.delete(url).json()
        assert (ended["state"], ended["paused_at"]) == ("disconnected", None)
        assert BrokerConnection.objects.get().credentials == ""
        for method, rest, body in (
            ("post", "check/", {}),
            ("get", "positions/", {}),
            ("post", "pause/", {"on": True}),
        ):
            answer = getattr(api, method)(f"{url}{rest}", body, format="json")
            assert (answer.status_code, answer.json()["code"]) == (422, "broker_connection_refused")
        assert api.put(f"{url}keys/", KEYS, format="json").json()["state"] == "connected"

    def test_the_list_costs_the_same_however_many_there_are(
        self, api: APIClient, user: Any, django_assert_max_num_queries: Any
    ):
        for _ in range(8):
            connection_of(user)
        api.get(URL)
        with django_assert_max_num_queries(4):
            assert len(api.get(URL).json()) == 8
