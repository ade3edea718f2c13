"""JetStream by plain requests: make a bounded stream, store with an ack, read in batches without a consumer.

Storing and reading are plain requests over the link. Reading is JetStream's batched direct get (nats-server 2.11 and
newer): one request, the messages, an end marker; nothing is left behind on the broker when the reader goes away.
"""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
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
    """JetStream is there and cannot do it. The text is one sentence, `code` JetStream's own number of the error."""

    kind = "stream failed"

    def __init__(self, text: str, code: int = 0) -> None:
        super().__init__(text)
        self.code = code


@dataclass(frozen=True, slots=True)
class Stored:
    """A message of a stream. `written` is when the broker stored it, as RFC 3339 text; "" where it does not say."""

    sequence: int
    data: bytes
    subject: str = ""
    written: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


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
            raise StreamFailed(
                f"The stream {config.name} cannot be made: {str(error) or type(error).__name__}."
            ) from None


async def _make(link: Link, config: StreamConfig) -> None:
    jetstream = link.jetstream()
    async with asyncio.timeout(TIMEOUT_S):
        try:
            await jetstream.add_stream(config)
        except APIError as error:
            if error.err_code != _NAME_IN_USE:
                raise
            await jetstream.update_stream(config)


async def api(link: Link, verb: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The answer of JetStream's API to `$JS.API.<verb>`.

    Raises `LinkError`: `StreamFailed` with JetStream's code where it refuses, `NoResponders` where there is none.
    """
    data = json.dumps(body).encode() if body else b""
    try:
        reply = decode_object(await link.request(f"$JS.API.{verb}", data, timeout=TIMEOUT_S))
    except NoResponders:
        raise NoResponders("The broker offers no JetStream here.") from None
    except Malformed:
        raise StreamFailed(f"JetStream's answer to {verb} was no JSON.") from None
    return _without_error(reply, verb)


async def store(link: Link, subject: str, data: bytes, headers: Mapping[str, str] | None = None) -> int:
    """Return the sequence once the broker has stored `data`; raises `LinkError`. Never repeated by itself."""
    try:
        reply = decode_object(await link.request(subject, data, timeout=TIMEOUT_S, headers=headers))
    except Malformed:
        raise StreamFailed("Whether it was stored is not known: the answer was no JSON.") from None
    sequence = _without_error(reply, "to store").get("seq")
    return sequence if isinstance(sequence, int) else 0


def _without_error(reply: dict[str, Any], what: str) -> dict[str, Any]:
    error = reply.get("error")
    if error is None:
        return reply
    if not isinstance(error, dict):
        raise StreamFailed(f"JetStream refuses {what}: {error!r}.")
    code = error.get("err_code")
    raise StreamFailed(
        f"JetStream refuses {what}: {error.get('description') or error.get('code')}.",
        code if isinstance(code, int) else 0,
    )


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
            messages.append(
                Stored(
                    int(headers["Nats-Sequence"]),
                    message.data,
                    headers.get("Nats-Subject", ""),
                    headers.get("Nats-Time-Stamp", ""),
                    headers,
                )
            )
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
