"""Text that jobs make, as every database can hold it."""

from __future__ import annotations


def storable(text: str) -> str:
    """The text without what a database refuses: a NUL is shown as ``␀``, a lone surrogate as its escape.

    PostgreSQL takes neither, and one such run would fail the transaction that records hundreds of others.
    All other control characters stay; who shows the text escapes them.
    """
    if "\0" in text:
        text = text.replace("\0", "␀")
    if not text.isascii():
        text = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return text


def size(text: str) -> int:
    """Bytes of storable text in UTF-8."""
    return len(text) if text.isascii() else len(text.encode("utf-8"))


def head(text: str, limit: int) -> str:
    """As many whole characters from the start of storable text as fit in ``limit`` bytes."""
    return text[:limit].encode("utf-8")[:limit].decode("utf-8", "ignore")


def tail(text: str, limit: int) -> str:
    """As many whole characters from the end of storable text as fit in ``limit`` bytes."""
    return text[-limit:].encode("utf-8")[-limit:].decode("utf-8", "ignore") if limit > 0 else ""


def shortened(text: str, limit: int) -> str:
    """Storable text of at most about ``limit`` bytes: a quarter from its start, the rest from its end."""
    text = storable(text)
    bytes_ = size(text)
    if bytes_ <= limit:
        return text
    return f"{head(text, limit // 4)}\n… {bytes_ - limit:,} bytes cut …\n{tail(text, limit - limit // 4)}"
