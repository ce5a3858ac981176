"""The table of the reports."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """Makes it."""

    initial = True
    operations = [
        migrations.CreateModel(
            name="Report",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False, auto_created=True, verbose_name="ID")),
                ("scheduled_at", models.DateTimeField()),
                ("process", models.IntegerField()),
            ],
        )
    ]
