"""The pages: read, like everything, from where the schedules stand."""

from django.http import HttpRequest, JsonResponse

from reports.jobs import scheduler
from reports.models import Report


def next_runs(_request: HttpRequest) -> JsonResponse:
    """When each job runs next. Reading the store needs no scheduler that was started."""
    return JsonResponse({job["id"]: job["next_run_time"] for job in scheduler.get_all_jobs()})


def reports(_request: HttpRequest) -> JsonResponse:
    """What the job has written."""
    rows = Report.objects.order_by("scheduled_at").values_list("scheduled_at", "process")
    return JsonResponse({"reports": [[moment.isoformat(), process] for moment, process in rows]})
