"""What the description of the API says of requests and refusals."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from gnomon import Scheduler
from gnomon.api import bodies, schemas
from gnomon.api.session import SignIn

API: dict[str, Any] = Scheduler("sqlite:///never-opened.db").asgi().openapi()


def operations() -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in API["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def body_of(operation: dict[str, Any]) -> str:
    """The name of the model that a request is checked against."""
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    (reference,) = [each["$ref"] for each in schema.get("anyOf", [schema]) if "$ref" in each]
    name: str = reference.rpartition("/")[2]
    return name


WITH_BODY = {name: body_of(operation) for name, operation in operations() if "requestBody" in operation}


def test_it_is_of_the_version_that_is_promised() -> None:
    assert API["openapi"].startswith("3.1")
    assert {"PATCH /api/scheduler/jobs/{job_id}", "PUT /api/scheduler/calendars/{name}"} <= set(WITH_BODY)


@pytest.mark.parametrize("name", sorted(set(WITH_BODY.values())))
def test_each_request_has_an_example_that_is_accepted(name: str) -> None:
    examples = API["components"]["schemas"][name]["examples"]
    model = SignIn if name == "SignIn" else getattr(bodies, name)
    assert examples
    for example in examples:
        assert model.model_validate(example).model_dump(exclude_unset=True).keys() == example.keys()


@pytest.mark.parametrize("name", [name for name, _ in operations()])
def test_each_refusal_is_told_to_be_a_problem(name: str) -> None:
    responses = dict(operations())[name]["responses"]
    refusals = {status: response for status, response in responses.items() if int(status) >= 400}
    assert {"400", "401", "403", "422", "503"} <= set(refusals)
    for response in refusals.values():
        schema = response["content"]["application/problem+json"]["schema"]
        assert schema == {"$ref": "#/components/schemas/Problem"}
    assert set(API["components"]["schemas"]["Problem"]["properties"]) == set(schemas.Problem.model_fields)
