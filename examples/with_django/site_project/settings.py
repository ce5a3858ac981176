"""As few settings as the example needs."""

import os

SECRET_KEY = os.environ.get("SECRET_KEY", "only for the example")
DEBUG = os.environ.get("DEBUG") == "1"
ALLOWED_HOSTS = ["127.0.0.1", "localhost"]
INSTALLED_APPS = ["reports"]
ROOT_URLCONF = "site_project.urls"
WSGI_APPLICATION = "site_project.wsgi.application"
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "site.db"}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
TIME_ZONE = "Europe/Berlin"
USE_TZ = True

#: Where the schedules stand. On PostgreSQL it may be the project's own database.
GNOMON_STORE = os.environ.get("GNOMON_STORE", "sqlite:///jobs.db")
