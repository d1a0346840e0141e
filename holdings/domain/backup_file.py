"""The backup file: portfolio files in a ZIP archive, with a manifest of what is in it. Pure.

`manifest.json` is the last member; it names every other one with its length and SHA-256, so that a truncated, damaged
or foreign archive is told from a whole one before anything in it is read.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, BinaryIO

FORMAT = "holdfast-backup/1"
MANIFEST = "manifest.json"
#: What one portfolio may come to when it is unpacked, and how many there may be: beyond it lies no portfolio of ours.
LARGEST_MEMBER = 512 * 1024 * 1024
MOST_MEMBERS = 1000
_BLOCK = 256 * 1024
#: One hundredth larger than by the usual 6, in less than half the time.
_LEVEL = 5


class BackupUnreadable(Exception):
    """This is no backup, or not a whole one; the message is a sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One portfolio in a backup. `kind` is `tracked` or `paper`; `size` and `sha256` are of the unpacked file."""

    file: str
    name: str
    kind: str
    base_currency: str
    portfolio_id: int
    entries: int
    size: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a backup holds, and when it was made."""

    created_at: datetime
    owner: str
    members: tuple[Member, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A portfolio to be put into a backup: what the manifest says of it, and its file piece by piece."""

    name: str
    kind: str
    base_currency: str
    portfolio_id: int
    entries: int
    pieces: Iterable[str]


def write_backup(
    target: BinaryIO, sources: Iterable[Source], *, created_at: datetime, owner: str
) -> Manifest:
    """Write a backup to an empty file; never more than one piece of it is in memory."""
    members: list[Member] = []
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=_LEVEL) as archive:
        for number, source in enumerate(sources, start=1):
            name = f"portfolio-{number:03d}.json"
            digest, size = hashlib.sha256(), 0
            info = zipfile.ZipInfo(name, created_at.timetuple()[:6])
            info.compress_type = zipfile.ZIP_DEFLATED
            # A member with a date of its own does not take the archive's level by itself.
            info._compresslevel = _LEVEL  # type: ignore[attr-defined]
            with archive.open(info, "w", force_zip64=True) as member:
                for block in _blocks(source.pieces):
                    digest.update(block)
                    size += len(block)
                    member.write(block)
            members.append(
                Member(
                    file=name,
                    name=source.name,
                    kind=source.kind,
                    base_currency=source.base_currency,
                    portfolio_id=source.portfolio_id,
                    entries=source.entries,
                    size=size,
                    sha256=digest.hexdigest(),
                )
            )
        manifest = Manifest(created_at=created_at, owner=owner, members=tuple(members))
        archive.writestr(MANIFEST, json.dumps(_as_json(manifest), ensure_ascii=False, indent=1))
    return manifest


def read_manifest(source: BinaryIO) -> Manifest:
    """Check a whole backup, every byte of it, and return what it holds. Raises `BackupUnreadable`."""
    try:
        with zipfile.ZipFile(source) as archive:
            manifest = _manifest(archive)
            for member in manifest.members:
                _check(archive, member)
            return manifest
    except zipfile.BadZipFile as error:
        raise BackupUnreadable("This is no backup, or its end is missing.") from error
    except (OSError, EOFError, NotImplementedError, RuntimeError, ValueError, zlib.error) as error:
        # Broken streams, unknown compressions, encryption: whatever is wrong with it, it was not made here.
        raise BackupUnreadable("The backup is damaged.") from error


def member_blocks(source: BinaryIO, member: Member) -> Iterator[bytes]:
    """One portfolio file of a backup that `read_manifest` found whole, piece by piece."""
    with zipfile.ZipFile(source) as archive, archive.open(member.file) as file:
        while block := file.read(_BLOCK):
            yield block


def _blocks(pieces: Iterable[str]) -> Iterator[bytes]:
    waiting: list[str] = []
    length = 0
    for piece in pieces:
        waiting.append(piece)
        length += len(piece)
        if length >= _BLOCK:
            yield "".join(waiting).encode()
            waiting, length = [], 0
    if waiting:
        yield "".join(waiting).encode()


def _as_json(manifest: Manifest) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "created_at": manifest.created_at.isoformat(),
        "owner": manifest.owner,
        "portfolios": [asdict(member) for member in manifest.members],
    }


def _manifest(archive: zipfile.ZipFile) -> Manifest:
    names = archive.namelist()
    if MANIFEST not in names or archive.getinfo(MANIFEST).file_size > 4 * 1024 * 1024:
        raise BackupUnreadable("This is no backup: it has no manifest.")
    try:
        said = json.loads(archive.read(MANIFEST))
        if said["format"] != FORMAT:
            raise BackupUnreadable(f"This is no backup that this version reads ({str(said['format'])[:40]}).")
        members = tuple(Member(**row) for row in said["portfolios"])
        created_at = datetime.fromisoformat(said["created_at"])
        owner = str(said["owner"])
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BackupUnreadable("The manifest of the backup is damaged.") from error
    if created_at.tzinfo is None or len(members) > MOST_MEMBERS:
        raise BackupUnreadable("The manifest of the backup is damaged.")
    if sorted(names) != sorted([MANIFEST, *(member.file for member in members)]):
        raise BackupUnreadable("The backup does not hold what its manifest says.")
    return Manifest(created_at=created_at, owner=owner, members=members)


def _check(archive: zipfile.ZipFile, member: Member) -> None:
    digest, size = hashlib.sha256(), 0
    if member.size > LARGEST_MEMBER:
        raise BackupUnreadable(f"“{member.name}” is larger than any portfolio.")
    with archive.open(member.file) as file:
        # The length is counted, not believed: a few bytes can claim to be very many.
        while block := file.read(_BLOCK):
            size += len(block)
            if size > member.size:
                break
            digest.update(block)
    if size != member.size or digest.hexdigest() != member.sha256:
        raise BackupUnreadable(f"“{member.name}” in the backup is damaged: its checksum does not hold.")
