"""What the job writes."""

from django.db import models


class Report(models.Model):
    """A line for each run."""

    scheduled_at = models.DateTimeField()
    process = models.IntegerField()
