"""The cellar: file names that are safe on every system and in every header."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

LONGEST: Final = 120
_FORBIDDEN: Final = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]')
_SPACES: Final = re.compile(r"\s+")
#: Names that Windows keeps for devices, whatever their extension.
_DEVICES: Final = re.compile(r"^(con|prn|aux|nul|com\d|lpt\d)$", re.IGNORECASE)


def safe_filename(name: str, *, extension: str) -> str:
    """``name`` without what no file system or header bears, ending in ``extension`` (".pdf", or "" to leave none).

    Path separators, control characters and marks that turn the writing direction (and so can hide an extension) become
    spaces; leading dots go; an extension of the name itself is dropped in favour of ``extension``.
    """
    text = unicodedata.normalize("NFC", name)
    text = "".join(" " if unicodedata.category(c) in ("Cs", "Cc", "Co") else c for c in text)
    text = _SPACES.sub(" ", _FORBIDDEN.sub(" ", text)).strip(" .")
    if extension and text.lower().endswith(extension):
        text = text[: -len(extension)].rstrip(" .")
    text = text[: LONGEST - len(extension)].rstrip(" .")
    if not text or _DEVICES.match(text.split(".")[0]):
        text = f"document {text}".strip()
    return text + extension
