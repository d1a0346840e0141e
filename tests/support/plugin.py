"""The fixtures that every test can ask for. The root conftest.py loads this module as a pytest plugin."""

from __future__ import annotations
