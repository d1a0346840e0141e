"""Market data queries: finding instruments as people type them."""

from __future__ import annotations

import re
from typing import Any

from marketdata.models import AUDITOR_GROUP, AssetClass, Instrument
from marketdata.models.visibility import may_see_sql

_MAX_TEXT = 100
_MAX_LIMIT = 100
_NOT_TRADABLE = (AssetClass.INDEX, AssetClass.CURRENCY)
#: What people write between a symbol and its class of shares: `BRK B`, `BRK/B`, `BRK-B` are `BRK.B`.
_BETWEEN = re.compile(r"[ /.\-]+")

# In stages, each by an index of its own, and a later one only for the places that the earlier ones left: what they find
# comes first anyway. Within a stage what is still quoted and belongs to a known sector comes before the rest.
_SEARCH = """
WITH exact AS MATERIALIZED (
    SELECT i.id FROM marketdata_instrument i
    WHERE (i.symbol_key = ANY(%(exact)s::text[]) OR (i.isin = %(upper)s AND i.isin <> '')
           OR upper(i.provider_symbols ->> 'yahoo') = %(upper)s
           OR i.name_key = %(lower)s OR (i.cusip = %(upper)s AND i.cusip <> '') OR (i.figi = %(upper)s AND i.figi <> ''))
      AND {visible}
    ORDER BY i.is_active DESC, i.owner_id NULLS FIRST, i.id LIMIT %(limit)s
), begins AS MATERIALIZED (
    SELECT i.id FROM marketdata_instrument i
    WHERE i.symbol_key LIKE %(upper_prefix)s AND {visible}
    ORDER BY i.is_active DESC, (i.sector <> '') DESC, length(i.symbol), i.symbol_key, i.id LIMIT %(limit)s
), numbered AS MATERIALIZED (
    SELECT i.id FROM marketdata_instrument i
    WHERE %(may_be_isin)s AND i.isin LIKE %(upper_prefix)s AND i.isin <> '' AND {visible}
    ORDER BY i.is_active DESC, i.isin, i.id LIMIT %(limit)s
), named AS MATERIALIZED (
    SELECT i.id FROM marketdata_instrument i
    WHERE i.name_key LIKE %(lower_prefix)s AND {visible} AND i.id <> ALL (ARRAY(TABLE exact UNION TABLE begins))
    ORDER BY i.is_active DESC, (i.sector <> '') DESC, length(i.symbol), i.symbol_key, i.id
    LIMIT greatest(0, %(limit)s - (SELECT count(*) FROM (TABLE exact UNION TABLE begins) AS known))
), worded AS MATERIALIZED (
    SELECT i.id FROM marketdata_instrument i
    WHERE to_tsvector('simple'::regconfig, COALESCE(i.name, '')) @@ to_tsquery('simple'::regconfig, %(words)s) AND {visible}
      AND i.id <> ALL (ARRAY(TABLE exact UNION TABLE begins UNION TABLE named))
    ORDER BY i.is_active DESC, (i.sector <> '') DESC, length(i.symbol), i.symbol_key, i.id
    LIMIT CASE WHEN %(words)s = '' THEN 0 ELSE greatest(0, %(limit)s - (
        SELECT count(*) FROM (TABLE exact UNION TABLE begins UNION TABLE named) AS known)) END
), found AS (
    SELECT id, min(rank) AS rank FROM (
        SELECT id, 0 AS rank FROM exact UNION ALL SELECT id, 1 FROM begins UNION ALL SELECT id, 2 FROM numbered
        UNION ALL SELECT id, 3 FROM named UNION ALL SELECT id, 4 FROM worded
    ) AS every GROUP BY id
)
SELECT i.* FROM found JOIN marketdata_instrument i ON i.id = found.id
ORDER BY found.rank, i.is_active DESC, i.owner_id NULLS FIRST, (i.sector <> '') DESC, length(i.symbol), i.symbol_key,
         i.id
LIMIT %(limit)s
"""


def search_instruments(
    *, user: Any, text: str, limit: int = 20, tradable_only: bool = False
) -> list[Instrument]:
    """Return instruments whose symbol, number or name is or begins with the text, or whose name has words that do. One
    statement.

    Exact symbols, names and numbers (ISIN, CUSIP, FIGI, Yahoo's name) come first, then symbols that begin so, names that
    begin so, and names with such words; within each, what is still quoted and what is in a known sector before the rest.
    An empty text finds nothing.
    """
    wanted = " ".join(text.split())[:_MAX_TEXT].replace("\0", "")
    if not wanted or user.pk is None:
        return []
    upper = wanted.upper()
    visible = may_see_sql("i")
    if tradable_only:
        visible = "i.owner_id IS NULL AND i.is_active AND i.asset_class <> ALL(%(not_tradable)s::text[])"
    parameters: dict[str, Any] = {
        "user": user.pk,
        "auditors": AUDITOR_GROUP,
        "limit": max(0, min(limit, _MAX_LIMIT)),
        "exact": sorted({upper, _BETWEEN.sub(".", upper), _BETWEEN.sub("-", upper)}),
        "upper": upper,
        "lower": wanted.lower(),
        "upper_prefix": f"{_like(upper)}%",
        "lower_prefix": f"{_like(wanted.lower())}%",
        # Two letters and a digit or two: shorter ones are symbols and words.
        "may_be_isin": len(upper) >= 4 and upper[:2].isalpha() and any(sign.isdigit() for sign in upper),
        "words": _words(wanted.lower()),
        "not_tradable": list(_NOT_TRADABLE),
    }
    return list(Instrument.objects.raw(_SEARCH.format(visible=visible), parameters))


def _like(text: str) -> str:
    """The text as a pattern that means itself."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _words(text: str) -> str:
    """A full-text query that wants every word as the beginning of one in the name; empty when there is no word in it."""
    words = ["".join(sign for sign in word if sign.isalnum()) for word in text.split()]
    return " & ".join(f"{word}:*" for word in words if word)
