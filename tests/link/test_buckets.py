"""Buckets on a real broker: conditions, markers, and keys made of any text."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetgui.link import streams
from fleetgui.link.buckets import Bucket, BucketConfig, WrongRevision, decoded, encoded
from fleetgui.link.connection import Link
from fleetgui.link.errors import BadSubject, NoResponders
from fleetgui.link.messages import header_block, headers_of
from tests.link.conftest import Links, within
from tests.nats_server import NatsServer

TEXTS = st.text(min_size=1, max_size=40).filter(lambda text: not any(0xD800 <= ord(char) < 0xE000 for char in text))


@pytest.fixture(scope="module")
def broker() -> Iterator[NatsServer]:
    server = NatsServer(jetstream=True).start()
    yield server
    server.close()


@pytest.fixture
async def link(broker: NatsServer, links: Links) -> AsyncIterator[Link]:
    link = await links.up(broker.url)
    yield link
    for name in ("b", "small"):
        with contextlib.suppress(streams.StreamFailed):
            await streams.api(link, f"STREAM.DELETE.KV_{name}")


@given(TEXTS)
def test_any_text_becomes_one_token_of_a_key_and_comes_back(text: str) -> None:
    token = encoded(text)
    assert re.fullmatch(r"[-_=A-Za-z0-9]+", token)
    assert decoded(token) == text


@given(TEXTS, TEXTS)
def test_no_two_texts_share_a_token(one: str, other: str) -> None:
    assert (encoded(one) == encoded(other)) == (one == other)


@pytest.mark.parametrize("token", ["", "=", "=4", "=zz", "a.b", "=41", "=ff", "=FF", "a b"])
def test_what_was_never_encoded_is_refused(token: str) -> None:
    with pytest.raises(ValueError, match=r"is no encoded part|decode"):
        decoded(token)


@pytest.mark.parametrize("headers", [{"": "x"}, {"a:b": "x"}, {"a": "x\r\ny"}, {"a\n": "x"}])
def test_a_header_that_would_end_its_line_is_refused(headers: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="no header"):
        header_block(headers)


def test_a_header_block_is_read_as_it_was_written() -> None:
    assert headers_of(header_block({"One": "1", "Two": "a b"})) == {"One": "1", "Two": "a b"}


def test_a_bucket_of_a_bad_name_is_refused() -> None:
    with pytest.raises(ValueError, match="no bucket's name"):
        BucketConfig("a.b")


async def made(link: Link, **settings: object) -> Bucket:
    bucket = Bucket(link, BucketConfig("b", storage="memory", **settings))  # type: ignore[arg-type]
    await within(bucket.ensure())
    return bucket


async def test_a_value_is_there_once_it_was_put_and_gone_once_deleted(link: Link) -> None:
    bucket = await made(link)
    assert await within(bucket.get("k")) is None
    revision = await within(bucket.put("k", b"one"))
    entry = await within(bucket.get("k"))
    assert (entry.key, entry.value, entry.revision) == ("k", b"one", revision)
    assert entry.written > 1.7e9
    await within(bucket.delete("k"))
    assert await within(bucket.get("k")) is None


async def test_a_put_on_a_condition_holds_only_when_it_does(link: Link) -> None:
    bucket = await made(link)
    revision = await within(bucket.put("k", b"one", expect=0))
    with pytest.raises(WrongRevision):
        await within(bucket.put("k", b"two", expect=0))
    second = await within(bucket.put("k", b"two", expect=revision))
    with pytest.raises(WrongRevision):
        await within(bucket.delete("k", expect=revision))
    await within(bucket.delete("k", expect=second))
    assert await within(bucket.put("k", b"three", expect=0)) > second  # deleted is as good as never there


async def test_of_many_who_write_at_once_one_wins(link: Link) -> None:
    bucket = await made(link)
    outcomes = await within(
        asyncio.gather(*(bucket.put("k", b"%d" % n, expect=0) for n in range(50)), return_exceptions=True)
    )
    assert [type(each) for each in outcomes].count(int) == 1
    assert sum(isinstance(each, WrongRevision) for each in outcomes) == 49


async def test_a_bucket_that_is_there_stays_as_it_is(link: Link) -> None:
    await made(link, history=3)
    other = await made(link, history=1, max_bytes=10_000_000)
    info = await within(streams.api(link, f"STREAM.INFO.{other.config.stream}"))
    assert info["config"]["max_msgs_per_subject"] == 3


async def test_what_is_no_key_is_refused_before_it_is_sent(link: Link) -> None:
    bucket = await made(link)
    for key in ("", "a b", "a..b", "é", "a.*", ">"):
        with pytest.raises(BadSubject):
            await bucket.put(key, b"")


async def test_a_broker_without_jetstream_says_so(nats_server: NatsServer, links: Links) -> None:
    link = await links.up(nats_server.url)
    with pytest.raises(NoResponders, match="offers no JetStream"):
        await within(Bucket(link, BucketConfig("b")).ensure())


async def test_a_bucket_takes_less_room_where_there_is_less(links: Links, tmp_path: Path) -> None:
    server = NatsServer(f'jetstream {{ store_dir: "{tmp_path.as_posix()}", max_file_store: 8MB }}')
    try:
        server.start()
        link = await links.up(server.url)
        await within(Bucket(link, BucketConfig("small", max_bytes=64 * 1024 * 1024)).ensure())
        info = await within(streams.api(link, "STREAM.INFO.KV_small"))
        assert 1024 * 1024 <= info["config"]["max_bytes"] <= 8 * 1024 * 1024
    finally:
        server.close()
