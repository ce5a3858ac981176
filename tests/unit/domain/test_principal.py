"""Roles: each may do what the one before may."""

from __future__ import annotations

import pytest

from gnomon.domain.change import Origin
from gnomon.domain.principal import Principal, Role, is_name
from gnomon.errors import InvalidInput


def test_each_role_includes_those_before_it() -> None:
    assert [[role.includes(other) for other in Role] for role in Role] == [
        [True, False, False],
        [True, True, False],
        [True, True, True],
    ]


def test_the_audit_log_names_who_asked() -> None:
    author = Principal("mia", Role.OPERATOR).author(Origin.API, "the export is late")
    assert (author.actor, author.origin, author.reason) == ("mia", Origin.API, "the export is late")


@pytest.mark.parametrize("name", ["mia", "Mia Müller", "mia@example.org", "x" * 191])
def test_what_can_be_shown_is_a_name(name: str) -> None:
    assert is_name(name)


@pytest.mark.parametrize("name", ["", " ", "mia ", "a\nb", "a\0b", "\x1b[31m", "\u202eaim", "x" * 192])
def test_what_could_mislead_a_reader_is_none(name: str) -> None:
    assert not is_name(name)
    with pytest.raises(InvalidInput):
        Principal(name, Role.VIEWER)
