"""Style, script and pictures. Each is named by its content, so browsers may keep it for ever."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

PREFIX = "/static/"

_TYPES = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}


@dataclass(frozen=True, slots=True)
class StaticFile:
    """A file as it is sent, plain and packed by gzip."""

    content: bytes
    packed: bytes
    media_type: str


def address_of(name: str) -> str:
    """The address of a file, without the path below which the application is mounted."""
    return PREFIX + _addressed(name, _all()[name].content)


def file_at(name: str) -> StaticFile | None:
    """The file whose address ends so. It is looked up among all that there are: no path of a request reaches the file
    system."""
    return _by_address().get(name)


@cache
def _by_address() -> dict[str, StaticFile]:
    return {_addressed(name, file.content): file for name, file in _all().items()}


@cache
def _all() -> dict[str, StaticFile]:
    found = {}
    for entry in (files("gnomon.web") / "static").iterdir():
        media_type = _TYPES.get(entry.name.rpartition(".")[2])
        if media_type is not None:
            content = entry.read_bytes()
            found[entry.name] = StaticFile(content, gzip.compress(content, mtime=0), media_type)
    return found


def _addressed(name: str, content: bytes) -> str:
    stem, _, kind = name.rpartition(".")
    return f"{stem}-{hashlib.blake2b(content, digest_size=6).hexdigest()}.{kind}"
