"""Reads through the operations of a pickle before any is carried out, for those that could do harm by that alone.

With every name resolved to something harmless, a pickle of a few hundred bytes can still ask for 34 GB of memory,
overflow the C stack, or keep the processor busy for years while it hashes one key.
"""

from __future__ import annotations

import pickle

from gnomon.errors import RowRefused

_PROTO = pickle.PROTO[0]
_PROTOCOLS = range(2, 6)
_MOST_OPERATIONS = 40_000
# Tuples nest, and hashing one goes down on the C stack. Calls and long numbers can make keys that hash alike.
_MOST_COSTLY = 2_000
# A tuple of two references to a tuple of two references … has as many paths as a hash must go: 2 to their number.
_MOST_SHARED_TUPLES = 10

# How far it is to the next operation: the bytes of a fixed argument, or one of these.
_REFUSED, _SHORT, _LONG, _VERY_LONG, _NAME, _COSTLY, _COSTLY_SHORT, _PUT, _LONG_PUT, _MEMOIZE, _GET, _LONG_GET = range(
    -12, 0
)
_WIDTHS = [_REFUSED] * 256
for _operations, _width in (
    ((pickle.NONE, pickle.NEWTRUE, pickle.NEWFALSE, pickle.EMPTY_DICT, pickle.EMPTY_LIST, pickle.EMPTY_TUPLE), 0),
    ((pickle.MARK, pickle.SETITEM, pickle.SETITEMS, pickle.APPEND, pickle.APPENDS, pickle.NEWOBJ, pickle.BUILD), 0),
    ((pickle.EMPTY_SET, pickle.ADDITEMS, pickle.FROZENSET, pickle.STACK_GLOBAL), 0),
    ((pickle.BININT1,), 1),
    ((pickle.BININT2,), 2),
    ((pickle.BININT,), 4),
    ((pickle.BINFLOAT, pickle.FRAME), 8),
    ((pickle.SHORT_BINUNICODE, pickle.SHORT_BINBYTES), _SHORT),
    ((pickle.BINUNICODE, pickle.BINBYTES), _LONG),
    ((pickle.BINUNICODE8, pickle.BINBYTES8), _VERY_LONG),
    ((pickle.GLOBAL,), _NAME),
    ((pickle.TUPLE, pickle.TUPLE1, pickle.TUPLE2, pickle.TUPLE3, pickle.REDUCE), _COSTLY),
    ((pickle.LONG1,), _COSTLY_SHORT),
    ((pickle.BINPUT,), _PUT),
    ((pickle.LONG_BINPUT,), _LONG_PUT),
    ((pickle.MEMOIZE,), _MEMOIZE),
    ((pickle.BINGET,), _GET),
    ((pickle.LONG_BINGET,), _LONG_GET),
):
    for _operation in _operations:
        _WIDTHS[_operation[0]] = _width

# What a memo entry can hold without being a tuple: the result of the operation right before.
_NO_TUPLE = frozenset(
    operation[0]
    for operation in (
        *(pickle.SHORT_BINUNICODE, pickle.BINUNICODE, pickle.BINUNICODE8),
        *(pickle.SHORT_BINBYTES, pickle.BINBYTES, pickle.BINBYTES8),
        *(pickle.EMPTY_DICT, pickle.EMPTY_LIST, pickle.EMPTY_SET, pickle.FROZENSET),
        *(pickle.GLOBAL, pickle.STACK_GLOBAL, pickle.NEWOBJ, pickle.REDUCE),
    )
)


def check_operations(pickled: bytes) -> None:
    """Refuse (``RowRefused``) all but the operations that picklers of protocol 2 to 5 write for what a row may hold.

    ``pickled`` has no STOP.
    """
    if len(pickled) < 3 or pickled[0] != _PROTO or pickled[1] not in _PROTOCOLS:
        raise RowRefused("it is no pickle of protocol 2 to 5")
    # What lies behind the end reads as zeros, so that an argument cut off is seen once, at the end.
    end, at, code = len(pickled), 2, pickled + bytes(9)
    widths, no_tuple = _WIDTHS, _NO_TUPLE
    operation = before = costly = shared = memoized = 0
    puts = False
    maybe_tuples: set[int] = set()
    for _ in range(_MOST_OPERATIONS):
        if at >= end:
            break
        before, operation = operation, code[at]
        width = widths[operation]
        at += 1
        if width >= 0:
            at += width
        elif width == _PUT:
            puts = True
            if before not in no_tuple:
                maybe_tuples.add(code[at])
            at += 1
        elif width == _GET:
            if code[at] in maybe_tuples:
                shared += 1
            at += 1
        elif width == _MEMOIZE:
            if before not in no_tuple:
                maybe_tuples.add(memoized)
            memoized += 1
        elif width == _LONG:
            at += 4 + int.from_bytes(code[at : at + 4], "little")
        elif width == _SHORT:
            at += 1 + code[at]
        elif width == _NAME:
            at = _after_line(code, _after_line(code, at))
        elif width == _COSTLY:
            costly += 1
        elif width == _COSTLY_SHORT:
            costly += 1
            at += 1 + code[at]
        elif width == _LONG_GET:
            if int.from_bytes(code[at : at + 4], "little") in maybe_tuples:
                shared += 1
            at += 4
        elif width == _LONG_PUT:
            puts = True
            index = int.from_bytes(code[at : at + 4], "little")
            if index > _MOST_OPERATIONS:
                # The unpickler makes room up to this number: for 2**31, 34 GB.
                raise RowRefused("it numbers more objects than a row can hold")
            if before not in no_tuple:
                maybe_tuples.add(index)
            at += 4
        elif width == _VERY_LONG:
            at += 8 + int.from_bytes(code[at : at + 8], "little")
        else:
            raise RowRefused(f"it holds the operation {bytes([operation])!r}, which no job's row needs")
    if at < end:
        raise RowRefused(f"it holds more than {_MOST_OPERATIONS} operations")
    if at > end:
        raise RowRefused("it is cut off")
    if costly > _MOST_COSTLY:
        raise RowRefused(f"it holds more than {_MOST_COSTLY} tuples, calls and long numbers")
    if shared > _MOST_SHARED_TUPLES:
        raise RowRefused(f"it refers to the same tuples more than {_MOST_SHARED_TUPLES} times")
    if puts and memoized:
        # Each numbers its objects in its own way, so the numbers seen here would not be those that count.
        raise RowRefused("it mixes the operations of two protocols")


def _after_line(code: bytes, at: int) -> int:
    found = code.find(b"\n", at)
    return len(code) + 1 if found < 0 else found + 1
