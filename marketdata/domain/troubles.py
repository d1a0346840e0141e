"""Market data, pure: what is wrong with a price, and what would help, in words that a person understands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

#: How providers are called on pages.
NAMES: Final = {
    "yahoo": "Yahoo",
    "coingecko": "CoinGecko",
    "alpha_vantage": "Alpha Vantage",
    "ecb": "the ECB",
    "simulated": "the simulated market",
    "manual": "nobody",
}


def provider_label(name: str) -> str:
    """How a provider is called on pages."""
    return NAMES.get(name) or name.replace("_", " ").title()


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """A problem in a sentence, what would help in another, and whether asking again now can help."""

    problem: str
    remedy: str
    may_retry: bool = True


#: By kind of `InstrumentTrouble`: the problem (of a source), what would help, and whether asking again can.
_TROUBLES: Final = {
    "unavailable": (
        "{source} cannot be reached.",
        "It is asked again by itself, ever less often until it answers.",
        True,
    ),
    "limited": (
        "{source} has been asked as often as it allows.",
        "It is asked again by itself as soon as it may be.",
        False,
    ),
    "unknown_symbol": ("{source} does not know it.", "The symbol there has to be put right.", True),
    "wrong_currency": (
        "{source} quotes it in another currency.",
        "It needs another source, or its currency is wrong here.",
        True,
    ),
    "bad_answer": ("{source} has no usable price for it.", "It is asked again by itself.", True),
    "not_authorised": ("{source} refuses us.", "A key is missing or wrong: an administrator can set it.", False),
    "refused": ("{source} tells a price that cannot be right.", "It is asked again by itself.", True),
    "no_provider": ("No source is set up that could serve it.", "An administrator can choose one.", False),
}  # fmt: skip

HELD: Final = Explained(
    problem="A new price is too far from the last one to be believed at once.",
    remedy="It counts once another source or its next price confirms it.",
)
BY_HAND: Final = Explained(
    problem="Its price is kept by hand and was last entered long ago.",
    remedy="Enter a newer one, or load a file of prices.",
    may_retry=False,
)
NEVER_BY_HAND: Final = Explained(
    problem="It has no price yet.", remedy="Enter one, or load a file of prices.", may_retry=False
)
NEVER: Final = Explained(problem="It has no price yet.", remedy="It is asked for by itself.")
SILENT: Final = Explained(
    problem="No newer price has come while its market is open.",
    remedy="It may not have traded. It is asked for again by itself.",
)


def explain(kind: str, *, provider: str) -> Explained:
    """Put an instrument's trouble into words."""
    problem, remedy, may_retry = _TROUBLES.get(kind, _TROUBLES["bad_answer"])
    label = provider_label(provider)
    return Explained(
        problem=problem.format(source=label[0].upper() + label[1:]), remedy=remedy, may_retry=may_retry
    )
