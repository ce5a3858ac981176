"""What a run wrote, as a page shows it: the last of it first, what came before on request, and what follows, live."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

from markupsafe import Markup

from gnomon.api.cursors import cursor_of, position_of
from gnomon.domain.ledger import PIECES_AN_ATTEMPT, OutputPage, Piece
from gnomon.errors import InvalidInput
from gnomon.scheduler import Scheduler
from gnomon.web.ansi import COLOURS, PLAIN, Pen, written

#: What is sent at once: pages stay light, and what is followed comes in small parts anyway.
_PIECES, _CHARACTERS = 200, 48 * 1024
_LAST_SEQ = 2**31 - 1

_Pens = dict[str, Pen]


@dataclass(frozen=True, slots=True)
class Block:
    """What came on one stream without another in between. ``begins`` is the attempt that begins with it, where it is
    not the first one."""

    stream: str
    attempt: int
    at: datetime
    text: Markup
    begins: int | None


@dataclass(frozen=True, slots=True)
class Transcript:
    """Blocks in order. ``after`` is where to go on, ``before`` where what came before ends: ``None`` at the start."""

    blocks: tuple[Block, ...]
    after: str
    before: int | None
    is_last: bool


def newest(scheduler: Scheduler, run_id: int, *, before: int | None = None) -> Transcript:
    """The end of what a run wrote, or what stands before a piece of it."""
    page = scheduler.output_tail(run_id, limit=_PIECES, before=before, size=_CHARACTERS)
    first = page.pieces[0].seq if page.pieces else None
    is_more = first is not None and bool(scheduler.output_tail(run_id, limit=1, before=first).pieces)
    return _transcript(page, {}, None, first if is_more else None)


def following(scheduler: Scheduler, run_id: int, cursor: str) -> Transcript:
    """What a run has written since. Colours that were on go on. Raises ``InvalidInput`` for what is no cursor."""
    found = position_of(cursor, int, dict)
    if found is None or not -1 <= found[0] <= _LAST_SEQ:
        raise InvalidInput("after", cursor, "follow the link on the page of the run")
    page = scheduler.output_page(run_id, after=found[0], limit=_PIECES)
    return _transcript(page, _pens(found[1]), None if found[0] < 0 else found[0] // PIECES_AN_ATTEMPT + 1, None)


def _transcript(page: OutputPage, pens: _Pens, attempt: int | None, before: int | None) -> Transcript:
    blocks = []
    for (each, stream), pieces in groupby(page.pieces, key=lambda piece: (piece.attempt, piece.stream)):
        is_new = each != (attempt or 1)
        if is_new:
            pens = {}
        blocks.append(_block(list(pieces), stream, each if is_new else None, pens))
        attempt = each
    kept = {stream: [pen.colour, pen.is_bold] for stream, pen in pens.items() if pen != PLAIN}
    return Transcript(tuple(blocks), cursor_of((page.after, kept)) or "", before, page.is_last)


def _block(pieces: Sequence[Piece], stream: str, begins: int | None, pens: _Pens) -> Block:
    text, pens[stream] = written("".join(piece.text for piece in pieces), pens.get(stream, PLAIN))
    return Block(stream, pieces[0].attempt, pieces[0].at, text, begins)


def _pens(kept: Mapping[str, Any]) -> _Pens:
    """Whoever sends a cursor may have made it himself."""
    pens = {}
    for stream, pen in kept.items():
        match pen:
            case [None | str() as colour, bool(is_bold)] if colour is None or colour in COLOURS:
                pens[stream] = Pen(colour, is_bold)
    return pens
