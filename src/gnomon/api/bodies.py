"""What requests are checked against: the bodies that people may send."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from gnomon.api.schemas import EXAMPLE_REASON, EXAMPLE_TIME, OverridableField


def _example(**body: Any) -> ConfigDict:
    """What a request may look like, for the description."""
    return ConfigDict(json_schema_extra={"examples": [body]})


class _Body(BaseModel):
    """Unknown keys are refused, and values are not converted."""

    model_config = ConfigDict(extra="forbid", strict=True)


TriggerArgs = Annotated[dict[str, Any], Field(max_length=20, description="arguments of the trigger")]


class Because(_Body):
    """Why."""

    model_config = _example(reason=EXAMPLE_REASON)

    reason: str | None = Field(default=None, max_length=1000, description="why; kept in the log of changes")


class BecauseUntil(Because):
    """Why, and until when."""

    model_config = _example(reason=EXAMPLE_REASON, expires_at=EXAMPLE_TIME)

    expires_at: AwareDatetime | None = Field(
        default=None, strict=False, description="when what is changed returns to the code: ISO 8601 with offset"
    )


class Skipping(Because):
    """Which due time to skip."""

    model_config = _example(at=EXAMPLE_TIME, reason=EXAMPLE_REASON)

    at: AwareDatetime | None = Field(
        default=None,
        strict=False,
        description="the due time: ISO 8601 with offset; without, that of the run that would start next. A request "
        "that may be repeated should name it",
    )


class Moving(Skipping):
    """Which run to move, and when it starts instead."""

    model_config = _example(at=EXAMPLE_TIME, to="2026-12-01T05:30:00+01:00", reason=EXAMPLE_REASON)

    to: AwareDatetime = Field(
        strict=False, description="when it starts instead: still to come, between the runs before and after it"
    )


class Clearing(Because):
    """Which exception to take back."""

    model_config = _example(at=EXAMPLE_TIME)

    at: AwareDatetime = Field(strict=False, description="the due time that was skipped or moved")


class Reverting(Because):
    """What to return to the code."""

    model_config = _example(fields=["trigger"], reason="the export is fast again")

    fields: list[OverridableField] | None = Field(
        default=None, max_length=10, description="all that is overridden, unless some fields are named"
    )


class JobPatch(BecauseUntil):
    """What to change of a job, field by field: absent stays, `null` returns to what the code says."""

    model_config = _example(
        trigger="cron",
        trigger_args={"hour": 4, "timezone": "Europe/Berlin"},
        reason="the export is late",
        expires_at=EXAMPLE_TIME,
    )

    trigger: str | None = Field(
        default=None,
        max_length=32,
        description="cron, interval, date, calendarinterval or crontab; null: as the code says",
    )
    trigger_args: TriggerArgs = Field(default_factory=dict)
    enabled: bool | None = Field(default=None, description="whether the job fires")
    misfire_grace_time: int | Literal["unlimited"] | None = Field(
        default=None, description="seconds that a run may be late, or `unlimited`"
    )
    coalesce: bool | None = Field(default=None, description="of several overdue times only the last runs")
    max_instances: int | None = Field(default=None, description="how many runs may be active at once")
    calendar: str | None = Field(
        default=None,
        max_length=64,
        description="the calendar whose dates the job leaves out, `none` for none; null: as the code says",
    )
    kwargs: dict[str, Any] | None = Field(default=None, description="other arguments, of a job that runs a task")


class NewJob(Because):
    """A job to add for a task that code declares."""

    model_config = _example(
        id="report-acme",
        task="send_report",
        trigger="crontab",
        trigger_args={"expression": "0 6 * * 1", "timezone": "Europe/Berlin"},
        kwargs={"tenant": "acme"},
        calendar="de-holidays",
    )

    id: str = Field(min_length=1, max_length=191)
    task: str = Field(min_length=1, max_length=191, description="its name: `GET /api/scheduler/tasks` lists them")
    trigger: str = Field(max_length=32, description="cron, interval, date, calendarinterval or crontab")
    trigger_args: TriggerArgs = Field(default_factory=dict)
    kwargs: dict[str, Any] = Field(default_factory=dict, description="arguments of the task, checked against it")
    name: str | None = Field(default=None, min_length=1, max_length=191)
    description: str | None = Field(default=None, max_length=500)
    enabled: bool = True
    calendar: str | None = Field(default=None, max_length=64, description="the calendar whose dates the job leaves out")


class CalendarToSet(Because):
    """What a calendar is made from: the holidays of a country, dates, or both. It is made anew: what was left out of
    an earlier definition is gone."""

    model_config = _example(dates={"2026-12-24": "Christmas Eve"}, reason="the office is closed")

    country: str | None = Field(default=None, max_length=8, description="ISO 3166, as DE")
    subdivision: str | None = Field(default=None, max_length=32, description="of that country, as BE")
    dates: dict[str, str] | list[str] | None = Field(
        default=None, description="dates as YYYY-MM-DD, or a mapping from dates to what they are called"
    )


class TriggerToPreview(_Body):
    """A trigger, to see when it would fire."""

    model_config = _example(trigger="crontab", trigger_args={"expression": "0 3 * * 1-5"})

    trigger: str = Field(max_length=32)
    trigger_args: TriggerArgs = Field(default_factory=dict)
    count: int = Field(default=5, ge=1, le=100, description="how many fire times")
    calendar: str | None = Field(default=None, max_length=64, description="leave out the dates of this calendar")


class ChangeToPreview(_Body):
    """Another trigger, another calendar, or both, to see what a job would do with them."""

    model_config = _example(trigger="crontab", trigger_args={"expression": "0 3 * * 1-5"}, calendar="none")

    trigger: str | None = Field(default=None, max_length=32, description="without, the job's own")
    trigger_args: TriggerArgs = Field(default_factory=dict)
    count: int = Field(default=5, ge=1, le=100, description="how many fire times")
    calendar: str | None = Field(
        default=None, max_length=64, description="another calendar, `none` for none; without, the job's own"
    )
