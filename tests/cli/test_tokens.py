"""``gnomon token``: making, listing and revoking API tokens."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from gnomon.domain.principal import Role
from tests.cli.conftest import Gnomon, reading


def made(gnomon: Gnomon, store: str, name: str = "mia", *options: str) -> str:
    """A token, as a script takes it."""
    result = gnomon("token", "create", "--role", "operator", "--name", name, *options, "--store", store)
    assert result.code == 0, result.err
    return result.out.strip()


def test_a_token_is_shown_once_and_kept_as_a_digest(gnomon: Gnomon, store: str, tmp_path: Path) -> None:
    result = gnomon("token", "create", "--role", "operator", "--name", "mia", "--days", "90", "--store", store)
    assert result.out.startswith("gnomon_")
    assert result.out.count("\n") == 1
    assert "mia is operator" in result.err
    assert "not shown again" in result.err
    secret = result.out.strip().split("_", 2)[2]
    listed = gnomon("token", "list", "--store", store)
    assert secret not in listed.out
    with closing(sqlite3.connect(tmp_path / "jobs.db")) as connection:
        assert secret not in "".join(connection.iterdump())
    with reading(store) as scheduler:
        verified = scheduler.access.tokens.verify(result.out.strip())
    assert (verified.name, verified.role) == ("mia", Role.OPERATOR)
    assert verified.expires_at is not None


def test_the_list_says_whose_they_are_and_what_became_of_them(gnomon: Gnomon, store: str) -> None:
    assert "No API token stands" in gnomon("token", "list", "--store", store).out
    text = made(gnomon, store)
    (listed,) = gnomon("token", "list", "--json", "--store", store).json
    assert (listed["name"], listed["role"], listed["used_at"], listed["sessions"]) == ("mia", "operator", None, 0)
    assert listed["id"] == text.split("_")[1]
    assert "@" in listed["created_by"]
    assert gnomon("token", "revoke", "mia", "--store", store).code == 0
    assert gnomon("token", "list", "--json", "--store", store).json == []
    (listed,) = gnomon("token", "list", "--all", "--json", "--store", store).json
    assert listed["revoked_at"] is not None
    assert "revoked" in gnomon("token", "list", "--all", "--store", store).out


@pytest.mark.parametrize("by", ["id", "name"])
def test_a_token_is_revoked_by_id_and_by_name_and_once(gnomon: Gnomon, store: str, by: str) -> None:
    which = {"id": made(gnomon, store).split("_")[1], "name": "mia"}[by]
    assert gnomon("token", "revoke", which, "--store", store).code == 0
    again = gnomon("token", "revoke", which, "--store", store)
    assert again.code == 3
    assert "gnomon token list" in again.err


def test_two_people_cannot_share_a_name_in_the_audit_log(gnomon: Gnomon, store: str) -> None:
    made(gnomon, store)
    second = gnomon("token", "create", "--role", "viewer", "--name", "mia", "--store", store)
    assert (second.code, second.out) == (2, "")
    assert "stands already" in second.err
    gnomon("token", "revoke", "mia", "--store", store)
    made(gnomon, store)


@pytest.mark.parametrize("name", ["", " mia", "m\nia", "\x1b[31mred", "x" * 192])
def test_a_name_that_the_log_could_not_show_is_refused(gnomon: Gnomon, store: str, name: str) -> None:
    result = gnomon("token", "create", "--role", "viewer", f"--name={name}", "--store", store)
    assert result.code == 2
    assert "\x1b" not in result.err
    assert result.err.count("\n") == 1


def test_the_first_token_can_be_made_before_anything_has_run(gnomon: Gnomon, tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path}/new.db"
    made(gnomon, store)
    assert gnomon("token", "list", "--json", "--store", store).json[0]["name"] == "mia"
    assert gnomon("token", "list", "--store", f"sqlite:///{tmp_path}/other.db").code == 1


def test_json_has_the_token_too(gnomon: Gnomon, store: str) -> None:
    result = gnomon("token", "create", "--role", "viewer", "--name", "grafana", "--json", "--store", store)
    assert result.json["token"].startswith(f"gnomon_{result.json['id']}_")
    assert result.json["role"] == "viewer"
