"""The print shop: what a renderer refuses to do, in a sentence."""


class RendererUnavailable(Exception):
    """The library behind a format cannot be loaded here. The text says what to run to mend it."""
