"""The site as gunicorn serves it: workers forked from one that has read everything, each with a connection that it keeps."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests
from django.db import connection

from portfolio_site.kernel import clock
from tests.support.live_site import LiveSite
from trading.models import ApiKey
from trading.operations import revoke_api_key
from trading.wire.tests.support import make_bot

pytestmark = pytest.mark.django_db(transaction=True)


class Workers(LiveSite):
    """Two of them."""

    def command(self) -> list[str]:
        """As in the container, on another port."""
        return [
            sys.executable, "-m", "gunicorn", "--config", "docker/gunicorn.conf.py", "--bind", f"127.0.0.1:{self.port}",
            "--workers", "2", "portfolio_site.wsgi:application",
        ]  # fmt: skip

    def lines(self) -> list[dict[str, object]]:
        """What it logged."""
        found = (line for line in self.output().splitlines() if line.startswith("{"))
        return [json.loads(line) for line in found]


@pytest.fixture
def site(transactional_db: None, tmp_path: Path) -> Iterator[Workers]:
    made = Workers(tmp_path, {"LOG_JSON": "true", "LOG_LEVEL": "INFO"})
    made.start()
    yield made
    made.stop()


def many(site, bot, count):
    """So many requests over four connections at a time, for either worker to answer."""
    url = f"{site.url}/alpaca/v2/account"
    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(lambda _: requests.get(url, headers=bot.headers, timeout=60), range(count)))


def end_other_sessions():
    """What a restart of PostgreSQL does to the connections of its clients."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )
        return cursor.fetchone()[0]


def test_workers_hold_to_one_limit_log_each_request_once_and_survive_what_databases_do(site):
    bot = make_bot(rate_limit=60)
    answers = many(site, bot, 20)
    assert {answer.status_code for answer in answers} == {200}
    assert min(int(answer.headers["X-RateLimit-Remaining"]) for answer in answers) <= 45
    assert ApiKey.objects.get(pk=bot.key_pk).last_used_at is not None

    told = [line for line in site.lines() if line["event"] == "wire_request"]
    ids = {answer.headers["X-Request-ID"] for answer in answers}
    assert len(ids) == 20
    assert sorted(str(line["request_id"]) for line in told) == sorted(ids)
    assert all(line["level"] == "info" and line["timestamp"] and line["key"] == bot.key_id for line in told)

    # No connection was opened before the workers were forked: two would get each other's answers.
    assert end_other_sessions() >= 1
    assert {answer.status_code for answer in many(site, bot, 10)} == {200}

    revoke_api_key(key_pk=bot.key_pk, actor=bot.user, now=clock.now())
    assert {answer.status_code for answer in many(site, bot, 8)} == {401}

    page = requests.get(f"{site.url}/accounts/login/", timeout=60)
    assert page.status_code == 200
    assert page.headers["Content-Security-Policy"]
    assert page.headers["X-Request-ID"]
