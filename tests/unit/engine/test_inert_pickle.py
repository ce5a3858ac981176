"""What stands for classes while a row is unpickled."""

from __future__ import annotations

from typing import Any

import pytest

from gnomon.engine import inert_pickle
from gnomon.errors import RowRefused

STAND_INS: dict[tuple[str, ...], Any] = {
    **{("names", *key): stand_in for key, stand_in in inert_pickle._STAND_INS.items()},
    **{("makes", *key): maker for key, maker in inert_pickle._REAL.items()},
}


@pytest.mark.parametrize("stand_in", STAND_INS.values(), ids=["-".join(key) for key in STAND_INS])
@pytest.mark.parametrize("attribute", ["__class__", "__call__", "__new__", "__setstate__", "_make", "real", "new"])
def test_nothing_can_be_set_on_a_stand_in(stand_in: Any, attribute: str) -> None:
    for changed in (stand_in, type(stand_in)) if isinstance(stand_in, inert_pickle.Maker) else (stand_in,):
        with pytest.raises(RowRefused):
            setattr(changed, attribute, None)
        with pytest.raises(RowRefused):
            delattr(changed, attribute)


def test_nothing_can_be_set_on_what_stands_for_the_applications_objects() -> None:
    changed: Any
    for changed in (inert_pickle.ApplicationObject, inert_pickle.ApplicationObject()):
        with pytest.raises(RowRefused):
            changed.attribute = None
