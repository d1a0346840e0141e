"""The bell: what it listens to."""


def register() -> None:
    """Register every subscriber of this room."""
