"""The command line: ``gnomon``. One file for a command group."""

from gnomon.cli.application import main, run

__all__ = ["main", "run"]
