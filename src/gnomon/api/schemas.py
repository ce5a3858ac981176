"""What the description of the API says of answers.

Answers are written from the dicts that Python returns and not through these models; a test holds the two together.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

#: A name that no field of a model hides.
Day = date

EXAMPLE_ID = "nightly_report"
EXAMPLE_TIME = "2026-12-01T03:00:00+01:00"
EXAMPLE_REASON = "the warehouse moves"

Kind = Literal["cron", "interval", "date", "calendarinterval", "crontab"]
State = Literal["active", "paused", "finished", "orphaned", "quarantined"]
Source = Literal["code", "override", "outside"]
Origin = Literal["python", "api", "cli", "page", "start", "expiry", "outside"]
OverridableField = Literal[
    "trigger", "enabled", "misfire_grace_time", "coalesce", "max_instances", "calendar", "kwargs"
]
RunState = Literal[
    "queued", "running", "succeeded", "failed", "timed_out", "cancelled", "lost", "missed", "skipped", "coalesced"
]


class _Answer(BaseModel):
    """Further keys may come with later versions."""

    model_config = ConfigDict(extra="allow")


class LastRun(_Answer):
    """The newest run of a job."""

    id: int
    state: RunState
    scheduled_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class Override(_Answer):
    """One field that was changed."""

    value: Any = Field(description="what it is now; a trigger is [kind, arguments]")
    base: Any = Field(description="what the code said when it was changed")
    declared: Any = Field(description="what the code says now")
    moved: bool = Field(description="whether the code has changed its mind since")
    actor: str
    origin: Origin
    reason: str | None
    changed_at: datetime
    expires_at: datetime | None = Field(description="when the field returns to what the code says")


class Default(_Answer):
    """What the code declares."""

    trigger: str
    trigger_args: dict[str, Any]
    enabled: bool


class TickException(_Answer):
    """One due time that was skipped or moved, and has not happened."""

    scheduled_at: datetime
    action: Literal["skip", "move"]
    to: datetime | None = Field(description="when its run starts instead; null: it is skipped")
    actor: str
    reason: str | None


class Job(_Answer):
    """A job as it stands. The same dict in Python, REST and `--json`."""

    id: str = Field(examples=[EXAMPLE_ID])
    name: str
    description: str
    state: State
    enabled: bool
    trigger: str | None = Field(description="its kind; null if the stored row cannot be read", examples=["crontab"])
    trigger_args: dict[str, Any] | None = Field(examples=[{"expression": "0 3 * * 1-5", "timezone": "Europe/Berlin"}])
    timezone: str | None = Field(examples=["Europe/Berlin"])
    schedule: str = Field(description="the trigger in words", examples=["at 03:00 on weekdays, Europe/Berlin"])
    next_run_time: datetime | None = Field(description="the next due time", examples=[EXAMPLE_TIME])
    next_start: datetime | None = Field(
        description="when the next run really starts: jitter, calendar and exceptions considered",
        examples=[EXAMPLE_TIME],
    )
    exceptions: list[TickException] = Field(description="due times that were skipped or moved, and are still to come")
    source: Source
    default: Default | None = Field(description="null if no code declares the job")
    overrides: dict[str, Override]
    misfire_grace_time: int | None = Field(description="seconds that a run may be late; null: no limit")
    coalesce: bool | None
    max_instances: int | None
    calendar: str | None = Field(description="the calendar whose dates it leaves out")
    executor: str | None
    task: str | None = Field(description="the task that it was added for; null of other jobs")
    kwargs: dict[str, Any] | None = Field(description="the arguments that it was added with, or changed to since")
    token: str | None = Field(description="changes exactly when a field that an operator can see changes; the `ETag`")
    last_run: LastRun | None
    problem: str | None
    as_of: datetime = Field(description="when this was read")


class JobsPage(_Answer):
    """A page of jobs. It may be shorter than `limit` and not the last: go on while `next` is not null."""

    jobs: list[Job]
    next: str | None = Field(description="the `cursor` of the next page; null at the end")


class Change(_Answer):
    """A line of the audit log."""

    id: int
    job_id: str
    at: datetime
    action: str = Field(examples=["reschedule"])
    actor: str
    origin: Origin
    reason: str | None
    before: dict[str, Any] = Field(description="the fields that differ, as they were")
    after: dict[str, Any]
    run_id: int | None = Field(description="the run, where the change is about one")


class ChangesPage(_Answer):
    """Newest first."""

    changes: list[Change]
    next: str | None


class Progress(_Answer):
    """How far a run is, in a unit of its own."""

    done: float
    total: float | None


class Run(_Answer):
    """One line of the ledger: one job at one scheduled time, and what became of it."""

    id: int
    job_id: str
    state: RunState
    cause: Literal["schedule", "manual", "exception"]
    attempt: int
    node: str | None
    scheduled_at: datetime
    not_before: datetime
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    covers: int | None = Field(description="how many due times this line stands for; null: too many to count")
    covers_until: datetime | None
    error: str | None
    progress: Progress | None


class RunsPage(_Answer):
    """By scheduled time, the newest first. It may be shorter than `limit` and not the last."""

    runs: list[Run]
    next: str | None


class AttemptOfRun(_Answer):
    """One attempt of a run."""

    number: int
    state: str
    node: str | None
    started_at: datetime | None
    finished_at: datetime | None
    error: str | None


class DoneToRun(_Answer):
    """What somebody did to a run. `id` is that of the line in the log of changes."""

    id: int
    at: datetime
    action: str
    actor: str
    origin: Origin
    reason: str | None


class OneRun(Run):
    """A run whole."""

    attempts: list[AttemptOfRun]
    changes: list[DoneToRun]


class Piece(_Answer):
    """A piece of what a run wrote."""

    seq: int
    at: datetime
    stream: Literal["stdout", "stderr", "log"]
    text: str


class Output(_Answer):
    """Pieces in order. Go on with `after`; `is_last`: nothing more has been written by now."""

    pieces: list[Piece]
    after: int
    is_last: bool


class Cancelling(_Answer):
    """What asking a run to end led to: it had not started and will not; its executor ends it; it was asked."""

    outcome: Literal["cancelled", "ending", "asked"]
    run: Run


class Node(_Answer):
    """A process that fires jobs of this store."""

    id: str
    host: str
    pid: int
    version: str
    state: Literal["alive", "stopped", "dead"]
    started_at: datetime
    seen_at: datetime
    seen_seconds_ago: float
    running: int
    queued: int
    lateness: Any = Field(description="how late the starts of the last minute were, in seconds")
    clock_ahead_seconds: float | None
    health: dict[str, Any]


class Nodes(_Answer):
    """The living first."""

    nodes: list[Node]


class ComingTime(_Answer):
    """A due time, and what becomes of it."""

    scheduled_at: datetime
    outlook: Literal["starts", "moved", "skipped", "excluded"]
    starts_at: datetime | None = Field(description="null: nothing starts")
    note: str | None = Field(description="why it does not run, or not then")


class AroundClockChange(_Answer):
    """A change of the clocks, and the fire times around it."""

    at: datetime
    offset_before: str = Field(examples=["+02:00"])
    offset_after: str = Field(examples=["+01:00"])
    fire_times: list[datetime]


class TriggerWords(_Answer):
    """A trigger, and what it does next."""

    trigger: str
    trigger_args: dict[str, Any]
    timezone: str
    schedule: str
    fire_times: list[datetime]
    coming: list[ComingTime] = Field(description="the same times, and what becomes of each")
    next_start: datetime | None
    fires_at_once: bool = Field(description="whether it fires within a minute")
    runs_a_month: int | None = Field(description="in the 30 days to come; null: too many to count")
    around_clock_changes: list[AroundClockChange] = Field(description="the next two, where it counts by the clock")
    collisions: int = Field(description="how many other jobs are due at the first of these times")


class ChangePreview(_Answer):
    """A job's fire times as it stands, and as it would be."""

    job: Job
    before: TriggerWords
    after: TriggerWords


class CalendarDate(_Answer):
    """A date that is left out."""

    date: Day
    name: str


class Calendar(_Answer):
    """A named set of dates on which the jobs that name it do not run."""

    name: str
    words: str = Field(examples=["holidays of DE-BE and 2 dates"])
    country: str | None
    subdivision: str | None
    dates: dict[str, str] = Field(description="dates beside the holidays, with a word for each")
    upcoming: list[CalendarDate] = Field(description="the next ten dates")
    until: Day | None = Field(description="the last date that it knows about; null: it knows all")
    jobs: list[str] = Field(description="the jobs that name it")
    declared: bool = Field(description="whether code declares it")
    source: Literal["code", "override"]
    actor: str
    origin: Origin
    reason: str | None
    changed_at: datetime
    token: str = Field(description="changes exactly when what it leaves out does; the `ETag`")


class Calendars(_Answer):
    """By name."""

    calendars: list[Calendar]


class RemovedCalendar(_Answer):
    """What was removed, and the jobs that name it: they do not fire until there is one of that name, or they name
    another."""

    name: str
    jobs: list[str]


class Task(_Answer):
    """Something that jobs can be added for."""

    name: str


class Tasks(_Answer):
    """By name; while nodes run different versions of a task, once for each."""

    tasks: list[Task]


class Problem(_Answer):
    """Problem details (RFC 9457). `type` is stable; `detail` is for people."""

    type: str = Field(examples=["/problems/invalid-trigger"])
    title: str
    status: int
    detail: str
    field: str | None = Field(default=None, description="the field that is wrong")
    value: str | None = Field(default=None, description="what was sent, shortened")
    allowed: str | None = Field(default=None, description="what would have been right")
    job: Job | None = Field(default=None, description="of `stale-token`: the job as it stands")
    calendar: Calendar | None = Field(default=None, description="of `stale-token`: the calendar as it stands, if any")
    differing: list[str] | None = Field(
        default=None, description="of `stale-token`: the fields that somebody changed since; null: it is not known"
    )
    changes: list[Change] | None = Field(
        default=None, description="of `stale-token`: these changes, the oldest first; null: it is not known"
    )
