"""A module of an application that ends the program when it is imported."""

from __future__ import annotations

import sys

sys.exit("this module cannot be imported")
