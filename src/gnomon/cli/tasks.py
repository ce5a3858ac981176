"""``gnomon tasks``: what jobs can be added for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.text import Text

from gnomon.cli.options import JsonOption
from gnomon.cli.output import facts, in_one_line, print_json, printable, screen
from gnomon.cli.store_option import AppOption, StoreOption, opened

_NO_TASKS = """\
No node has told of a task. Declare one in your application:

    @scheduler.task
    def report(tenant: str): ...

and start it: gnomon serve myapp:scheduler"""


def tasks(as_json: JsonOption = False, store: StoreOption = None, app: AppOption = None) -> None:
    """List the tasks that jobs can be added for: their arguments, and which nodes have them.

    A task is a function that an application declares with @scheduler.task. Those of living nodes are listed;
    where none lives, those of the last one. While nodes run different versions of a task, each is listed.

    Examples:
      gnomon tasks
      gnomon tasks --json
    """
    with opened(store, app) as scheduler:
        found = scheduler.tasks()
    if as_json:
        print_json(found)
        return
    console = screen()
    if not found:
        console.print(_NO_TASKS, soft_wrap=True)
    for number, task in enumerate(found):
        if number:
            console.print()
        _show(console, task)


def _show(console: Console, task: Mapping[str, Any]) -> None:
    console.print(Text(in_one_line(task["name"]), "bold"))
    if task["description"]:
        console.print(Text(printable(task["description"]), "dim"))
    table = facts()
    for name, argument in task["arguments"].items():
        table.add_row(f"  {in_one_line(name)}", Text(in_one_line(_in_words(argument))))
    if not task["arguments"]:
        table.add_row("  takes", "no arguments" if not task["schema"].get("additionalProperties") else "any names")
    policies = [f"executor {task['executor']}"]
    policies += [f"{task['retries']} retries"] if task["retries"] else []
    policies += [f"timeout {task['timeout']:g} s"] if task["timeout"] is not None else []
    policies += ["runs again what was lost"] if task["rerun_lost"] else []
    table.add_row("  runs", Text(in_one_line(f"{task['func']}, {', '.join(policies)}")))
    table.add_row("  on", _nodes(task))
    console.print(table)


def _in_words(argument: Mapping[str, Any]) -> str:
    if argument["required"]:
        return f"{argument['words']}, needed"
    return f"{argument['words']}; {json.dumps(argument['default'], ensure_ascii=False)} if left out"


def _nodes(task: Mapping[str, Any]) -> Text:
    if task["nodes"]:
        return Text(in_one_line(", ".join(task["nodes"])))
    return Text("this application, which no node runs" if task["here"] else "no living node", "yellow")
