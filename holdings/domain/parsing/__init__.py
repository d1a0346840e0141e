"""From the text of a portfolio file to typed values, with every problem by its JSON path."""

from holdings.domain.parsing.document import parse, parse_document

__all__ = ["parse", "parse_document"]
