"""One question over HTTP, and what each way of failing is called."""

import asyncio
import logging
from collections.abc import Callable

import httpx
from pydantic import BaseModel, ConfigDict, ValidationError

from agent.errors import (
    FeedDown,
    FeedError,
    FeedMalformed,
    FeedThrottled,
    FeedUnauthorized,
    FeedUnreachable,
)

LARGEST_ANSWER_BYTES = 4_000_000

# At DEBUG these write the headers of answers, and EPİAŞ repeats the ticket in one of them.
for _noisy in ("httpx", "httpcore"):
    logging.getLogger(_noisy).setLevel(logging.WARNING)


class Answer(BaseModel):
    """What an outside server said: strict about the types of what is read, silent about what is not."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore", allow_inf_nan=False)


async def answer_to(
    client: httpx.AsyncClient,
    request: Callable[[], httpx.Request],
    feed: str,
    timeout_s: float,
) -> bytes:
    """The body of a successful answer, all of it within `timeout_s`. Raises FeedError; never names what was sent."""
    try:
        async with asyncio.timeout(timeout_s):
            response = await client.send(request(), stream=True)
            try:
                return await _body(response, feed)
            finally:
                await response.aclose()
    except (TimeoutError, httpx.TimeoutException) as error:
        raise FeedUnreachable(feed, f"no answer within {timeout_s:g} s") from error
    except httpx.DecodingError as error:
        raise FeedMalformed(feed, "the answer's compression is broken") from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise FeedUnreachable(feed, f"no connection ({type(error).__name__})") from error


async def _body(response: httpx.Response, feed: str) -> bytes:
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > LARGEST_ANSWER_BYTES:
            raise FeedMalformed(feed, f"the answer is longer than {LARGEST_ANSWER_BYTES} bytes")
    _check_status(response.status_code, bytes(body), feed)
    return bytes(body)


class _Refusal(Answer):
    """How both services explain a refusal, where they do."""

    reason: str


def _check_status(status: int, body: bytes, feed: str) -> None:
    if status in (200, 201):
        return
    if status in (401, 403):
        raise FeedUnauthorized(feed, f"the credentials were refused ({status})")
    if status == 429:
        raise FeedThrottled(feed, "asked too often (429)")
    if status == 408 or status >= 500:
        raise FeedDown(feed, f"the server failed ({status})")
    raise FeedError(feed, f"the question was refused ({status}{_reason(body)})")


def _reason(body: bytes) -> str:
    try:
        return f": {_Refusal.model_validate_json(body).reason[:200]!r}"
    except ValidationError:
        return ""


def unreadable(error: ValidationError, feed: str) -> FeedMalformed:
    """What is wrong with an answer: the first fault and how many there are, without the values."""
    faults = error.errors(include_url=False, include_input=False, include_context=False)
    first = faults[0]
    field = ".".join(str(part) for part in first["loc"])
    what = f"{field}: {first['msg']}" if field else str(first["msg"])
    more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    return FeedMalformed(feed, f"the answer cannot be read: {what}{more}")
