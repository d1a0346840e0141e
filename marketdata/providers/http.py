"""Market data providers: asking over HTTP. One request, one time limit for the whole of it, failures by their port's
names. No retries: whoever calls the provider decides.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from curl_cffi import CurlOpt
from curl_cffi.requests import Session
from curl_cffi.requests.exceptions import RequestException, Timeout

from marketdata.providers.base import (
    BadAnswer,
    NotAuthorised,
    ProviderError,
    ProviderUnavailable,
    RateLimited,
)
from marketdata.providers.parsing import decode_json

USER_AGENT = "Holdfast (self-hosted portfolio tracker)"
#: No answer that is asked for here is larger; a server that sends more is not who it should be.
LARGEST_ANSWER = 64 * 1024 * 1024
#: A vendor that asks for a longer rest than this is asked again after it all the same.
LONGEST_REST = 86_400.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: status, headers by lower-case name, and the body."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    @property
    def text(self) -> str:
        """The body as text; what is no UTF-8 becomes replacement characters, which no parser takes."""
        return self.body.decode("utf-8", errors="replace")

    def json(self) -> Any:
        """The body as JSON, every number exact; raises `BadAnswer`."""
        return decode_json(self.text)


class HttpClient:
    """Asks one vendor. Connections are kept and belong to a thread; made at the first question, so that a process
    that is forked before it makes its own."""

    def __init__(self, *, timeout: float, headers: Mapping[str, str] | None = None) -> None:
        self.timeout = timeout
        self._headers = {"User-Agent": USER_AGENT, **(headers or {})}
        self._local = threading.local()

    def get(self, url: str, params: Mapping[str, str] | None = None) -> Answer:
        """Return the answer whatever its status; raises `ProviderUnavailable` when there is none in time."""
        try:
            response = self._session().get(
                url, params=dict(params or {}), headers=self._headers, timeout=self.timeout, max_redirects=5
            )
        except Timeout as error:
            raise ProviderUnavailable(f"no answer within {self.timeout:g} seconds") from error
        except (RequestException, OSError) as error:
            # The message of the client may hold the address with a key in it: only its kind is kept.
            raise ProviderUnavailable(f"cannot be reached ({type(error).__name__})") from None
        return Answer(
            status=response.status_code,
            headers={name.lower(): value or "" for name, value in response.headers.items()},
            body=response.content,
        )

    def _session(self) -> Session[Any]:
        session: Session[Any] | None = getattr(self._local, "session", None)
        if session is None:
            session = self._local.session = new_session()
        return session


def new_session() -> Session[Any]:
    """Return a client that takes no answer of absurd size."""
    return Session(curl_options={CurlOpt.MAXFILESIZE_LARGE: LARGEST_ANSWER})


def refuse(answer: Answer, detail: str = "") -> None:
    """Raise the error that an answer's status stands for; return where it is a good one.

    `detail` is what the vendor said in words.
    """
    if answer.status < 400:
        return
    raise error_of(answer.status, answer.headers, detail)


def error_of(status: int, headers: Mapping[str, str], detail: str = "") -> ProviderError:
    """Return the error that a status stands for."""
    words = f"HTTP {status}" + (f": {detail[:200]}" if detail else "")
    rest = retry_after(headers)
    if status == 429 or (status == 503 and rest is not None):
        return RateLimited(words, retry_after=rest)
    if status in (401, 403):
        return NotAuthorised(words)
    # A page that is not there is no word about a symbol: an adapter knows how its vendor says that.
    return ProviderUnavailable(words) if status >= 500 or status == 404 else BadAnswer(words)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds of `Retry-After`, given as a number or as a date (counted from the answer's own
    `Date`)."""
    text = headers.get("retry-after", "").strip()
    if not text:
        return None
    if text.isascii() and text.replace(".", "", 1).isdigit():
        return min(float(text), LONGEST_REST)
    until, since = _http_date(text), _http_date(headers.get("date", ""))
    if until is None or since is None:
        return None
    return min(max((until - since).total_seconds(), 0.0), LONGEST_REST)


def _http_date(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
