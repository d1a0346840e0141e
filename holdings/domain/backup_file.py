"""The backup file: portfolio files in a ZIP archive, what a portfolio file has no word for beside them, and a manifest. Pure.

`manifest.json` is the last member; it names every other one with its length and SHA-256, so that a truncated, damaged
or foreign archive is told from a whole one before anything in it is read.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any, BinaryIO, Final, TypeVar

FORMAT = "holdfast-backup/1"
MANIFEST = "manifest.json"
BESIDE = "beside.json"
#: What one portfolio may come to when it is unpacked, all of them together, and how many there may be: beyond it lies no
#: backup of ours.
LARGEST_MEMBER = 512 * 1024 * 1024
LARGEST_WHOLE = 2 * 1024 * 1024 * 1024
MOST_MEMBERS = 1000
LARGEST_BESIDE = 32 * 1024 * 1024
_BLOCK = 256 * 1024
_PACKED: Final = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
_ENCRYPTED: Final = 0x1
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
class Beside:
    """What stands beside the portfolio files: planned entries, targets, watchlists. Older backups have none."""

    size: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a backup holds, and when it was made."""

    created_at: datetime
    owner: str
    members: tuple[Member, ...]
    beside: Beside | None = None


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
    target: BinaryIO,
    sources: Iterable[Source],
    *,
    created_at: datetime,
    owner: str,
    beside: Mapping[str, Any] | None = None,
) -> Manifest:
    """Write a backup to an empty file; never more than one piece of it is in memory. `beside` names portfolios by their place
    among the sources, from 1."""
    members: list[Member] = []
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=_LEVEL) as archive:
        for number, source in enumerate(sources, start=1):
            name = member_name(number)
            size, digest = _put(archive, name, source.pieces, created_at)
            members.append(
                Member(
                    file=name,
                    name=source.name,
                    kind=source.kind,
                    base_currency=source.base_currency,
                    portfolio_id=source.portfolio_id,
                    entries=source.entries,
                    size=size,
                    sha256=digest,
                )
            )
        more = None
        if beside is not None:
            text = json.dumps(beside, ensure_ascii=False, indent=1)
            size, digest = _put(archive, BESIDE, [text], created_at)
            more = Beside(size=size, sha256=digest)
        manifest = Manifest(created_at=created_at, owner=owner, members=tuple(members), beside=more)
        archive.writestr(MANIFEST, json.dumps(_as_json(manifest), ensure_ascii=False, indent=1))
    return manifest


def member_name(number: int) -> str:
    """The file of the n-th portfolio of a backup."""
    return f"portfolio-{number:03d}.json"


def _put(archive: zipfile.ZipFile, name: str, pieces: Iterable[str], created_at: datetime) -> tuple[int, str]:
    """Add a file; its length and its checksum."""
    digest, size = hashlib.sha256(), 0
    info = zipfile.ZipInfo(name, created_at.timetuple()[:6])
    info.compress_type = zipfile.ZIP_DEFLATED
    # A member with a date of its own does not take the archive's level by itself.
    info._compresslevel = _LEVEL  # type: ignore[attr-defined]
    with archive.open(info, "w", force_zip64=True) as member:
        for block in _blocks(pieces):
            digest.update(block)
            size += len(block)
            member.write(block)
    return size, digest.hexdigest()


def read_manifest(source: BinaryIO) -> Manifest:
    """Check a whole backup, every byte of it, and return what it holds. Raises `BackupUnreadable`."""
    try:
        with zipfile.ZipFile(source) as archive:
            manifest = _manifest(archive)
            if sum(member.size for member in manifest.members) > LARGEST_WHOLE:
                raise BackupUnreadable("The backup is larger than it can be.")
            for member in manifest.members:
                if member.size > LARGEST_MEMBER:
                    raise BackupUnreadable(f"“{member.name}” is larger than any portfolio.")
                _check(archive, member.file, f"“{member.name}”", member.size, member.sha256)
            if manifest.beside is not None:
                if manifest.beside.size > LARGEST_BESIDE:
                    raise BackupUnreadable("What stands beside the portfolios is larger than it can be.")
                _check(
                    archive,
                    BESIDE,
                    "What stands beside the portfolios",
                    manifest.beside.size,
                    manifest.beside.sha256,
                )
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


def read_beside(source: BinaryIO, manifest: Manifest) -> Any:
    """What stands beside the portfolios of a backup that `read_manifest` found whole, as JSON; None where nothing does.

    Raises `BackupUnreadable`.
    """
    if manifest.beside is None:
        return None
    with zipfile.ZipFile(source) as archive:
        try:
            return json.loads(archive.read(BESIDE))
        except (ValueError, RecursionError) as error:
            raise BackupUnreadable("What stands beside the portfolios cannot be read.") from error


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
        **({"beside": asdict(manifest.beside)} if manifest.beside is not None else {}),
    }


def _manifest(archive: zipfile.ZipFile) -> Manifest:
    names = archive.namelist()
    if MANIFEST not in names or archive.getinfo(MANIFEST).file_size > 4 * 1024 * 1024:
        raise BackupUnreadable("This is no backup: it has no manifest.")
    if any(info.compress_type not in _PACKED or info.flag_bits & _ENCRYPTED for info in archive.infolist()):
        raise BackupUnreadable("The backup is packed in another way than ours.")
    try:
        said = json.loads(archive.read(MANIFEST))
        if said["format"] != FORMAT:
            raise BackupUnreadable(f"This is no backup that this version reads ({str(said['format'])[:40]}).")
        members = tuple(_typed(Member, row) for row in said["portfolios"])
        created_at = datetime.fromisoformat(said["created_at"])
        owner = str(said["owner"])
        beside = _typed(Beside, said["beside"]) if "beside" in said else None
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BackupUnreadable("The manifest of the backup is damaged.") from error
    if created_at.tzinfo is None or len(members) > MOST_MEMBERS:
        raise BackupUnreadable("The manifest of the backup is damaged.")
    expected = [MANIFEST, *([BESIDE] if beside is not None else ()), *(member.file for member in members)]
    if sorted(names) != sorted(expected) or len(set(expected)) != len(expected):
        raise BackupUnreadable("The backup does not hold what its manifest says.")
    return Manifest(created_at=created_at, owner=owner, members=members, beside=beside)


_Told = TypeVar("_Told", Member, Beside)


def _typed(kind: type[_Told], row: Any) -> _Told:
    """A part of the manifest, each value of its type. Raises `TypeError` and `ValueError` for what is none."""
    for field in fields(kind):
        value = row[field.name]
        if field.type == "int":
            if type(value) is not int or not 0 <= value < 2**63:
                raise TypeError(field.name)
        elif type(value) is not str or "\x00" in value:
            raise TypeError(field.name)
        else:
            value.encode()  # half a character can neither be kept nor shown
    return kind(**row)


def _check(archive: zipfile.ZipFile, name: str, called: str, expected: int, sha256: str) -> None:
    digest, size = hashlib.sha256(), 0
    with archive.open(name) as file:
        # The length is counted, not believed: a few bytes can claim to be very many.
        while block := file.read(_BLOCK):
            size += len(block)
            if size > expected:
                break
            digest.update(block)
    if size != expected or digest.hexdigest() != sha256:
        raise BackupUnreadable(f"{called} in the backup is damaged: its checksum does not hold.")
