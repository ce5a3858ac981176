"""What Gnomon relies on in APScheduler, below its public interface. If one of these fails, APScheduler has moved."""

from __future__ import annotations

import ast
import importlib.metadata
import inspect
from pathlib import Path

import pytest
from apscheduler.executors.base import BaseExecutor
from apscheduler.job import Job
from apscheduler.jobstores.base import BaseJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.schedulers.base import BaseScheduler
from apscheduler.schedulers.blocking import BlockingScheduler
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.calendarinterval import CalendarIntervalTrigger
from apscheduler.triggers.combining import AndTrigger, OrTrigger
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.date import DateTrigger
from apscheduler.triggers.interval import IntervalTrigger

import gnomon.engine
from gnomon.engine import apscheduler_private
from gnomon.errors import GnomonError
from tests.jobs import nothing

ENGINE = Path(gnomon.engine.__file__).parent
METHODS = {
    (BaseScheduler, "_create_trigger"): ["self", "trigger", "trigger_args"],
    (BaseScheduler, "_lookup_job"): ["self", "job_id", "jobstore_alias"],
    (BaseScheduler, "_lookup_jobstore"): ["self", "alias"],
    (BaseScheduler, "_dispatch_event"): ["self", "event"],
    (BaseScheduler, "_process_jobs"): ["self"],
    (BaseScheduler, "_check_uwsgi"): ["self"],
    (BaseScheduler, "_create_lock"): ["self"],
    (BlockingScheduler, "_main_loop"): ["self"],
    (BaseExecutor, "_do_submit_job"): ["self", "job", "run_times"],
    (Job, "_modify"): ["self", "changes"],
}
ATTRIBUTES = {
    *("_event", "_listeners", "_jobstores", "_job_defaults", "state"),
    *("_executors_lock", "_jobstores_lock", "_listeners_lock"),
}
STORE_ATTRIBUTES = {"_scheduler", "_alias"}
JOB_SLOTS = {
    *("_scheduler", "_jobstore_alias", "id", "trigger", "executor", "func", "func_ref", "args", "kwargs", "name"),
    *("misfire_grace_time", "coalesce", "max_instances", "next_run_time"),
}


@pytest.mark.parametrize(("owner", "name"), METHODS)
def test_a_method_that_is_called_or_replaced_is_as_it_was(owner: type, name: str) -> None:
    assert list(inspect.signature(getattr(owner, name)).parameters) == METHODS[owner, name]


def test_attributes_that_are_read_exist() -> None:
    scheduler = BackgroundScheduler()
    assert {name for name in ATTRIBUTES if hasattr(scheduler, name)} == ATTRIBUTES
    assert {name for name in STORE_ATTRIBUTES if hasattr(BaseJobStore, name)} == STORE_ATTRIBUTES


def test_a_job_has_these_fields_and_stores_these() -> None:
    assert set(Job.__slots__) >= JOB_SLOTS
    scheduler = BackgroundScheduler(timezone="UTC")
    scheduler.start(paused=True)
    job = scheduler.add_job(nothing, "cron", id="job", hour=1, next_run_time=None)
    scheduler.shutdown()
    assert list(job.__getstate__()) == [
        *("version", "id", "func", "trigger", "executor", "args", "kwargs", "name"),
        *("misfire_grace_time", "coalesce", "max_instances", "next_run_time"),
    ]
    assert job.__getstate__()["version"] == 1
    assert job.executor == "default"


def test_listeners_are_pairs_of_a_callback_and_a_mask() -> None:
    scheduler = BackgroundScheduler()
    scheduler.add_listener(print, 64)
    assert scheduler._listeners == [(print, 64)]


def test_the_loop_runs_in_a_thread_as_our_method_of_that_name(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[str] = []
    monkeypatch.setattr(BlockingScheduler, "_main_loop", lambda self: called.append("loop"))
    scheduler = BackgroundScheduler()
    scheduler.start()
    scheduler.shutdown()
    assert called == ["loop"]


def test_triggers_keep_their_state_in_these_fields() -> None:
    """What the row codec reads without making the object."""
    slots = {
        CronTrigger: {"timezone", "start_date", "end_date", "fields", "jitter"},
        IntervalTrigger: {"timezone", "start_date", "end_date", "interval", "interval_length", "jitter"},
        DateTrigger: {"run_date"},
        AndTrigger: set(),
        OrTrigger: set(),
        CalendarIntervalTrigger: {"years", "months", "weeks", "days", "start_date", "end_date", "timezone", "jitter"},
    }
    for trigger, expected in slots.items():
        slots_of = trigger.__slots__
        assert expected <= {slots_of} if isinstance(slots_of, str) else expected <= set(slots_of)
        assert issubclass(trigger, BaseTrigger)


def test_nothing_private_is_used_that_is_not_listed_here() -> None:
    known = {name for _, name in METHODS} | ATTRIBUTES | STORE_ATTRIBUTES | JOB_SLOTS
    assert private_names("apscheduler_private.py") <= known


def test_other_modules_use_no_private_name_of_apscheduler_that_is_not_listed_here() -> None:
    private = {name for _, name in METHODS} | ATTRIBUTES | STORE_ATTRIBUTES | {"_jobstore_alias"}
    used = {path.name: private_names(path.name) & private for path in ENGINE.glob("*.py")}
    used.pop("apscheduler_private.py")
    assert {name: found for name, found in used.items() if found} == {
        "engine.py": {"_do_submit_job"},
        "stored_jobs.py": {"_create_trigger", "_scheduler", "_alias"},
    }


def private_names(file: str) -> set[str]:
    """Attributes with a leading underscore that a module reads, writes or defines."""
    tree = ast.parse((ENGINE / file).read_text())
    names = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    names |= {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    return {name for name in names if name.startswith("_") and not name.startswith("__")}


def test_the_installed_release_is_one_that_was_tried() -> None:
    apscheduler_private.check_version()


@pytest.mark.parametrize("version", ["3.10.4", "3.12.0", "4.0.0a6", "3.110.0"])
def test_a_release_that_was_never_tried_is_refused_with_the_remedy(
    monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    monkeypatch.setattr(apscheduler_private, "version", lambda _name: version)
    with pytest.raises(GnomonError, match=rf"APScheduler {version} is installed.*pip install 'apscheduler~=3\.11\.0'"):
        apscheduler_private.check_version()


def test_the_declared_dependency_and_the_tried_releases_agree() -> None:
    required = [line for line in importlib.metadata.requires("gnomon") or [] if line.startswith("apscheduler")]
    assert required
    assert all("<4" in line and ">=3.11" in line for line in required)
