"""Requests as questions: query strings and bodies become typed values, or say what is wrong."""

import asyncio
from typing import Any, TypeVar
from urllib.parse import parse_qsl

import msgspec
from msgspec import Struct
from starlette.requests import ClientDisconnect, Request

from simrec.serve.problems import RequestError
from simrec.serve.settings import BODY_SECONDS, KIB

MAX_PARAMETERS = 2_500  # of a query string
JSON_TYPES = ("", "application/json")

Asked = TypeVar("Asked", bound=Struct)


def from_query(query_string: bytes, kind: type[Asked]) -> Asked:
    """Return the parameters of a query string as a question; RequestError for a wrong one."""
    try:
        pairs = parse_qsl(
            query_string.decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=MAX_PARAMETERS,
        )
    except UnicodeDecodeError:
        raise
    except ValueError:
        raise RequestError(400, f"more than {MAX_PARAMETERS:,} parameters") from None
    values: dict[str, Any] = {}
    for name, value in pairs:
        _add(values, name, value, kind)
    return msgspec.convert(values, kind, strict=False)


def _add(values: dict[str, Any], name: str, value: str, kind: type[Struct]) -> None:
    """Add a parameter, which may be repeated where the question has a list."""
    if name not in kind.__struct_fields__:
        names = ", ".join(kind.__struct_fields__) or "none"
        raise RequestError(422, f"there is no parameter '{name}'; there are: {names}")
    if isinstance(_default_of(kind, name), list):
        values.setdefault(name, []).append(value)
    elif name in values:
        raise RequestError(422, f"the parameter '{name}' is given more than once")
    else:
        values[name] = value


def _default_of(kind: type[Struct], name: str) -> Any:
    """Return what a parameter is where it is not given; [] of one that may be repeated."""
    for field in msgspec.structs.fields(kind):
        if field.name == name and field.default_factory is not msgspec.NODEFAULT:
            return field.default_factory()
    return None


async def from_body(request: Request, kind: type[Asked], max_kib: int) -> Asked:
    """Return the JSON body of a request as a question; RequestError for what is none."""
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type not in JSON_TYPES:
        raise RequestError(415, f"the body is '{content_type}'; send application/json")
    body = await _read_body(request, max_kib)
    try:
        return msgspec.json.decode(body, type=kind)
    except RecursionError:
        raise RequestError(400, "the body is nested too deeply") from None


async def _read_body(request: Request, max_kib: int) -> bytes:
    """Return the body; RequestError if it is too large or does not come."""
    too_large = RequestError(413, f"the body is larger than {max_kib} KiB", {"Connection": "close"})
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared[:20]) > max_kib * KIB:
        raise too_large
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > max_kib * KIB:
                    raise too_large
    except TimeoutError:
        raise RequestError(408, f"the body did not come within {BODY_SECONDS} seconds") from None
    except ClientDisconnect:
        raise RequestError(400, "the connection was closed before the body came") from None
    return bytes(body)
