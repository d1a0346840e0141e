"""What the books listen to: nothing yet needs them to; `register` is where it would stand."""

from __future__ import annotations


def register() -> None:
    """Register the subscribers of this room."""
