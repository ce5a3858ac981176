"""Triggers: what can be sent, the limits, the words, and the one calculation of fire times."""

from apscheduler.triggers.base import BaseTrigger

from gnomon.domain.triggers.calculation import (
    HORIZON,
    DueTimes,
    due_times,
    ensure_fires,
    next_fire,
    next_fire_from,
    upcoming,
)
from gnomon.domain.triggers.crontab import CrontabTrigger
from gnomon.domain.triggers.kind import FieldType, TriggerDescription, TriggerField, TriggerKind
from gnomon.domain.triggers.kinds import KINDS, build, describe, jitter_of, words_for
from gnomon.domain.triggers.zones import zone, zone_name

__all__ = [
    "HORIZON",
    "KINDS",
    "BaseTrigger",
    "CrontabTrigger",
    "DueTimes",
    "FieldType",
    "TriggerDescription",
    "TriggerField",
    "TriggerKind",
    "build",
    "describe",
    "due_times",
    "ensure_fires",
    "jitter_of",
    "next_fire",
    "next_fire_from",
    "upcoming",
    "words_for",
    "zone",
    "zone_name",
]
