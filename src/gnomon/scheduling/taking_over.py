"""Taking over: tables of APScheduler, and crontabs."""

from __future__ import annotations

from collections.abc import Sequence

from gnomon.domain.adoption import JOBS_TABLE, Candidate, Survey
from gnomon.domain.change import Author
from gnomon.domain.crontab_file import CrontabJob
from gnomon.executors import (
    run_command,
)
from gnomon.operations import (
    adopt,
    import_crontab,
)
from gnomon.scheduling.core import Core
from gnomon.store.survey import survey


class TakingOver(Core):
    """Jobs that others have scheduled until now."""

    def import_crontab(self, jobs: Sequence[CrontabJob], *, author: Author | None = None) -> list[str]:
        """Store lines of a crontab as paused command jobs; return the ids of those that were not stored.

        A node runs them if it allows ``gnomon.executors.commands``.
        """
        self.open()
        return import_crontab.import_jobs(self._context, jobs, run_command, author or Author())

    def survey(self, *, table: str = JOBS_TABLE) -> Survey:
        """What stands in the store, which may be a database that has never seen Gnomon. Changes nothing.

        ``table`` is what the old application gave as ``tablename`` (``schema.name`` for another schema). Raises
        ``StoreUnavailable``.
        """
        return survey(self._store, table)

    def examine(self, found: Survey) -> list[Candidate]:
        """What is to be said of each job that a survey found, with what this scheduler declares and allows."""
        code = adopt.Code(
            self._context.decode, self._functions.find, self._functions.manifest(), self.engine.executor_names
        )
        return adopt.examine(found, code, now=self._store.database.local_now())

    def adopt(self, *, table: str = JOBS_TABLE, code: Core | None = None, author: Author | None = None) -> list[str]:
        """Take over a table of APScheduler's where it stands: make Gnomon's tables beside it, and write a change for
        each job that is new here. Returns their ids. No row of APScheduler's is changed.

        Rows of another ``table`` are copied, byte for byte; raises ``ChangeRefused``, and has adopted nothing, where
        an id is taken. ``code`` is the scheduler whose allow-list reads the rows, if it is another.
        """
        self._store.upgrade()
        self.open()
        decode = (code or self)._context.decode
        return adopt.adopt(self._context, author or Author(), table=table, decode=decode)
