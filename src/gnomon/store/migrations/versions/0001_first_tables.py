"""The first tables. A table of APScheduler's that is there already stays as it is: it is adopted."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_ACTIVE = sa.text("state IN ('queued', 'running')")
_EXPIRING = sa.text("expires_at IS NOT NULL")
_WAITING = sa.text("state = 'queued' AND node IS NULL")
_STANDING = sa.text("revoked_at IS NULL")
_CANCEL = sa.text("cancel_requested_at IS NOT NULL AND state = 'running'")
_TROUBLE = sa.text("state <> 'queued' AND state <> 'running' AND state <> 'succeeded'")
_OF_RUN = sa.text("run_id IS NOT NULL")


def upgrade() -> None:
    if not sa.inspect(op.get_bind()).has_table("apscheduler_jobs"):
        op.create_table(
            "apscheduler_jobs",
            sa.Column("id", sa.Unicode(191), primary_key=True),
            sa.Column("next_run_time", sa.Float(25), index=True),
            sa.Column("job_state", sa.LargeBinary, nullable=False),
        )
    op.create_table(
        "gnomon_declarations",
        sa.Column("job_id", sa.Unicode(191), primary_key=True),
        sa.Column("base", sa.Text, nullable=False),
        sa.Column("token", sa.String(32), nullable=False),
        sa.Column("declared_at", sa.BigInteger, nullable=False),
        sa.Column("superseded", sa.Text, nullable=False),
    )
    op.create_table(
        "gnomon_overrides",
        sa.Column("job_id", sa.Unicode(191), primary_key=True),
        sa.Column("field", sa.String(32), primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
        sa.Column("base", sa.Text, nullable=False),
        sa.Column("actor", sa.Unicode(191), nullable=False),
        sa.Column("origin", sa.String(16), nullable=False),
        sa.Column("reason", sa.Unicode(1000)),
        sa.Column("changed_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger),
    )
    op.create_index(
        "ix_gnomon_overrides_expiring",
        "gnomon_overrides",
        ["expires_at"],
        sqlite_where=_EXPIRING,
        postgresql_where=_EXPIRING,
    )
    op.create_table(
        "gnomon_changes",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
        sa.Column("key", sa.String(32), nullable=False, unique=True),
        sa.Column("job_id", sa.Unicode(191), nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("actor", sa.Unicode(191), nullable=False),
        sa.Column("origin", sa.String(16), nullable=False),
        sa.Column("action", sa.String(32), nullable=False),
        sa.Column("before", sa.Text, nullable=False),
        sa.Column("after", sa.Text, nullable=False),
        sa.Column("reason", sa.Unicode(1000)),
        sa.Column("token", sa.String(32)),
        sa.Column("run_id", sa.BigInteger),
    )
    op.create_index("ix_gnomon_changes_job", "gnomon_changes", ["job_id", "id"])
    op.create_index(
        "ix_gnomon_changes_run", "gnomon_changes", ["run_id"], sqlite_where=_OF_RUN, postgresql_where=_OF_RUN
    )
    op.create_table(
        "gnomon_runs",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=False),
        sa.Column("job_id", sa.Unicode(191), nullable=False),
        sa.Column("scheduled_at", sa.BigInteger, nullable=False),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("cause", sa.String(12), nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("node", sa.String(64)),
        sa.Column("not_before", sa.BigInteger, nullable=False),
        sa.Column("rerun_lost", sa.Boolean, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("started_at", sa.BigInteger),
        sa.Column("finished_at", sa.BigInteger),
        sa.Column("covers", sa.BigInteger),
        sa.Column("covers_until", sa.BigInteger),
        sa.Column("error", sa.Text),
        sa.Column("progress_done", sa.Float(53)),
        sa.Column("progress_total", sa.Float(53)),
        sa.Column("cancel_requested_at", sa.BigInteger),
        sa.Column("cancel_requested_by", sa.Unicode(191)),
    )
    op.create_index("uq_gnomon_runs_once", "gnomon_runs", ["job_id", "scheduled_at"], unique=True)
    op.create_index("ix_gnomon_runs_active", "gnomon_runs", ["job_id"], sqlite_where=_ACTIVE, postgresql_where=_ACTIVE)
    op.create_index(
        "ix_gnomon_runs_waiting", "gnomon_runs", ["not_before"], sqlite_where=_WAITING, postgresql_where=_WAITING
    )
    op.create_index("ix_gnomon_runs_time", "gnomon_runs", ["scheduled_at"])
    op.create_index("ix_gnomon_runs_cancel", "gnomon_runs", ["node"], sqlite_where=_CANCEL, postgresql_where=_CANCEL)
    op.create_index(
        "ix_gnomon_runs_trouble",
        "gnomon_runs",
        ["scheduled_at"],
        sqlite_where=_TROUBLE,
        postgresql_where=_TROUBLE,
    )
    op.create_table(
        "gnomon_attempts",
        sa.Column("run_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("attempt", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("node", sa.String(64)),
        sa.Column("started_at", sa.BigInteger),
        sa.Column("finished_at", sa.BigInteger),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("error", sa.Text),
    )
    op.create_table(
        "gnomon_run_keys",
        sa.Column("key", sa.Unicode(255), primary_key=True),
        sa.Column("job_id", sa.Unicode(191), nullable=False),
        sa.Column("run_id", sa.BigInteger, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "gnomon_output",
        sa.Column("run_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("stream", sa.String(8), nullable=False),
        sa.Column("text", sa.Text, nullable=False),
    )
    op.create_table(
        "gnomon_calendars",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("definition", sa.Text, nullable=False),
        sa.Column("declared", sa.Text),
        sa.Column("dates", sa.Text, nullable=False),
        sa.Column("until", sa.String(10)),
        sa.Column("actor", sa.Unicode(191), nullable=False),
        sa.Column("origin", sa.String(16), nullable=False),
        sa.Column("reason", sa.Unicode(1000)),
        sa.Column("changed_at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "gnomon_job_calendars",
        sa.Column("job_id", sa.Unicode(191), primary_key=True),
        sa.Column("calendar", sa.String(64), nullable=False),
    )
    op.create_table(
        "gnomon_exceptions",
        sa.Column("job_id", sa.Unicode(191), primary_key=True),
        sa.Column("scheduled_at", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("action", sa.String(8), nullable=False),
        sa.Column("moved_to", sa.BigInteger),
        sa.Column("until", sa.BigInteger, nullable=False),
        sa.Column("actor", sa.Unicode(191), nullable=False),
        sa.Column("origin", sa.String(16), nullable=False),
        sa.Column("reason", sa.Unicode(1000)),
        sa.Column("made_at", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_gnomon_exceptions_until", "gnomon_exceptions", ["until"])
    op.create_table(
        "gnomon_nodes",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("host", sa.Unicode(255), nullable=False),
        sa.Column("pid", sa.Integer, nullable=False),
        sa.Column("version", sa.String(32), nullable=False),
        sa.Column("manifest", sa.String(32), nullable=False),
        sa.Column("started_at", sa.BigInteger, nullable=False),
        sa.Column("seen_at", sa.BigInteger, nullable=False),
        sa.Column("beat", sa.BigInteger, nullable=False),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("health", sa.Text, nullable=False),
    )
    op.create_table(
        "gnomon_manifests",
        sa.Column("digest", sa.String(32), primary_key=True),
        sa.Column("content", sa.Text, nullable=False),
    )
    op.create_table(
        "gnomon_tokens",
        sa.Column("id", sa.String(16), primary_key=True),
        sa.Column("name", sa.Unicode(191), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("created_by", sa.Unicode(191), nullable=False),
        sa.Column("expires_at", sa.BigInteger),
        sa.Column("used_at", sa.BigInteger),
        sa.Column("revoked_at", sa.BigInteger),
    )
    op.create_index(
        "uq_gnomon_tokens_name",
        "gnomon_tokens",
        ["name"],
        unique=True,
        sqlite_where=_STANDING,
        postgresql_where=_STANDING,
    )
    op.create_table(
        "gnomon_sessions",
        sa.Column("digest", sa.String(64), primary_key=True),
        sa.Column("token_id", sa.String(16), nullable=False, index=True),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("seen_at", sa.BigInteger, nullable=False),
    )
    if op.get_bind().dialect.name == "postgresql":
        op.execute("CREATE SEQUENCE gnomon_runs_id")


def downgrade() -> None:
    """Gnomon never moves tables back: a newer store is refused, with the remedy."""
