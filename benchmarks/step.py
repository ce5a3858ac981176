"""One step of one side, in a process of its own: ``python -m benchmarks.step burst:gnomon``, its work on standard
input, what it measured as the last line of standard output."""

from __future__ import annotations

import importlib
import json
import sys

from benchmarks.harness import Work


def main() -> None:
    module, _, function = sys.argv[1].partition(":")
    step = getattr(importlib.import_module(f"benchmarks.{module}"), function)
    figures = step(Work(**json.load(sys.stdin)))
    print(json.dumps(figures or {}))


if __name__ == "__main__":
    main()
