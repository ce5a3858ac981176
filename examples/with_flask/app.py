"""Jobs inside a Flask application; the API beside it.

    pip install gnomon flask gunicorn
    gunicorn --workers 2 app:app                      # gunicorn.conf.py starts a scheduler in each worker
    gnomon web --app app.py                           # the API, on port 8765; needs none of the workers
    curl http://127.0.0.1:8000/                       # the application

    gnomon set heartbeat interval seconds=10 --store jobs.db    # from another terminal; nothing restarts

Importing this module starts nothing, so ``flask --app app shell`` or a test fires no jobs. While you develop:

    flask --app app run --debug                       # serves, and reloads; fires nothing
    gnomon node app.py                                # fires, in a process of its own
"""

import os

from flask import Flask
from flask.typing import ResponseReturnValue

from gnomon import Scheduler, current_run
from gnomon.errors import JobNotFound

scheduler = Scheduler(os.environ.get("GNOMON_STORE", "sqlite:///jobs.db"), timezone="Europe/Berlin")
app = Flask(__name__)


@scheduler.job("interval", seconds=1)
def heartbeat() -> None:
    """Adds a line to heartbeat.log: which time, run by which process."""
    line = f"{current_run().scheduled_at.isoformat()} {os.getpid()}\n"
    # In the application's context, for jobs that use what lives in it: current_app, extensions.
    with app.app_context(), open("heartbeat.log", "a", encoding="utf-8") as log:
        log.write(line)


@app.get("/")
def next_runs() -> ResponseReturnValue:
    """When each job runs next. Reading the store needs no scheduler that was started."""
    return {job["id"]: job["next_run_time"] for job in scheduler.get_all_jobs()}


@app.get("/schedules/<job_id>")
def schedule(job_id: str) -> ResponseReturnValue:
    """One job, as Python, the command line and the API show it."""
    try:
        return scheduler.get_job(job_id)
    except JobNotFound as error:
        return {"error": str(error)}, 404
