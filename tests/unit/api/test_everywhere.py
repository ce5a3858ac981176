"""What REST can do, Python and the command line can do."""

from __future__ import annotations

from typing import Any

import pytest
import typer.main

from gnomon import Scheduler
from gnomon.cli.application import app

#: Of each operation: what does the same in Python, and at the command line.
THE_SAME = {
    "GET /health": ("health", "doctor"),
    "GET /api/scheduler/jobs": ("list_jobs", "jobs"),
    "POST /api/scheduler/jobs": ("add_job", "add"),
    "GET /api/scheduler/tasks": ("tasks", "tasks"),
    "GET /api/scheduler/jobs/{job_id}": ("get_job", "show"),
    "PATCH /api/scheduler/jobs/{job_id}": ("change_job", "set"),
    "DELETE /api/scheduler/jobs/{job_id}": ("remove_job", "remove"),
    "POST /api/scheduler/jobs/{job_id}/pause": ("pause_job", "pause"),
    "POST /api/scheduler/jobs/{job_id}/resume": ("resume_job", "resume"),
    "POST /api/scheduler/jobs/{job_id}/revert": ("revert_job", "revert"),
    "POST /api/scheduler/jobs/{job_id}/keep": ("keep_override", "keep"),
    "POST /api/scheduler/jobs/{job_id}/adopt": ("adopt_default", "revert"),
    "POST /api/scheduler/jobs/{job_id}/skip": ("skip_next", "skip"),
    "POST /api/scheduler/jobs/{job_id}/move": ("move_next", "move"),
    "POST /api/scheduler/jobs/{job_id}/clear": ("clear_exception", "clear"),
    "POST /api/scheduler/jobs/{job_id}/run": ("run_job", "run"),
    "POST /api/scheduler/jobs/{job_id}/preview": ("preview_change", "set"),
    "POST /api/scheduler/preview": ("preview", "preview"),
    "GET /api/scheduler/triggers": ("build_trigger", "preview"),
    "GET /api/scheduler/calendars": ("get_calendars", "calendars"),
    "GET /api/scheduler/calendars/{name}": ("get_calendar", "calendars"),
    "PUT /api/scheduler/calendars/{name}": ("set_calendar", "calendar set"),
    "DELETE /api/scheduler/calendars/{name}": ("remove_calendar", "calendar remove"),
    "GET /api/scheduler/runs": ("find_runs", "runs"),
    "GET /api/scheduler/runs/{run_id}": ("get_run", "runs"),
    "GET /api/scheduler/runs/{run_id}/output": ("output_page", "logs"),
    "GET /api/scheduler/runs/{run_id}/output.txt": ("output_text", "logs"),
    "POST /api/scheduler/runs/{run_id}/cancel": ("cancel_run", "cancel"),
    "POST /api/scheduler/runs/{run_id}/retry": ("retry_run", "retry"),
    "GET /api/scheduler/changes": ("changes", "changes"),
    "GET /api/scheduler/changes/{change_id}": ("change", "changes"),
    "POST /api/scheduler/changes/{change_id}/undo": ("undo_change", "undo"),
    "GET /api/scheduler/nodes": ("nodes", "nodes"),
}
#: Who asks over HTTP has to say who he is, and where he left off.
OF_HTTP_ALONE = {
    *(f"{method} /api/scheduler/session" for method in ("GET", "POST", "DELETE")),
    "GET /api/scheduler/events",
}


def operations() -> dict[str, dict[str, Any]]:
    paths = Scheduler("sqlite:///never-opened.db").asgi().openapi()["paths"]
    return {f"{method.upper()} {path}": found for path, methods in paths.items() for method, found in methods.items()}


def test_each_operation_says_what_does_the_same() -> None:
    assert set(operations()) == set(THE_SAME) | OF_HTTP_ALONE


@pytest.mark.parametrize("operation", THE_SAME)
def test_python_and_the_command_line_can_do_it(operation: str) -> None:
    name, words = THE_SAME[operation]
    assert callable(getattr(Scheduler, name))
    command: Any = typer.main.get_command(app)
    for word in words.split():
        command = command.commands[word]


def test_what_takes_a_token_over_rest_takes_it_in_python() -> None:
    conditional = {
        operation
        for operation, found in operations().items()
        if any(each["name"] == "If-Match" for each in found.get("parameters", ()))
    }
    assert len(conditional) >= 12
    for operation in conditional:
        function = getattr(Scheduler, THE_SAME[operation][0])
        assert "if_token" in function.__kwdefaults__, operation
