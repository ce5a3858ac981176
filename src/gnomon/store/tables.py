"""The tables. ``apscheduler_jobs`` is APScheduler's, column for column; the others are Gnomon's.

All times in Gnomon's own tables are whole microseconds since 1970 in UTC.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    Unicode,
    text,
)

metadata = MetaData()

# The conditions of partial indices. A statement that shall use one holds it to the letter: SQLite does not see that
# ``state = 'failed'`` implies it.
#: Runs that somebody asked to end and that have not ended.
CANCEL_REQUESTED = "cancel_requested_at IS NOT NULL AND state = 'running'"
#: Runs that ended, or never started, and did not succeed: few, so that finding them costs little among a million.
#: Not as a list of seven states: SQLite takes 5 µs a run to look each of its states up in one.
TROUBLE = "state <> 'queued' AND state <> 'running' AND state <> 'succeeded'"

jobs = Table(
    "apscheduler_jobs",
    metadata,
    Column("id", Unicode(191), primary_key=True),
    Column("next_run_time", Float(25), index=True),
    Column("job_state", LargeBinary, nullable=False),
)

#: What the code said at its last start (``base``, JSON), and the token of the schedule as Gnomon last wrote it: a row
#: with another token was changed by somebody else's program. ``superseded`` names the declarations that this one came
#: after (JSON): who starts late with one of those has older code.
declarations = Table(
    "gnomon_declarations",
    metadata,
    Column("job_id", Unicode(191), primary_key=True),
    Column("base", Text, nullable=False),
    Column("token", String(32), nullable=False),
    Column("declared_at", BigInteger, nullable=False),
    Column("superseded", Text, nullable=False),
)

#: One field that an operator changed. ``base`` is the declared value it was changed from, ``value`` what it is now.
overrides = Table(
    "gnomon_overrides",
    metadata,
    Column("job_id", Unicode(191), primary_key=True),
    Column("field", String(32), primary_key=True),
    Column("value", Text, nullable=False),
    Column("base", Text, nullable=False),
    Column("actor", Unicode(191), nullable=False),
    Column("origin", String(16), nullable=False),
    Column("reason", Unicode(1000)),
    Column("changed_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger),
    Index(
        "ix_gnomon_overrides_expiring",
        "expires_at",
        sqlite_where=text("expires_at IS NOT NULL"),
        postgresql_where=text("expires_at IS NOT NULL"),
    ),
)

#: The audit log. ``key`` is made by the writer before it writes, so that a COMMIT whose answer was lost is settled by
#: looking for it. ``run_id`` is set where somebody did something to a run: ran it, cancelled it, tried it again.
changes = Table(
    "gnomon_changes",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("key", String(32), nullable=False, unique=True),
    Column("job_id", Unicode(191), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("actor", Unicode(191), nullable=False),
    Column("origin", String(16), nullable=False),
    Column("action", String(32), nullable=False),
    Column("before", Text, nullable=False),
    Column("after", Text, nullable=False),
    Column("reason", Unicode(1000)),
    Column("token", String(32)),
    Column("run_id", BigInteger),
    Index("ix_gnomon_changes_job", "job_id", "id"),
    Index(
        "ix_gnomon_changes_run",
        "run_id",
        sqlite_where=text("run_id IS NOT NULL"),
        postgresql_where=text("run_id IS NOT NULL"),
    ),
)

#: The ledger. One line for each job and each scheduled time: ``uq_gnomon_runs_once`` is what makes a due time happen
#: once, whatever crashes and however many nodes there are. ``node`` and ``attempt`` are the claim: who may write
#: what became of the run.
runs = Table(
    "gnomon_runs",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("job_id", Unicode(191), nullable=False),
    Column("scheduled_at", BigInteger, nullable=False),
    Column("state", String(12), nullable=False),
    Column("cause", String(12), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("node", String(64)),
    Column("not_before", BigInteger, nullable=False),
    Column("rerun_lost", Boolean, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("started_at", BigInteger),
    Column("finished_at", BigInteger),
    Column("covers", BigInteger),
    Column("covers_until", BigInteger),
    Column("error", Text),
    Column("progress_done", Float(53)),
    Column("progress_total", Float(53)),
    Column("cancel_requested_at", BigInteger),
    Column("cancel_requested_by", Unicode(191)),
    Index("uq_gnomon_runs_once", "job_id", "scheduled_at", unique=True),
    Index("ix_gnomon_runs_time", "scheduled_at"),
    Index(
        "ix_gnomon_runs_active",
        "job_id",
        sqlite_where=text("state IN ('queued', 'running')"),
        postgresql_where=text("state IN ('queued', 'running')"),
    ),
    Index(
        "ix_gnomon_runs_waiting",
        "not_before",
        sqlite_where=text("state = 'queued' AND node IS NULL"),
        postgresql_where=text("state = 'queued' AND node IS NULL"),
    ),
    Index(
        "ix_gnomon_runs_cancel",
        "node",
        sqlite_where=text(CANCEL_REQUESTED),
        postgresql_where=text(CANCEL_REQUESTED),
    ),
    Index(
        "ix_gnomon_runs_trouble",
        "scheduled_at",
        sqlite_where=text(TROUBLE),
        postgresql_where=text(TROUBLE),
    ),
)

#: How earlier attempts of a run ended: written only when another follows, so that a run of one attempt costs nothing
#: here. What became of the last attempt stands in the run itself.
attempts = Table(
    "gnomon_attempts",
    metadata,
    Column("run_id", BigInteger, primary_key=True, autoincrement=False),
    Column("attempt", Integer, primary_key=True, autoincrement=False),
    Column("node", String(64)),
    Column("started_at", BigInteger),
    Column("finished_at", BigInteger),
    Column("state", String(12), nullable=False),
    Column("error", Text),
)

#: Keys that callers of run-now gave: a request that is repeated with its key starts nothing.
run_keys = Table(
    "gnomon_run_keys",
    metadata,
    Column("key", Unicode(255), primary_key=True),
    Column("job_id", Unicode(191), nullable=False),
    Column("run_id", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
)

#: What runs wrote, in pieces. ``stream`` is ``stdout``, ``stderr`` or ``log``.
output = Table(
    "gnomon_output",
    metadata,
    Column("run_id", BigInteger, primary_key=True, autoincrement=False),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("at", BigInteger, nullable=False),
    Column("stream", String(8), nullable=False),
    Column("text", Text, nullable=False),
)

#: A named set of dates on which jobs do not run: what it was made from (``definition``, JSON; ``declared``: what the
#: code said of it last, with ``superseded`` as of declarations; ``NULL``: nothing), and the dates that came of that
#: (JSON), up to and including ``until`` (``NULL``: all).
calendars = Table(
    "gnomon_calendars",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("definition", Text, nullable=False),
    Column("declared", Text),
    Column("dates", Text, nullable=False),
    Column("until", String(10)),
    Column("actor", Unicode(191), nullable=False),
    Column("origin", String(16), nullable=False),
    Column("reason", Unicode(1000)),
    Column("changed_at", BigInteger, nullable=False),
    Column("declared_at", BigInteger),
    Column("superseded", Text),
)

#: Which calendar a job leaves out the dates of. The row of a job has no place for it. A calendar may be missing.
job_calendars = Table(
    "gnomon_job_calendars",
    metadata,
    Column("job_id", Unicode(191), primary_key=True),
    Column("calendar", String(64), nullable=False),
)

#: Who made an exception for one due time, and why; what is made of that time is its line in the ledger, written ahead.
#: ``until`` is when neither the due time nor the time that it was moved to lies ahead any more.
exceptions = Table(
    "gnomon_exceptions",
    metadata,
    Column("job_id", Unicode(191), primary_key=True),
    Column("scheduled_at", BigInteger, primary_key=True, autoincrement=False),
    Column("action", String(8), nullable=False),
    Column("moved_to", BigInteger),
    Column("until", BigInteger, nullable=False),
    Column("actor", Unicode(191), nullable=False),
    Column("origin", String(16), nullable=False),
    Column("reason", Unicode(1000)),
    Column("made_at", BigInteger, nullable=False),
    Index("ix_gnomon_exceptions_until", "until"),
)

#: A node shows that it lives by counting ``beat`` up. ``manifest`` names what it has code for.
nodes = Table(
    "gnomon_nodes",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("host", Unicode(255), nullable=False),
    Column("pid", Integer, nullable=False),
    Column("version", String(32), nullable=False),
    Column("manifest", String(32), nullable=False),
    Column("started_at", BigInteger, nullable=False),
    Column("seen_at", BigInteger, nullable=False),
    Column("beat", BigInteger, nullable=False),
    Column("state", String(12), nullable=False),
    Column("health", Text, nullable=False),
)

#: What a node has code for (JSON), named by its digest: many nodes and many starts of one version share it.
manifests = Table(
    "gnomon_manifests",
    metadata,
    Column("digest", String(32), primary_key=True),
    Column("content", Text, nullable=False),
)

#: API tokens: who may ask. Only the digest of a token is kept. A name is whom the audit log names, so two tokens that
#: are not revoked cannot share one.
api_tokens = Table(
    "gnomon_tokens",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("name", Unicode(191), nullable=False),
    Column("role", String(16), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("created_by", Unicode(191), nullable=False),
    Column("expires_at", BigInteger),
    Column("used_at", BigInteger),
    Column("revoked_at", BigInteger),
    Index(
        "uq_gnomon_tokens_name",
        "name",
        unique=True,
        sqlite_where=text("revoked_at IS NULL"),
        postgresql_where=text("revoked_at IS NULL"),
    ),
)

#: Who has signed in at the page, and with which token. Only the digest of the cookie is kept.
sessions = Table(
    "gnomon_sessions",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("token_id", String(16), nullable=False, index=True),
    Column("created_at", BigInteger, nullable=False),
    Column("seen_at", BigInteger, nullable=False),
)
