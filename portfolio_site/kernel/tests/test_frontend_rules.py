"""The rules of the front end, checked on the files themselves: no inline code, nothing foreign, readable colours."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.staticfiles import finders
from django.template.loader import render_to_string

ROOT = Path(settings.BASE_DIR)
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
#: Printed documents are styled by the report renderer, not by a browser under our policy.
PAGES = [path for path in TEMPLATES if "pdf" not in path.parts and "email" not in path.parts]
SCRIPTS = sorted((ROOT / "static" / "js").glob("*.js"))

INLINE = re.compile(r"""\sstyle\s*=\s*["']|\son[a-z]+\s*=\s*["']|<style\b|hx-on[:\-]""", re.IGNORECASE)
#: What a template tag is given (`{% icon "star" style="solid" %}`) is no attribute.
TAG = re.compile(r"{%.*?%}")
SCRIPT = re.compile(r"<script\b([^>]*)>", re.IGNORECASE)
FOREIGN = re.compile(r"""(?:src|href|url\()\s*=?\s*["']?(?:https?:)?//""", re.IGNORECASE)
STATIC = re.compile(r"""{%\s*static\s+["']([^"']+)["']""")


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


class TestTemplates:
    @pytest.mark.parametrize("path", PAGES, ids=_name)
    def test_no_inline_style_script_or_handler(self, path: Path) -> None:
        text = path.read_text()
        assert not INLINE.findall(TAG.sub("", text))
        for attributes in SCRIPT.findall(text):
            assert "src=" in attributes or "application/json" in attributes, attributes

    @pytest.mark.parametrize("path", PAGES, ids=_name)
    def test_nothing_from_another_origin(self, path: Path) -> None:
        assert not FOREIGN.findall(path.read_text())

    @pytest.mark.parametrize("path", PAGES, ids=_name)
    def test_every_static_file_is_there(self, path: Path) -> None:
        for name in STATIC.findall(path.read_text()):
            assert finders.find(name), name


class TestScripts:
    @pytest.mark.parametrize("path", SCRIPTS, ids=_name)
    def test_keep_to_the_policy(self, path: Path) -> None:
        # How htmx is to put in an answer of the site is a word of its own, not markup made of text.
        text = re.sub(r"swap: \"(inner|outer)HTML\"", "", path.read_text())
        for forbidden in (
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
            "new Function",
        ):
            assert forbidden not in text, forbidden
        assert "//cdn" not in text


class TestErrorPages:
    @pytest.mark.parametrize("code", ["400", "403", "404", "429", "500", "503"])
    def test_render_without_request_user_or_database(self, code: str) -> None:
        html = render_to_string(f"{code}.html")
        assert f">{code}<" in html
        assert "<h1>" in html
        assert 'lang="en"' in html

    def test_show_the_sentence_of_a_refusal_escaped(self) -> None:
        html = render_to_string("400.html", {"error_message": "<b>No</b> rate for 3 May."})
        assert "&lt;b&gt;No&lt;/b&gt; rate for 3 May." in html


class TestVendoredFiles:
    def test_are_the_ones_that_were_fetched(self) -> None:
        done = subprocess.run(
            [sys.executable, str(ROOT / "script" / "vendor-assets"), "--check"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout

    def test_each_has_a_licence(self) -> None:
        manifest = json.loads((ROOT / "static" / "vendor" / "VENDOR.json").read_text())
        for package, entry in manifest.items():
            assert entry["licence"], package
            assert "LICENSE" in entry["files"], package


# ---- Contrast ----


def _tokens(theme: str) -> dict[str, str]:
    css = (ROOT / "static" / "css" / "tokens.css").read_text()
    block = re.search(r'\[data-bs-theme="' + theme + r'"\] \{(.*?)\n\}', css, re.DOTALL)
    assert block
    return dict(re.findall(r"--hf-([a-z0-9-]+): (#[0-9a-f]{6});", block.group(1)))


def _luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(one: str, other: str) -> float:
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


TEXT_ON_GROUND = [
    *((ink, ground) for ink in ("ink", "ink-2", "ink-3") for ground in ("bg", "surface", "surface-2")),
    *((ink, ground) for ink in ("gain", "loss", "brand") for ground in ("bg", "surface", "surface-2")),
    ("ink", "surface-3"),
    ("ink-2", "surface-3"),
    ("brand-strong", "brand-soft"),
    ("gain", "gain-soft"),
    ("loss", "loss-soft"),
    ("warn", "warn-soft"),
    ("info", "info-soft"),
    ("on-solid", "solid"),
    ("on-solid", "solid-hover"),
    ("on-solid", "loss-solid"),
    ("on-solid", "loss-solid-hover"),
    ("bar-ink", "bar"),
    ("bar-ink-strong", "bar-hover"),
    ("bar-accent", "bar"),
    ("on-accent", "bar-accent"),
]
#: Borders of controls, the focus ring and what carries meaning in a chart need 3:1.
SHAPES_ON_GROUND = [
    ("line-strong", "surface"),
    ("focus", "surface"),
    ("focus", "bg"),
    *((f"chart-{n}", "surface") for n in range(1, 9)),
    ("chart-gain", "surface"),
    ("chart-loss", "surface"),
]


@pytest.mark.parametrize("theme", ["light", "dark"])
class TestContrast:
    @pytest.mark.parametrize(("ink", "ground"), TEXT_ON_GROUND)
    def test_text_reaches_aa(self, theme: str, ink: str, ground: str) -> None:
        tokens = _tokens(theme)
        assert _contrast(tokens[ink], tokens[ground]) >= 4.5

    @pytest.mark.parametrize(("shape", "ground"), SHAPES_ON_GROUND)
    def test_shapes_reach_three_to_one(self, theme: str, shape: str, ground: str) -> None:
        tokens = _tokens(theme)
        assert _contrast(tokens[shape], tokens[ground]) >= 3
