"""The page: rendered on the server, kept up to date by events, usable without JavaScript.

Where what stands::

    application.py   puts the pages into the ASGI application of the API
    rendering.py     ``Pages``: a template and its values become an answer; what every page knows
    readable.py      refusals and errors, which are problems for programs, as pages for people
    asked.py         what comes with a request: forms, the zone and the theme that the reader likes
    notices.py       what was just done, said once, with its undo
    static_files.py  style, script, pictures: named by their content, kept for a year (``static_route.py`` sends them)
    overview.py, jobs.py, together.py, steering.py, sign_in.py, runs.py, run.py, changes.py, calendars.py, nodes.py,
    tokens.py                             a page or a group of actions each
    ledger.py, coming.py, timeline.py, strip.py, standing.py, narrowing.py, stages.py, transcript.py, ansi.py, story.py,
    health.py        what pages show, as plain values
    one_job.py, editor.py, once.py, new_job.py     a job, how one changes it, or one run of it, how one adds one
    explanation.py, history.py            why it is as it is; its runs over time
    trigger_form.py, argument_form.py, forecast.py, conflict.py   what the editor is made of, as plain values
    templates/       a page each; ``templates/macros/`` has the parts: badge, moment, strip, table, form, dialog

**A page** is a module with ``router(pages)``; name it in ``application.PARTS`` and, if people go there by themselves,
in ``navigation.py``. Its routes demand a role with ``needs(...)`` and return ``pages.answer(request, "a.html", ...)``.
Its template extends ``base.html``.

**What updates itself** stands in an element with an ``id`` and ``data-live="change run nodes"`` (which of the events
of the live stream concern it): when something moves, the script reads the page anew and morphs these elements. No
fragment has an address of its own; only what a run writes is read part by part (``static/output.js``). Lists whose rows
come and go are marked ``data-hold`` and their rows have ids: while somebody points at one, no row moves. Forms that
people fill in stand outside of ``data-live``.

**An action** is a POST route that calls the scheduler with ``who.author(Origin.PAGE)`` and returns
``pages.done(request, sent, Notice(...))``. With the macro ``action`` its button works in place; without JavaScript, it
leads back to where one was, and the notice is said there. A refusal needs nothing: raise, ``readable.py`` tells people.

**A test** stands in ``tests/browser``; see ``conftest.py`` there.
"""

from gnomon.web.application import PUBLIC, make_application

__all__ = ["PUBLIC", "make_application"]
