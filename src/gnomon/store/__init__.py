"""The database: tables, statements, transactions, migrations, change feed. Only this package knows SQL."""

from sqlalchemy import Engine as SqlEngine

from gnomon.store.database import Clock, CommitUncertain, Database
from gnomon.store.feed import Feed
from gnomon.store.store import Store

__all__ = ["Clock", "CommitUncertain", "Database", "Feed", "SqlEngine", "Store"]
