"""Market data providers: the European Central Bank's reference rates. One unit of euro in some thirty currencies, each
working day since 1999, published about 16:00 in Frankfurt. No key, no limit; not meant for trading.
"""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from xml.parsers import expat

import structlog

from marketdata.providers import parsing
from marketdata.providers.base import BadAnswer, BaseProvider, Capability, Limits, RateData
from marketdata.providers.http import HttpClient, refuse

log = structlog.get_logger(__name__)

BASE_URL = "https://www.ecb.europa.eu/stats/eurofxref"
WHOLE = "eurofxref-hist.zip"
NINETY_DAYS = "eurofxref-hist-90d.xml"
LATEST = "eurofxref-daily.xml"
#: The 90 days are of the calendar; a little less is safe to be in them.
_IN_NINETY_DAYS = timedelta(days=85)
_LARGEST_FILE = 32 * 1024 * 1024
_EARLIEST = date(1999, 1, 1)


class EcbProvider(BaseProvider):
    """The ECB. Currencies it does not publish are left out of the answer; so are days it had no rate."""

    name = "ecb"
    capabilities = frozenset({Capability.FX})
    limits = Limits(calls_per_minute=10)

    def __init__(self, *, timeout: float = 20.0, base_url: str = "") -> None:
        self._base_url = (base_url or BASE_URL).rstrip("/")
        self._client = HttpClient(timeout=timeout)

    def rates(self, currencies: Iterable[str], start: date, end: date) -> list[RateData]:
        """Return rates from the smallest of its three files that covers start..end, taking `end` for about
        today."""
        wanted = set(currencies)
        found = self._file(start, end)
        rows = (rate for rate in found if rate.quote in wanted and start <= rate.date <= end)
        return sorted(rows, key=lambda rate: (rate.quote, rate.date))

    def _file(self, start: date, end: date) -> list[RateData]:
        if start == end:
            latest = list(parse_xml(self._fetch(LATEST)))
            if latest and latest[0].date <= start:
                return latest
        if end - start < _IN_NINETY_DAYS:
            recent = list(parse_xml(self._fetch(NINETY_DAYS)))
            if recent and min(rate.date for rate in recent) <= start:
                return recent
        return list(parse_csv(unzipped(self._fetch(WHOLE))))

    def _fetch(self, name: str) -> bytes:
        answer = self._client.get(f"{self._base_url}/{name}")
        refuse(answer)
        return answer.body


def unzipped(body: bytes) -> str:
    """Return the text of the one file in an archive; raises `BadAnswer` for what is none, and for a bomb."""
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            member = next(info for info in archive.infolist() if info.filename.endswith(".csv"))
            with archive.open(member) as file:
                content = file.read(_LARGEST_FILE + 1)
    except (
        zipfile.BadZipFile,
        StopIteration,
        EOFError,
        OSError,
        ValueError,
        NotImplementedError,
        RuntimeError,
    ) as error:
        raise BadAnswer("the file is not the archive that was expected") from error
    if len(content) > _LARGEST_FILE:
        raise BadAnswer("the file is absurdly large")
    return content.decode("utf-8-sig", errors="replace")


def parse_csv(text: str) -> Iterator[RateData]:
    """Return the rates of the table with a line for each day and a column for each currency. `N/A` and empty cells are
    days a currency had no rate. Raises `BadAnswer` for what is no such table."""
    lines = csv.reader(io.StringIO(text))
    header = [cell.strip() for cell in next(lines, [])]
    if not header or header[0] != "Date" or "USD" not in header:
        raise BadAnswer("the file is not the table of rates that was expected")
    for line in lines:
        if not line or not line[0].strip():
            continue
        if len(line) < len([name for name in header if name]):
            raise BadAnswer(f"the line of {line[0][:20]} breaks off")
        day = _day(line[0].strip())
        for code, cell in zip(header[1:], line[1:], strict=False):
            text_of_rate = cell.strip()
            if code and text_of_rate not in ("", "N/A", "-"):
                yield from _rate(code, day, text_of_rate)


def parse_xml(body: bytes) -> Iterator[RateData]:
    """Return the rates of the smaller files: nested `Cube`s, of a day and in it of currencies. Raises
    `BadAnswer`."""
    found: list[RateData] = []
    day: list[date] = []

    def start(name: str, attributes: dict[str, str]) -> None:
        if name != "Cube":
            return
        if "time" in attributes:
            day[:] = [_day(attributes["time"])]
        elif "currency" in attributes:
            if not day:
                raise BadAnswer("a rate without a day")
            found.extend(_rate(attributes["currency"], day[0], attributes.get("rate", "")))

    def no_doctype(*_: object) -> None:
        # Nothing here needs one, and entities in it are how a small file becomes a large one.
        raise BadAnswer("the file is not the list of rates that was expected")

    parser = expat.ParserCreate()
    parser.StartElementHandler = start
    parser.StartDoctypeDeclHandler = no_doctype
    try:
        parser.Parse(body, True)
    except expat.ExpatError as error:
        raise BadAnswer("the file is not the list of rates that was expected") from error
    if not found:
        raise BadAnswer("there are no rates in the file")
    return iter(found)


def _day(text: str) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError as error:
        raise BadAnswer(f"“{text[:20]}” is not a day") from error
    if day < _EARLIEST:
        raise BadAnswer(f"there were no rates on {day}")
    return day


def _rate(code: str, day: date, text: str) -> list[RateData]:
    """One rate; none, and a line in the log, for a cell that holds none: the others are good all the same."""
    rate = parsing.optional_price(text)
    if rate is None or not (len(code) == 3 and code.isascii() and code.isupper()):
        log.warning("ecb_rate_left_out", currency=code[:8], day=day.isoformat(), cell=text[:20])
        return []
    return [RateData(base="EUR", quote=code, date=day, rate=rate)]
