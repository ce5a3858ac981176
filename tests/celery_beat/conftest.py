"""Databases of django-celery-beat, made by its own migrations and filled by its own models."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import _no_store_of_the_environment, _path_as_it_was, gnomon

__all__ = ["_no_store_of_the_environment", "_path_as_it_was", "gnomon"]  # fixtures of all tests here

#: In a process of its own, for Django can be set up once. Reads tasks as JSON: each names its schedule by the model's
#: fields, and saves what is given with the checks that the admin makes.
FILLING = """
import json, sys
from datetime import datetime, timedelta
import django
from django.conf import settings
from sqlalchemy import make_url
url = make_url(sys.argv[1])
database = {"ENGINE": "django.db.backends.sqlite3", "NAME": url.database}
if url.get_backend_name() == "postgresql":
    database = {"ENGINE": "django.db.backends.postgresql", "NAME": url.database, "USER": url.username,
                "PASSWORD": url.password, "HOST": url.host, "PORT": url.port}
settings.configure(DATABASES={"default": database}, INSTALLED_APPS=["django_celery_beat"], USE_TZ=True, TIME_ZONE="UTC",
                   DEFAULT_AUTO_FIELD="django.db.models.AutoField")
django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0)
from django_celery_beat import models
schedules = {"interval": models.IntervalSchedule, "crontab": models.CrontabSchedule, "clocked": models.ClockedSchedule,
             "solar": models.SolarSchedule}
for task in json.load(sys.stdin):
    raw = task.pop("raw", {})
    for kind, model in schedules.items():
        if kind in task:
            task[kind] = model.objects.get_or_create(**task[kind])[0]
    saved = models.PeriodicTask.objects.create(**task)
    models.PeriodicTask.objects.filter(pk=saved.pk).update(**raw)
"""

Beat = Callable[..., str]


@pytest.fixture(scope="session")
def _empty_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Migrating takes a second; a file can be copied."""
    file = tmp_path_factory.mktemp("beat") / "db.sqlite3"
    _fill(f"sqlite:///{file}", [])
    return file


@pytest.fixture
def beat(tmp_path: Path, _empty_sqlite: Path) -> Beat:
    """Makes an SQLite database of django-celery-beat with these tasks; its URL."""

    def make(*tasks: dict[str, Any]) -> str:
        file = tmp_path / "db.sqlite3"
        if not file.exists():
            shutil.copy(_empty_sqlite, file)
        url = f"sqlite:///{file}"
        _fill(url, tasks)
        return url

    return make


def _fill(url: str, tasks: Any) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FILLING, url],
        input=json.dumps(tasks),
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr


fill = _fill
