"""What the original had for debugging, and has nothing to do here: nothing to reset or balance."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, HTTPException, Request

NO_TWIN: Final[dict[str, str]] = {
    "/api/training/auto_balance": "training weighs causes by itself: there is nothing to balance",
    "/api/anomaly/training/auto_balance": "training weighs causes by itself: there is nothing to balance",
    "/api/training/reset": "recordings are folders that one deletes oneself; nothing else is kept",
    "/api/training/force-reset": "recordings are folders that one deletes oneself; nothing else is kept",
    "/api/training/test-training": "every training is judged on runs that were held out",
}
"""POST requests, and why there is nothing to do for them."""

router = APIRouter(include_in_schema=False)


def words() -> str:
    """For the documentation."""
    lines = [f"* `POST {path}`: {why}" for path, why in NO_TWIN.items()]
    return "\n".join(("Debugging aids of the original without a twin here, answered with 501:", "", *lines))


async def _refuse(request: Request) -> None:
    raise HTTPException(501, NO_TWIN[request.url.path])


for _path in NO_TWIN:
    router.post(_path)(_refuse)
