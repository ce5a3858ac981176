"""REST: routes, wire schemas, problems."""

from gnomon.api.application import make_application

__all__ = ["make_application"]
