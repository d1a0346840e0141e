"""From the text of a portfolio file to typed values, with every problem by its JSON path."""

from holdings.domain.parsing.document import parse, parse_document
from holdings.domain.parsing.streamed import MOST_TOLD, Survey, entries, survey

__all__ = ["MOST_TOLD", "Survey", "entries", "parse", "parse_document", "survey"]
