"""The pages of the API's description: drawn in full, by this site alone, without a complaint on the console."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.support.live_site import LiveSite

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(
    ("path", "drawn"), [("/api/docs/", ".swagger-ui .opblock"), ("/api/redoc/", "[data-section-id] h2")]
)
def test_are_drawn_without_asking_anybody_else(
    page: Page, live_site: LiveSite, path: str, drawn: str, theme: Any
) -> None:
    page.emulate_media(color_scheme=theme)
    page.goto(f"{live_site.url}{path}")
    expect(page.locator(drawn).first).to_be_visible(timeout=60_000)
    page.wait_for_load_state("networkidle")
