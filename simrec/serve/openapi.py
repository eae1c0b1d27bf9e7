"""The OpenAPI document, made of the operations."""

from typing import Any

import msgspec

from simrec import __version__
from simrec.files import JsonObject
from simrec.serve.answers import HealthAnswer, Problem
from simrec.serve.operations import OPERATIONS, Operation
from simrec.serve.problems import PROBLEM_TYPE

SCHEMAS = "#/components/schemas/{name}"
PROBLEMS = {
    "400": "The request cannot be answered as it is.",
    "401": "The token is missing or wrong.",
    "404": "There is no such article or account; the nearest ids are named.",
    "405": "There is no such method at this path.",
    "408": "The body did not come in time.",
    "413": "The body is too large.",
    "415": "The body is no JSON.",
    "422": "A value or a name is not allowed.",
    "503": "There is no release yet, or too many searches wait.",
}
ONLY_OF_BODIES = ("408", "413", "415")


def openapi_document(prefix: str, has_token: bool) -> JsonObject:
    """Return the document (OpenAPI 3.1), of a server at a prefix."""
    types: list[Any] = [operation.answer for operation in OPERATIONS]
    types += [operation.question for operation in OPERATIONS]
    types += [HealthAnswer, Problem]
    _, schemas = msgspec.json.schema_components(types, ref_template=SCHEMAS)
    document: JsonObject = {
        "openapi": "3.1.0",
        "info": {
            "title": "simrec",
            "version": __version__,
            "summary": "Related articles and related accounts.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": prefix or "/"}],
        "paths": _paths(schemas),
        "components": {"schemas": _of_bodies_and_answers(schemas)},
    }
    if has_token:
        scheme = {"type": "http", "scheme": "bearer"}
        document["components"]["securitySchemes"] = {"token": scheme}
        document["security"] = [{"token": []}]
    return document


def _paths(schemas: JsonObject) -> JsonObject:
    paths: JsonObject = {}
    for operation in OPERATIONS:
        described = _described(operation, schemas)
        paths.setdefault(operation.path, {})[operation.method.lower()] = described
    paths["/v1/health"] = {"get": _health()}
    paths["/v1/metrics"] = {"get": _metrics()}
    return paths


def _described(operation: Operation, schemas: JsonObject) -> JsonObject:
    is_post = operation.method == "POST"
    described: JsonObject = {
        "operationId": operation.name,
        "summary": operation.summary,
        "description": schemas[operation.question.__name__]["description"],
        "responses": {
            "200": {
                "description": schemas[operation.answer.__name__]["description"],
                "content": {"application/json": {"schema": _reference(operation.answer)}},
            }
        },
    }
    for status, meaning in PROBLEMS.items():
        if is_post or status not in ONLY_OF_BODIES:
            described["responses"][status] = _problem(meaning)
    if is_post:
        content = {"application/json": {"schema": _reference(operation.question)}}
        described["requestBody"] = {"required": True, "content": content}
    else:
        described["responses"]["304"] = {"description": "What the client has is the answer."}
        described["parameters"] = _parameters(schemas[operation.question.__name__])
    return described


def _parameters(schema: JsonObject) -> list[JsonObject]:
    """Return the fields of a question as parameters of a query string."""
    parameters = []
    for name, kind in schema["properties"].items():
        value = _without_null(kind)
        parameter = {"name": name, "in": "query", "schema": value}
        description = value.pop("description", "")
        if description:
            parameter["description"] = description
        if name in schema["required"]:
            parameter["required"] = True
        parameters.append(parameter)
    return parameters


def _without_null(kind: JsonObject) -> JsonObject:
    """Return the schema of a value that is left out where there is none."""
    for choice in kind.get("anyOf", ()):
        if choice.get("type") != "null":
            return dict(choice)
    return dict(kind)


def _of_bodies_and_answers(schemas: JsonObject) -> JsonObject:
    """Return the schemas that something refers to: those of query strings are parameters."""
    of_queries = {
        operation.question.__name__ for operation in OPERATIONS if operation.method == "GET"
    }
    return {name: schema for name, schema in schemas.items() if name not in of_queries}


def _reference(kind: type) -> JsonObject:
    return {"$ref": SCHEMAS.format(name=kind.__name__)}


def _problem(meaning: str) -> JsonObject:
    return {"description": meaning, "content": {PROBLEM_TYPE: {"schema": _reference(Problem)}}}


def _health() -> JsonObject:
    content = {"application/json": {"schema": _reference(HealthAnswer)}}
    return {
        "operationId": "health",
        "summary": "Whether the newest release answers; no token is needed",
        "security": [],
        "responses": {
            "200": {"description": "A release answers.", "content": content},
            "503": {"description": "No release answers.", "content": content},
        },
    }


def _metrics() -> JsonObject:
    content = {"text/plain": {"schema": {"type": "string"}}}
    return {
        "operationId": "metrics",
        "summary": "What Prometheus reads",
        "responses": {"200": {"description": "The metrics.", "content": content}},
    }
