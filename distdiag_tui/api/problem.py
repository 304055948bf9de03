"""Errors as RFC 9457 wants them: application/problem+json, one clear sentence, never a stack trace."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from distdiag_tui.model.errors import (
    ConfigError,
    ConnectError,
    DistdiagError,
    KubernetesError,
    RefusedError,
)
from distdiag_tui.model.text import plain

MEDIA: Final = "application/problem+json"
LONGEST: Final = 1000  # characters of a sentence

_STATUS: Final[tuple[tuple[type[DistdiagError], int], ...]] = (
    (RefusedError, 403),
    (ConfigError, 422),
    (ConnectError, 503),
    (KubernetesError, 502),
)

log = logging.getLogger(__name__)


class Problem(BaseModel):
    """Why a request was not done."""

    type: str = "about:blank"
    title: str = Field(description="What its status means.")
    status: int
    detail: str = Field(description="One sentence: what is wrong, or what to do.")


def problem(status: int, detail: str, headers: Mapping[str, str] | None = None) -> Response:
    """The answer."""
    try:
        title = HTTPStatus(status).phrase
    except ValueError:
        title = "Error"
    sentence = plain(" ".join(detail.split()), LONGEST)
    body = Problem(title=title, status=status, detail=sentence).model_dump()
    return Response(json.dumps(body), status, dict(headers or {}), MEDIA)


def handle_problems(app: FastAPI) -> None:
    """From now on every error of the app is one."""
    app.add_exception_handler(DistdiagError, _refused)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(Exception, _bug)


def status_of(error: DistdiagError) -> int:
    """What cannot be done now is a conflict."""
    return next((status for kind, status in _STATUS if isinstance(error, kind)), 409)


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, DistdiagError)
    return problem(status_of(error), str(error))


async def _http(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    unknown = error.status_code == 404 and error.detail == "Not Found"
    words = "there is nothing at this path; /docs shows what there is" if unknown else str(error.detail)
    return problem(error.status_code, words, error.headers)


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    if request.method == "POST" and "json" not in request.headers.get("content-type", "") and error.body:
        return problem(415, "the body is to be JSON, with the header Content-Type: application/json")
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"][1:])
    if first["type"] == "json_invalid":
        return problem(422, "the body is no JSON")
    return problem(422, f"{where or first['loc'][0]}: {first['msg'].removeprefix('Value error, ')}")


async def _bug(request: Request, error: Exception) -> Response:
    log.error("%s %s", request.method, request.url.path, exc_info=error)
    return problem(500, "something is wrong in distdiag itself; its log says what")
