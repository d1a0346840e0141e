"""What is easily broken by a line of style or script elsewhere: buttons that are links, the axis of a value chart, passkeys."""

from __future__ import annotations

import json
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.support.live_site import LiveSite

pytestmark = pytest.mark.browser

SAMPLE = """
<a class="btn btn-primary" data-probe href="#">Plain</a>
<table class="hf-table"><tbody><tr><th><a class="btn btn-primary" data-probe href="#">Head</a></th>
<td><a class="btn btn-primary" data-probe href="#">Cell</a></td></tr></tbody></table>
<div class="alert alert-warning"><a class="btn btn-primary" data-probe href="#">Alert</a></div>
<div class="hf-toast"><a class="btn btn-primary" data-probe href="#">Toast</a></div>
"""
LOOK = """() => [...document.querySelectorAll("[data-probe]")].map((e) => {
  const s = getComputedStyle(e); return [s.color, s.backgroundColor, s.paddingTop].join() })"""


FIGURE = """<figure class="hf-chart" id="probe" data-chart="line" data-src="/figures.json">
<div class="hf-chart-canvas"><canvas></canvas></div></figure>"""
DRAWN = """async (html) => {
  document.querySelector("#main").insertAdjacentHTML("afterbegin", html);
  const figure = document.querySelector("#probe");
  htmx.trigger(figure, "htmx:load", {elt: figure});
  while (!figure.holdfastChart?.chart) await new Promise((done) => setTimeout(done, 50));
  const { min, max } = figure.holdfastChart.chart.scales.y;
  return { min, max };
}"""


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_link_that_is_a_button_looks_like_one_everywhere(
    page: Page, live_site: LiveSite, theme: Any
) -> None:
    page.emulate_media(color_scheme=theme)
    page.goto(f"{live_site.url}/help/")
    page.evaluate("(html) => document.querySelector('#main').insertAdjacentHTML('beforeend', html)", SAMPLE)
    looks = page.evaluate(LOOK)
    assert len(looks) == 5
    assert len(set(looks)) == 1


@pytest.mark.parametrize("lowest", ["-50.00", "0.00", "1200.00"])
def test_a_value_axis_does_not_go_below_zero_for_nothing(
    page: Page, live_site: LiveSite, lowest: str
) -> None:
    assert _axis(page, live_site, [lowest, "310000.00"])["min"] == 0


def test_a_value_axis_shows_what_is_below_zero(page: Page, live_site: LiveSite) -> None:
    assert _axis(page, live_site, ["-90000.00", "310000.00"])["min"] <= -90000


def test_a_value_axis_stays_close_to_what_is_far_above_zero(page: Page, live_site: LiveSite) -> None:
    assert _axis(page, live_site, ["250000.00", "310000.00"])["min"] >= 200000


def test_a_passkey_prompt_that_was_closed_is_answered_on_the_page(page: Page, live_site: LiveSite) -> None:
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    page.goto(f"{live_site.url}/help/")
    taken = page.evaluate(
        "!document.dispatchEvent(new CustomEvent('allauth.error', {cancelable: true,"
        " detail: {tags: ['mfa', 'webauthn'], exception: new DOMException('', 'NotAllowedError')}}))"
    )
    assert taken, "else allauth writes it to the console"
    expect(page.locator(".hf-toast")).to_contain_text("No passkey was used")
    assert not said


def _axis(page: Page, live_site: LiveSite, values: list[str]) -> dict[str, float]:
    labels = [f"2026-01-{day:02d}" for day in range(1, len(values) + 1)]
    series = [{"key": "value", "label": "Value", "values": values, "style": "area"}]
    body = {"kind": "line", "unit": "money", "currency": "USD", "labels": labels, "series": series}
    page.route(
        "**/figures.json",
        lambda route: route.fulfill(body=json.dumps(body), content_type="application/json"),
    )
    page.goto(f"{live_site.url}/help/")
    found: dict[str, float] = page.evaluate(DRAWN, FIGURE)
    return found
