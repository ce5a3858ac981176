"""Gnomon and APScheduler 3 at the same work, side by side in one run. See README.md."""
