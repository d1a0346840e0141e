"""The gate: keys, errors, limits and headers, whatever is asked for."""

from __future__ import annotations

import base64
import os
import re
import subprocess
import sys
import time
import uuid

import pytest
from django.conf import settings
from django.core.cache import cache
from django.db import OperationalError
from django.test import Client

from marketdata.models import Instrument
from portfolio_site.kernel import clock
from portfolio_site.kernel.valkey import forget_outages
from trading.models import ApiKey
from trading.operations import revoke_api_key
from trading.wire import limits
from trading.wire.gate import simulation
from trading.wire.tests.support import make_bot

pytestmark = pytest.mark.django_db


def errs(answer, status, code):
    assert answer.status_code == status, answer.content
    body = answer.json()
    assert body["code"] == code
    assert isinstance(body["message"], str)
    assert body["message"]
    assert answer.headers["Content-Type"] == "application/json"
    return body


class TestKeys:
    def test_opens_with_headers_bearer_and_basic(self, bot):
        pair = f"{bot.key_id}:{bot.secret}"
        basic = base64.b64encode(pair.encode()).decode()
        for headers in (
            bot.headers,
            {"Authorization": f"Bearer {pair}"},
            {"Authorization": f"Basic {basic}"},
        ):
            assert Client(headers=headers).get("/alpaca/v2/clock").status_code == 200

    @pytest.mark.parametrize(
        "headers",
        [
            {},
            {"APCA-API-KEY-ID": "PKNOBODY", "APCA-API-SECRET-KEY": "x" * 40},
            {"APCA-API-KEY-ID": "PK\x00", "APCA-API-SECRET-KEY": "x"},
            {"APCA-API-KEY-ID": "", "APCA-API-SECRET-KEY": "x"},
            {"APCA-API-KEY-ID": "K" * 5000, "APCA-API-SECRET-KEY": "S" * 5000},
            {"Authorization": "Bearer nonsense"},
            {"Authorization": "Basic %%%"},
            {"Authorization": "Basic " + base64.b64encode(b"\xff\xfe").decode()},
            {"Authorization": "Token hf_abc"},
            {"Authorization": ""},
        ],
    )
    def test_refuses_what_is_no_key_pair(self, headers):
        errs(Client(headers=headers).get("/alpaca/v2/clock"), 401, 40110000)

    def test_refuses_a_wrong_secret_and_another_keys_secret(self, bot, stranger):
        for secret in (bot.secret[:-1] + "?", stranger.secret, bot.secret.lower()):
            headers = {**bot.headers, "APCA-API-SECRET-KEY": secret}
            errs(Client(headers=headers).get("/alpaca/v2/clock"), 401, 40110000)

    def test_a_revoked_key_opens_nothing_from_that_moment(self, bot):
        bot.get("/v2/clock")
        revoke_api_key(key_pk=bot.key_pk, actor=bot.user, now=clock.now())
        errs(bot.send("GET", "/v2/clock"), 401, 40110000)

    def test_a_suspended_persons_key_opens_nothing(self, bot):
        bot.user.is_active, bot.user.suspended_at = False, clock.now()
        bot.user.save()
        errs(bot.send("GET", "/v2/clock"), 401, 40110000)

    def test_neither_session_nor_the_sites_own_tokens_open_it(self, bot):
        client = Client()
        client.force_login(bot.user)
        errs(client.get("/alpaca/v2/clock"), 401, 40110000)

    def test_notes_the_use_at_most_once_a_minute(self, bot):
        bot.get("/v2/clock")
        first = ApiKey.objects.get(pk=bot.key_pk).last_used_at
        assert first is not None
        bot.get("/v2/clock")
        assert ApiKey.objects.get(pk=bot.key_pk).last_used_at == first

    def test_costs_one_statement(self, bot, django_assert_num_queries):
        bot.get("/v2/calendar", start="2026-01-02", end="2026-01-02")
        with django_assert_num_queries(1):
            bot.get("/v2/calendar", start="2026-01-02", end="2026-01-02")


class TestErrors:
    def test_unknown_addresses_are_404_in_form(self, bot):
        for path in ("", "/", "/v2", "/v2/nonsense", "/v3/orders", "/v2/ordersx"):
            errs(bot.send("GET", path), 404, 40410000)
        errs(Client().get("/alpaca"), 404, 40410000)

    def test_wrong_methods_are_405_in_form(self, bot):
        answer = bot.send("PUT", "/v2/clock")
        errs(answer, 405, 40510000)
        assert answer.headers["Allow"] == "GET, HEAD"
        errs(bot.send("TRACE", "/v2/clock"), 405, 40510000)

    def test_what_nobody_foresaw_is_500_in_form(self, bot, monkeypatch):
        from trading.wire import clock as wire_clock

        monkeypatch.setattr(wire_clock, "market_hours", lambda now: 1 / 0)
        errs(bot.send("GET", "/v2/clock"), 500, 50010000)

    def test_a_database_that_is_away_is_503_in_form(self, bot, monkeypatch):
        from trading.wire import gate

        def away(request):
            raise OperationalError("gone")

        monkeypatch.setattr(gate, "holder_for", away)
        errs(bot.send("GET", "/v2/clock"), 503, 50310000)

    def test_an_unknown_host_is_400_in_form(self, bot, settings):
        settings.ALLOWED_HOSTS = ["example.org"]
        errs(bot.send("GET", "/v2/clock"), 400, 40010000)

    def test_never_redirects(self, bot, settings):
        settings.SECURE_SSL_REDIRECT = True
        errs(bot.send("GET", "/v2/clock"), 400, 40010000)
        settings.SECURE_SSL_REDIRECT = False
        for path in ("/v2/clock/", "//v2/clock", "///v2/clock//"):
            assert bot.send("GET", path).status_code == 200, path

    def test_the_rest_of_the_site_is_left_alone(self):
        answer = Client().get("/alpacas")
        assert answer.status_code == 404
        assert answer.headers["Content-Type"].startswith("text/html")


class TestHeaders:
    def test_every_answer_says_that_prices_are_simulated(self, bot, share):
        simulation.remember(False, seconds=0)
        for path, status in (
            ("/v2/account", 200),
            ("/v2/positions", 200),
            ("/v2/orders", 200),
            ("/nowhere", 404),
        ):
            answer = bot.send("GET", path)
            assert answer.status_code == status
            assert answer.headers["X-Holdfast-Simulated"] == "true"

    def test_nothing_says_so_where_none_are(self, bot, share):
        Instrument.objects.update(provider="yahoo")
        cache.clear()
        simulation.remember(True, seconds=0)
        assert "X-Holdfast-Simulated" not in bot.send("GET", "/v2/account").headers
        simulation.remember(True, seconds=0)

    def test_every_answer_has_a_request_id_of_its_own(self, bot):
        ids = {bot.send("GET", "/v2/clock").headers["X-Request-ID"] for _ in range(3)}
        assert len(ids) == 3
        assert all(uuid.UUID(found) for found in ids)

    def test_tells_the_limit(self):
        bot = make_bot(rate_limit=5)
        answers = [bot.send("GET", "/v2/clock") for _ in range(6)]
        assert [answer.status_code for answer in answers] == [200] * 5 + [429]
        assert [answer.headers["X-RateLimit-Limit"] for answer in answers] == ["5"] * 6
        assert [answer.headers["X-RateLimit-Remaining"] for answer in answers] == [
            "4",
            "3",
            "2",
            "1",
            "0",
            "0",
        ]
        reset = int(answers[-1].headers["X-RateLimit-Reset"]) - clock.now().timestamp()
        assert 50 <= reset <= 61
        errs(answers[-1], 429, 42910000)
        assert 1 <= int(answers[-1].headers["Retry-After"]) <= 12

    def test_keys_are_counted_apart(self):
        one, other = make_bot(rate_limit=1), make_bot(rate_limit=1)
        assert one.send("GET", "/v2/clock").status_code == 200
        assert other.send("GET", "/v2/clock").status_code == 200
        assert one.send("GET", "/v2/clock").status_code == 429

    def test_tokens_come_back_with_time(self):
        bucket = f"test:{uuid.uuid4()}"
        assert not any(limits.take(bucket, 300).is_exceeded for _ in range(300))
        answers = [limits.take(bucket, 300).is_exceeded for _ in range(300)]
        assert any(answers)
        time.sleep(0.25)
        assert not limits.take(bucket, 300).is_exceeded

    @pytest.mark.parametrize("limit", [1, 7, 60, 200])
    def test_counts_down_one_by_one(self, limit):
        bucket = f"test:{uuid.uuid4()}"
        for taken in range(1, min(limit, 4) + 1):
            # A slow machine may give the first one back meanwhile.
            assert limits.take(bucket, limit).remaining in {limit - taken, min(limit, limit - taken + 1)}

    def test_server_processes_share_a_limit(self):
        """Each process opens its own connections to Redis; what they let through together is the limit."""
        bucket = f"test:{uuid.uuid4()}"
        code = (
            "import sys, django; django.setup()\n"
            "from trading.wire import limits\n"
            "print(sum(not limits.take(sys.argv[1], 30).is_exceeded for _ in range(25)))"
        )
        environment = {**os.environ, "REDIS_URL": settings.REDIS_LOCATION}
        running = [
            subprocess.Popen(
                [sys.executable, "-c", code, bucket], env=environment, stdout=subprocess.PIPE, text=True
            )
            for _ in range(2)
        ]
        began = time.monotonic()
        taken = sum(int(process.communicate(timeout=120)[0]) for process in running)
        assert 30 <= taken <= 31 + (time.monotonic() - began) * 30 / 60

    def test_without_redis_each_process_counts_by_itself(self, monkeypatch):
        def away(*_given):
            raise ConnectionError("away")

        monkeypatch.setattr(limits, "_TAKE", away)
        bot = make_bot(rate_limit=2)
        try:
            assert [bot.send("GET", "/v2/clock").status_code for _ in range(3)] == [200, 200, 429]
        finally:
            forget_outages()

    def test_refused_keys_are_held_back_too(self, monkeypatch):
        from trading.wire import gate

        monkeypatch.setattr(gate, "REFUSED_LIMIT", 2)
        client = Client(
            headers={"APCA-API-KEY-ID": "PKX", "APCA-API-SECRET-KEY": "y"}, REMOTE_ADDR="10.9.8.7"
        )
        assert [client.get("/alpaca/v2/clock").status_code for _ in range(3)] == [401, 401, 429]

    def test_large_answers_are_compressed_for_who_can_read_them(self, bot):
        answer = Client(headers={**bot.headers, "Accept-Encoding": "gzip, deflate"}).get(
            "/alpaca/v2/calendar"
        )
        assert answer.headers["Content-Encoding"] == "gzip"
        assert int(answer.headers["Content-Length"]) == len(answer.content)
        assert "Content-Encoding" not in bot.send("GET", "/v2/calendar").headers

    def test_no_cookie_and_no_page_headers(self, bot):
        answer = bot.send("GET", "/v2/clock")
        assert not answer.cookies
        assert "Content-Security-Policy" not in answer.headers
        assert re.search("no-store", answer.headers["Cache-Control"])
