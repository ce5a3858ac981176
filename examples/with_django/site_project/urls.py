"""The pages."""

from django.urls import path
from reports import views

urlpatterns = [path("", views.next_runs), path("reports", views.reports)]
