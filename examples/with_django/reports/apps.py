"""The application ``reports``."""

from django.apps import AppConfig


class ReportsConfig(AppConfig):
    """Declares its jobs when Django is ready."""

    name = "reports"

    def ready(self) -> None:
        """Django is there in this process, whatever the process is for: so nothing is started here."""
        from reports import jobs  # noqa: F401 - it declares them
