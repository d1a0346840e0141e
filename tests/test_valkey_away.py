"""The running site when Valkey is killed under it: pages come, forms are taken, nothing waits for long."""

from __future__ import annotations

import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.test import Client

from accounts.tests.support import make_user
from tests.support.live_site import LiveSite
from tests.support.own_valkey import OwnValkey

#: A page without cache, on a busy machine; a page that waits for Valkey at every call takes longer.
PATIENCE = 8.0


@pytest.fixture
def site(own_valkey: OwnValkey, transactional_db: None, tmp_path: Any) -> Iterator[LiveSite]:
    site = LiveSite(tmp_path, {"REDIS_URL": own_valkey.url})
    site.start()
    yield site
    site.stop()


@pytest.fixture
def cookie(site: LiveSite) -> str:
    person = make_user("person@example.com")
    client = Client()
    client.force_login(person, backend=django_settings.AUTHENTICATION_BACKENDS[0])
    return (
        f"{django_settings.SESSION_COOKIE_NAME}={client.cookies[django_settings.SESSION_COOKIE_NAME].value}"
    )


def get(site: LiveSite, path: str, cookie: str) -> tuple[int, str, float]:
    request = urllib.request.Request(site.url + path, headers={"Cookie": cookie})
    begun = time.monotonic()
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read().decode(), time.monotonic() - begun
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(), time.monotonic() - begun


class TestRunningSite:
    PATHS = ("/", "/markets/", "/settings/", "/notifications/", "/orders/", "/api/v1/instruments/")

    @pytest.mark.parametrize("fault", ["kill", "freeze"])
    def test_serves_signed_in_people_throughout(
        self, site: LiveSite, own_valkey: OwnValkey, cookie: str, fault: str
    ) -> None:
        assert get(site, "/settings/", cookie)[0] == 200
        getattr(own_valkey, fault)()
        for path in self.PATHS:
            status, text, seconds = get(site, path, cookie)
            assert status == 200, site.output()[-3000:]
            assert "Sign in" not in text or path.startswith("/api")
            assert seconds < PATIENCE
        status, text, _ = get(site, "/readyz", cookie)
        assert (status, '"degraded"' in text) == (200, True)
        own_valkey.thaw() if fault == "freeze" else own_valkey.start()
        assert get(site, "/", cookie)[0] == 200
        time.sleep(5.2)
        assert get(site, "/settings/", cookie)[0] == 200
        assert '"ok"' in get(site, "/readyz", cookie)[1]
