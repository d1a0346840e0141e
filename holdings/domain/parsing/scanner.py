"""A JSON document read piece by piece: only what is being looked at is in memory.

The standard decoder reads each value; this decides where one begins and whether all of it has arrived.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterable, Iterator

from holdings.domain.parsing.reader import NotANumber
from holdings.domain.types import PortfolioError, Problem

_SPACE = re.compile(r"[ \t\n\r]*")
_USED = 1 << 20
_DECODER = json.JSONDecoder(parse_constant=NotANumber)


class Scanner:
    """Walks through one document. What `members` or `elements` yields has to be read before they are asked for the next.

    Raises PortfolioError where the text is no JSON.
    """

    def __init__(self, blocks: Iterable[bytes]) -> None:
        self._blocks = iter(blocks)
        self._decode = codecs.getincrementaldecoder("utf-8-sig")()
        self._text = ""
        self._at = 0
        self._ended = False

    def begins_with(self) -> str:
        """The next character that is no space; empty at the end."""
        while True:
            found = _SPACE.match(self._text, self._at)
            assert found is not None
            self._at = found.end()
            if self._at < len(self._text):
                return self._text[self._at]
            if self._ended:
                return ""
            self._more()

    def value(self) -> object:
        """The value that comes next."""
        self.begins_with()
        while True:
            try:
                found, end = _DECODER.raw_decode(self._text, self._at)
            except RecursionError as error:
                raise _refused("is nested too deeply") from error
            except ValueError as error:
                if self._ended:
                    raise _refused(f"is not valid JSON: {' '.join(str(error).split())}") from error
            else:
                # The digits of a number may go on in what has not arrived.
                if end < len(self._text) or self._ended:
                    self._at = end
                    return found
            self._more()

    def members(self) -> Iterator[str]:
        """The names in the object that comes next; the value of each is read by the caller."""
        for _ in self._parts("{", "}"):
            name = self.value()
            if not isinstance(name, str) or self.begins_with() != ":":
                raise _refused("is not valid JSON: a name is missing")
            self._at += 1
            yield name

    def elements(self) -> Iterator[int]:
        """The places in the list that comes next; each element is read by the caller."""
        yield from self._parts("[", "]")

    def end(self) -> None:
        """Nothing may follow."""
        if self.begins_with():
            raise _refused("is not valid JSON: something follows its end")

    def _parts(self, opening: str, closing: str) -> Iterator[int]:
        if self.begins_with() != opening:
            raise _refused(f"is not valid JSON: {opening} is missing")
        self._at += 1
        if self.begins_with() == closing:
            self._at += 1
            return
        number = 0
        while True:
            yield number
            number += 1
            follows = self.begins_with()
            self._at += 1
            if follows == closing:
                return
            if follows != ",":
                raise _refused(f"is not valid JSON: , or {closing} is missing")

    def _more(self) -> None:
        """Take in as much again as is waiting, and let go of what was read."""
        if self._at > _USED or self._at == len(self._text):
            self._text, self._at = self._text[self._at :], 0
        wanted, parts = max(len(self._text) - self._at, 1), []
        try:
            while wanted > 0 and not self._ended:
                block = next(self._blocks, None)
                self._ended = block is None
                parts.append(self._decode.decode(block or b"", final=self._ended))
                wanted -= len(parts[-1])
        except UnicodeDecodeError as error:
            raise _refused(f"is not UTF-8 (byte {error.start})") from error
        self._text += "".join(parts)


def _refused(message: str) -> PortfolioError:
    return PortfolioError([Problem("$", message)])
