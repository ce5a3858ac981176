"""Statements on API tokens and sessions."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from gnomon.domain.credential import ApiToken, Session
from gnomon.domain.principal import Role
from gnomon.domain.times import from_micros, to_micros
from gnomon.store.database import Database

_TOKEN = "t.id, t.name, t.role, t.digest, t.created_at, t.created_by, t.expires_at, t.used_at, t.revoked_at"


class Credentials:
    """Reads and writes of ``gnomon_tokens`` and ``gnomon_sessions``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # -- API tokens

    def add_token(self, token: ApiToken) -> bool:
        """Store a token. ``False`` if one of its name stands already."""
        statement = (
            "INSERT INTO gnomon_tokens (id, name, role, digest, created_at, created_by, expires_at) "
            "VALUES (:id, :name, :role, :digest, :created_at, :created_by, :expires_at) "
            "ON CONFLICT (name) WHERE revoked_at IS NULL DO NOTHING"
        )
        values = {
            "id": token.id,
            "name": token.name,
            "role": token.role.value,
            "digest": token.digest,
            "created_at": to_micros(token.created_at),
            "created_by": token.created_by,
            "expires_at": None if token.expires_at is None else to_micros(token.expires_at),
        }
        with self._database.transaction("token") as session:
            return session.execute(statement, values).rowcount == 1

    def token(self, token_id: str) -> ApiToken | None:
        """The token of this id, whether it still opens anything or not."""
        statement = f"SELECT {_TOKEN} FROM gnomon_tokens t WHERE t.id = :id"
        with self._database.read() as session:
            row = session.execute(statement, {"id": token_id}).one_or_none()
            return None if row is None else _token(row)

    def tokens(self) -> list[ApiToken]:
        """All that were ever made, oldest first."""
        with self._database.read() as session:
            rows = session.execute(f"SELECT {_TOKEN} FROM gnomon_tokens t ORDER BY t.created_at, t.id")
            return [_token(row) for row in rows]

    def revoke_token(self, token_id: str, *, at: datetime) -> bool:
        """From here on it opens nothing, and who signed in with it is signed out. ``False`` if that was so already."""
        statement = "UPDATE gnomon_tokens SET revoked_at = :at WHERE id = :id AND revoked_at IS NULL"
        with self._database.transaction("token") as session:
            revoked = session.execute(statement, {"id": token_id, "at": to_micros(at)}).rowcount == 1
            session.execute("DELETE FROM gnomon_sessions WHERE token_id = :id", {"id": token_id})
            return revoked

    def token_used(self, token_id: str, *, at: datetime, unless_since: datetime) -> None:
        """Note that a token was used, unless that is known of a moment after ``unless_since``."""
        statement = "UPDATE gnomon_tokens SET used_at = :at WHERE id = :id AND (used_at IS NULL OR used_at <= :since)"
        values = {"id": token_id, "at": to_micros(at), "since": to_micros(unless_since)}
        with self._database.transaction("token") as session:
            session.execute(statement, values)

    # -- sessions

    def add_session(self, session: Session) -> None:
        """Somebody has signed in."""
        statement = (
            "INSERT INTO gnomon_sessions (digest, token_id, created_at, seen_at) "
            "VALUES (:digest, :token_id, :created_at, :seen_at)"
        )
        values = {
            "digest": session.digest,
            "token_id": session.token.id,
            "created_at": to_micros(session.created_at),
            "seen_at": to_micros(session.seen_at),
        }
        with self._database.transaction("session") as transaction:
            transaction.execute(statement, values)

    def session(self, digest: str) -> Session | None:
        """The session of this digest with its token, whether it still stands or not."""
        statement = (
            f"SELECT s.digest, s.created_at, s.seen_at, {_TOKEN} FROM gnomon_sessions s "
            "JOIN gnomon_tokens t ON t.id = s.token_id WHERE s.digest = :digest"
        )
        with self._database.read() as session:
            row = session.execute(statement, {"digest": digest}).one_or_none()
        if row is None:
            return None
        return Session(
            digest=row[0], created_at=from_micros(row[1]), seen_at=from_micros(row[2]), token=_token(row[3:])
        )

    def session_seen(self, digest: str, *, at: datetime, unless_since: datetime) -> None:
        """Note that a session was used, unless that is known of a moment after ``unless_since``."""
        statement = "UPDATE gnomon_sessions SET seen_at = :at WHERE digest = :digest AND seen_at <= :since"
        values = {"digest": digest, "at": to_micros(at), "since": to_micros(unless_since)}
        with self._database.transaction("session") as session:
            session.execute(statement, values)

    def end_session(self, digest: str) -> None:
        """Somebody has signed out."""
        with self._database.transaction("session") as session:
            session.execute("DELETE FROM gnomon_sessions WHERE digest = :digest", {"digest": digest})

    def end_sessions(self, token_id: str) -> None:
        """All who signed in with a token have signed out."""
        with self._database.transaction("session") as session:
            session.execute("DELETE FROM gnomon_sessions WHERE token_id = :id", {"id": token_id})

    def forget_sessions(self, *, created_before: datetime, seen_before: datetime) -> None:
        """Drop those that stand no longer."""
        statement = "DELETE FROM gnomon_sessions WHERE created_at <= :created OR seen_at <= :seen"
        values = {"created": to_micros(created_before), "seen": to_micros(seen_before)}
        with self._database.transaction("session") as session:
            session.execute(statement, values)

    def keep_newest_sessions(self, token_id: str, count: int) -> None:
        """Of the sessions of one token only the newest stay."""
        statement = (
            "DELETE FROM gnomon_sessions WHERE token_id = :id AND digest NOT IN (SELECT digest FROM gnomon_sessions "
            "WHERE token_id = :id ORDER BY created_at DESC, digest LIMIT :count)"
        )
        with self._database.transaction("session") as session:
            session.execute(statement, {"id": token_id, "count": count})

    def session_counts(self) -> dict[str, int]:
        """How many sessions each token has, by its id."""
        statement = "SELECT token_id, count(*) FROM gnomon_sessions GROUP BY token_id"
        with self._database.read() as session:
            return {row[0]: row[1] for row in session.execute(statement)}


def _token(row: Any) -> ApiToken:
    return ApiToken(
        id=row[0],
        name=row[1],
        role=Role(row[2]),
        digest=row[3],
        created_at=from_micros(row[4]),
        created_by=row[5],
        expires_at=_moment(row[6]),
        used_at=_moment(row[7]),
        revoked_at=_moment(row[8]),
    )


def _moment(micros: int | None) -> datetime | None:
    return None if micros is None else from_micros(micros)
