"""Which declarations of a calendar the newest one came after, and since when that stands: as of jobs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("gnomon_calendars", sa.Column("declared_at", sa.BigInteger))
    op.add_column("gnomon_calendars", sa.Column("superseded", sa.Text))


def downgrade() -> None:
    """Gnomon never moves tables back: a newer store is refused, with the remedy."""
