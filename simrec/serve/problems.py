"""Exceptions as answers: which status each has, and what of it a stranger may read."""

import http
import logging
from collections.abc import Mapping, Sequence

import msgspec
from starlette.exceptions import HTTPException

from simrec.errors import ReleaseError, UnknownIdError, UsageError
from simrec.serve.answers import Problem
from simrec.serve.current_release import DAMAGED, NO_RELEASE

RETRY_AFTER = {"Retry-After": "1"}
PROBLEM_TYPE = "application/problem+json"
SERVER_ERROR = "this is a bug; the log of the server has it under this request id"

logger = logging.getLogger(__name__)


class RequestError(Exception):
    """A request that cannot be answered: its status, and what to do.

    headers go with the answer; nearest are ids like an unknown one.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        headers: Mapping[str, str] | None = None,
        nearest: Sequence[str] = (),
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = dict(headers or {})
        self.nearest = list(nearest)

    def as_json(self, request_id: str) -> bytes:
        """Return the problem as JSON."""
        title = http.HTTPStatus(self.status).phrase
        problem = Problem(title, self.status, self.detail, request_id, self.nearest)
        return msgspec.json.encode(problem)


def as_request_error(error: Exception, request_id: str) -> RequestError:
    """Return what a request is told of an exception; a bug is logged and told as one."""
    match error:
        case RequestError():
            return error
        case UnknownIdError():
            return RequestError(404, str(error), nearest=error.nearest)
        case UsageError():
            return RequestError(400, str(error))
        case ReleaseError():
            return _of_release(error, request_id)
        case HTTPException():
            return _of_route(error)
        case msgspec.ValidationError():
            return RequestError(422, str(error))
        case msgspec.DecodeError():
            return RequestError(400, f"the body is no JSON: {error}")
        case UnicodeError():
            return RequestError(400, "the request holds bytes that are no UTF-8")
    logger.error("serve: a bug in request %s", request_id, exc_info=error)
    return RequestError(500, SERVER_ERROR)


def _of_release(error: ReleaseError, request_id: str) -> RequestError:
    """Return what is told of a release; paths of this machine stay in the log."""
    detail = str(error)
    if detail not in (NO_RELEASE, DAMAGED):
        logger.error("serve: request %s: %s", request_id, detail)
        detail = DAMAGED
    return RequestError(503, detail, RETRY_AFTER)


def _of_route(error: HTTPException) -> RequestError:
    """Return what is told of a path or a method that there is not."""
    headers = error.headers or {}
    details = {
        404: "there is nothing at this path; /v1/openapi.json lists what there is",
        405: f"this path answers {headers.get('Allow', 'GET')}",
    }
    detail = details.get(error.status_code, error.detail)
    return RequestError(error.status_code, detail, headers)
