"""JetStream as this gateway uses it: make a bounded stream, store with an ack, read in batches without a consumer.

Storing and reading are plain requests over the link. Reading is JetStream's batched direct get (nats-server 2.11 and
newer): one request, the messages, an end marker; nothing is left behind on the broker when the reader goes away.
"""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
from dataclasses import dataclass, replace
from typing import Any, Final

from nats.errors import Error as NatsError
from nats.js.api import StreamConfig
from nats.js.errors import APIError

from fleetgui.link.connection import Link
from fleetgui.link.errors import LinkError, NoResponders, RequestTimeout
from fleetgui.link.messages import NO_RESPONDERS, Message
from fleetgui.wire.codec import Malformed, decode_object

log = logging.getLogger(__name__)

TIMEOUT_S: Final = 5.0
SMALLEST_STREAM_BYTES: Final = 1024 * 1024

_NAME_IN_USE: Final = 10058
_NO_STORAGE_LEFT: Final = (10023, 10028, 10047)

_END: Final = "204"
_NOTHING: Final = "404"


class StreamFailed(LinkError):
    """JetStream is there and cannot do it. The text is one sentence."""

    kind = "stream failed"


@dataclass(frozen=True, slots=True)
class Stored:
    sequence: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Batch:
    """`pending` is how many more messages match."""

    messages: list[Stored]
    pending: int


async def ensure(link: Link, config: StreamConfig) -> None:
    """Make the stream as `config` has it, or make the one that is there so.

    When the broker has not so much storage left, a smaller one: half as often as it takes. Raises `LinkError`.
    """
    while True:
        try:
            await _make(link, config)
            return
        except APIError as error:
            size = config.max_bytes or 0
            if error.err_code not in _NO_STORAGE_LEFT or size // 2 < SMALLEST_STREAM_BYTES:
                why = error.description or "the broker offers no JetStream"
                raise StreamFailed(f"The stream {config.name} cannot be made: {why}.") from None
            config = replace(config, max_bytes=size // 2)
            log.warning("the broker has no %d bytes left for %s; trying half of it", size, config.name)
        except (NatsError, OSError) as error:
            raise StreamFailed(f"The stream {config.name} cannot be made: {error or type(error).__name__}.") from None


async def _make(link: Link, config: StreamConfig) -> None:
    jetstream = link.jetstream()
    async with asyncio.timeout(TIMEOUT_S):
        try:
            await jetstream.add_stream(config)
        except APIError as error:
            if error.err_code != _NAME_IN_USE:
                raise
            await jetstream.update_stream(config)


async def store(link: Link, subject: str, data: bytes) -> None:
    """Return once the broker has stored `data`; raises `LinkError`. Never repeated by itself."""
    reply = await link.request(subject, data, timeout=TIMEOUT_S)
    try:
        error = decode_object(reply).get("error")
    except Malformed:
        error = {"description": "the answer was no JSON"}
    if error is not None:
        raise StreamFailed(f"Not stored: {error}")


async def read(link: Link, stream: str, what: dict[str, Any]) -> Batch:
    """The messages that a batched direct get for `what` returns, in order; raises `LinkError`.

    `what` is that request: `{"batch", "next_by_subj", "seq" | "start_time"}` or `{"batch", "multi_last"}`.
    """
    messages: list[Stored] = []
    ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def take(message: Message) -> None:
        headers = message.headers or {}
        status = headers.get("Status")
        if ended.done():
            return
        if status is None:
            messages.append(Stored(int(headers["Nats-Sequence"]), message.data))
        elif status == _END:
            ended.set_result(int(headers.get("Nats-Num-Pending", "0")))
        elif status == _NOTHING:
            ended.set_result(0)
        elif status == NO_RESPONDERS:
            ended.set_exception(NoResponders(f"There is no stream {stream}."))
        else:
            ended.set_exception(StreamFailed(f"{stream} cannot be read: {status} {headers.get('Description', '')}"))

    inbox = f"_INBOX.fleetgui-read.{secrets.token_hex(11)}"
    subscription = link.subscribe(inbox, take)
    try:
        link.send(f"$JS.API.DIRECT.GET.{stream}", json.dumps(what).encode(), reply=inbox)
        async with asyncio.timeout(TIMEOUT_S):
            return Batch(messages, await ended)
    except TimeoutError:
        raise RequestTimeout(f"{stream} did not answer within {TIMEOUT_S:g} s.") from None
    finally:
        subscription.close()
