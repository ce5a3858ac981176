"""Alembic runs the revisions on the connection that ``schema.upgrade`` hands over, inside its transaction."""

from __future__ import annotations

from alembic import context

from gnomon.store.schema import VERSION_TABLE
from gnomon.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"], target_metadata=metadata, version_table=VERSION_TABLE
)
context.run_migrations()
