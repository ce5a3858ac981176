"""Jobs inside a Django project; the API beside it.

    pip install gnomon django gunicorn
    python manage.py migrate                          # starts no scheduler, and neither do test, shell, …
    gunicorn --workers 2 site_project.wsgi            # gunicorn.conf.py starts a scheduler in each worker
    gnomon web --store jobs.db                        # the API, on port 8765; needs none of the code
    curl http://127.0.0.1:8000/                       # the application

    gnomon set heartbeat interval seconds=10 --store jobs.db    # from another terminal; nothing restarts

While you develop:

    python manage.py runserver                        # serves, and reloads; fires nothing
    python manage.py run_jobs                         # fires, in a process of its own

The pitfall is ``AppConfig.ready()``: Django calls it in *every* process, so also in ``migrate``, in ``test``, and twice
under ``runserver``, whose reloader runs the project in a child. Here it declares the jobs, and starts nothing.
"""

import os
import sys

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "site_project.settings")
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)
