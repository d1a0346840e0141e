"""Market data providers: Yahoo Finance. How it is asked: through yfinance's own session, cookies and crumb.

The only file that knows yfinance's insides. What it takes from there: the browser-like client (others are turned
away), and the dance of cookie and crumb that the quote endpoint wants. What it keeps from it:

- asking again after a 429: yfinance would send five more requests to who has just asked for silence, and lose
  `Retry-After`; a 429 ends the question here, in the session;
- cookies in a database in somebody's home folder: a process fetches its own when it first needs one;
- time limits of its own, one for each of up to six requests: ours is for the whole question.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from marketdata.providers.base import ProviderError, ProviderUnavailable
from marketdata.providers.http import LARGEST_ANSWER, Answer, error_of

API = "https://query2.finance.yahoo.com"


class YahooClient:
    """Asks Yahoo. With `base_url` everything that would go to a host of Yahoo's goes there instead."""

    def __init__(self, *, timeout: float, base_url: str = "") -> None:
        self._timeout = timeout
        self._base_url = base_url.rstrip("/")
        self._lock = threading.Lock()
        self._question = threading.local()
        self._made: tuple[Any, Any] | None = None

    def get(self, path: str, params: Mapping[str, str]) -> Answer:
        """Ask an endpoint that wants no crumb: charts and search. Returns the answer whatever its status but 429.

        Raises `RateLimited` and `ProviderUnavailable`.
        """
        session, _ = self._tools()
        return self._ask(lambda: session.get(API + path, params=dict(params), timeout=self._timeout))

    def get_with_crumb(self, path: str, params: Mapping[str, str]) -> Answer:
        """Ask an endpoint that wants cookie and crumb; a refused crumb is renewed once by yfinance."""
        _, data = self._tools()
        return self._ask(lambda: data.get(API + path, params=dict(params), timeout=self._timeout))

    def _ask(self, ask: Any) -> Answer:
        from curl_cffi.requests.exceptions import RequestException, Timeout

        self._question.ends_at = time.monotonic() + self._timeout
        try:
            response = ask()
        except ProviderError:
            raise
        except Timeout as error:
            raise ProviderUnavailable(f"no answer within {self._timeout:g} seconds") from error
        except (RequestException, OSError) as error:
            raise ProviderUnavailable(f"cannot be reached ({type(error).__name__})") from error
        except Exception as error:
            # yfinance reads Yahoo's consent pages with little care; whatever it trips over, Yahoo did not answer.
            raise ProviderUnavailable(f"yfinance gave up ({type(error).__name__}: {error})") from error
        return Answer(
            status=response.status_code,
            headers={name.lower(): value or "" for name, value in response.headers.items()},
            body=response.content,
        )

    def _tools(self) -> tuple[Any, Any]:
        with self._lock:
            if self._made is None:
                self._made = _make(self._question, self._base_url)
            return self._made


def _make(question: threading.local, base_url: str) -> tuple[Any, Any]:
    # Imported when first needed: yfinance brings pandas, a second and 100 MB that most processes never use.
    from curl_cffi import CurlOpt
    from curl_cffi.requests import Session
    from curl_cffi.requests.exceptions import Timeout
    from yfinance.data import YfData

    class PoliteSession(Session):  # type: ignore[type-arg]
        def request(self, method: Any, url: str, *args: Any, **kwargs: Any) -> Any:
            if base_url:
                parts = urlsplit(url)
                url = base_url + (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            left = question.ends_at - time.monotonic()
            if left <= 0:
                raise Timeout("the time for the question is over")
            kwargs["timeout"] = left
            response = super().request(method, url, *args, **kwargs)
            if response.status_code == 429:
                headers = {name.lower(): value or "" for name, value in response.headers.items()}
                raise error_of(429, headers)
            return response

    class OwnData(YfData):
        def _save_cookie_curlCffi(self) -> bool:  # noqa: N802 - yfinance's name for it
            return False

        def _load_cookie_curlCffi(self) -> bool:  # noqa: N802 - likewise
            return False

    session = PoliteSession(impersonate="chrome", curl_options={CurlOpt.MAXFILESIZE_LARGE: LARGEST_ANSWER})
    # Past the singleton: a session of one provider is not swapped under another's feet.
    return session, type.__call__(OwnData, session)
