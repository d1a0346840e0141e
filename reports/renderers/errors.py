"""The print shop: what a renderer refuses to do, in a sentence."""


class RendererUnavailable(Exception):  # noqa: N818 - it is a state of this machine, not a fault
    """The library behind a format cannot be loaded here. The text says what to run to mend it."""
