"""The client of the sources against real servers: what it asks, how often, and what it makes of the answers."""

from __future__ import annotations

import gzip
import itertools
import logging
import threading
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from email.utils import formatdate
from typing import Any

import pytest

from personae.adapters.sources.body import MEMBERS
from personae.adapters.sources.http import PoliteClient
from personae.adapters.sources.limits import Limits, Machine
from personae.errors import SourceError
from personae.records import SourceSpec
from tests.web import (
    JPEG,
    PNG,
    WEBP,
    FakeTime,
    Web,
    content,
    cut,
    document,
    endless,
    hang_up,
    moved,
    silent,
    status,
)

SECRET = "s3cr3t"  # noqa: S105
WALL = 1_700_000_000.0
Make = Callable[..., PoliteClient]


@pytest.fixture
def web() -> Iterator[Web]:
    server = Web()
    yield server
    server.close()


@pytest.fixture
def time() -> FakeTime:
    return FakeTime()


@pytest.fixture
def make(web: Web, time: FakeTime) -> Iterator[Make]:
    made: list[PoliteClient] = []

    def client(limits: Limits | None = None, **options: Any) -> PoliteClient:
        spec = SourceSpec("s", "stash_box", endpoint=web.url, allow_private=True, rate_limit=options.pop("gap", 0.0))
        machine = Machine(clock=time.clock, wall=lambda: WALL, sleep=time.sleep, jitter=lambda: 0.5)
        limits = limits or Limits()
        made.append(PoliteClient(spec, limits=limits, machine=options.pop("machine", machine), **options))
        return made[-1]

    yield client
    for each in made:
        each.close()


def refusal(call: Callable[[], object]) -> SourceError:
    with pytest.raises(SourceError) as caught:
        call()
    return caught.value


def test_asks_with_its_parameters_and_headers(web: Web, make: Make) -> None:
    url = web.at("/people", document({"count": 2}))
    assert make(headers={"ApiKey": SECRET}).get_json(url + "?page=3", {"size": "10", "name": "a&b"}) == {"count": 2}
    (asked,) = web.asked
    assert asked.path == "/people?page=3&size=10&name=a%26b"
    assert asked.headers["apikey"] == SECRET
    assert asked.headers["user-agent"].startswith("personae")
    assert asked.headers["accept-encoding"] == "gzip"


def test_posts_json(web: Web, make: Make) -> None:
    url = web.at("/graphql", document({"data": 1}))
    assert make().post_json(url, {"query": "{ é }"}) == {"data": 1}
    (asked,) = web.asked
    assert (asked.method, asked.body) == ("POST", b'{"query": "{ \\u00e9 }"}')
    assert asked.headers["content-type"] == "application/json"


@pytest.mark.parametrize("picture", [JPEG, PNG, WEBP])
def test_takes_pictures_whatever_they_are_called(web: Web, make: Make, picture: bytes) -> None:
    assert make().get_image(web.at("/a.svg", content(picture, "text/html"))) == picture


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>',
        b"GIF89a" + bytes(100),
        b"\xff\xd8",
        b"%PDF-1.7",
    ],
)
def test_what_is_no_picture_is_refused(web: Web, make: Make, data: bytes) -> None:
    assert refusal(lambda: make().get_image(web.at("/a.jpg", content(data, "image/jpeg")))).reason == "not_an_image"
    assert len(web.asked) == 1


def test_decodes_gzip(web: Web, make: Make) -> None:
    packed = gzip.compress(b'{"a": [1, 2]}')
    assert make().get_json(web.at("/", content(packed, content_encoding="gzip"))) == {"a": [1, 2]}


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        (b'{"people": [{"name": "Al', ""),
        (b"<html>log in", ""),
        (b"", ""),
        (b'{"a": NaN}', ""),
        (b"[" * 200_000, ""),
        (b'"\xff\xfe\xfd"', ""),
        (gzip.compress(b'{"a": 1}' * 1000, mtime=0)[:-20], "gzip"),
        (b'{"a": 1}', "gzip"),
        (b'{"a": 1}', "br"),
    ],
)
def test_what_is_no_json_is_a_broken_answer(web: Web, make: Make, data: bytes, encoding: str) -> None:
    error = refusal(lambda: make().get_json(web.at("/", content(data, content_encoding=encoding))))
    assert error.reason == "broken_answer"
    assert len(web.asked) == 1
    assert "people" not in str(error)


@pytest.mark.parametrize(
    ("code", "reason"),
    [(401, "refused_key"), (403, "refused_key"), (404, "gone"), (410, "gone"), (418, "http_418"), (304, "http_304")],
)
def test_what_will_not_pass_is_asked_once(web: Web, make: Make, time: FakeTime, code: int, reason: str) -> None:
    assert refusal(lambda: make().get_json(web.at("/", status(code)))).reason == reason
    assert (len(web.asked), time.slept) == (1, [])


@pytest.mark.parametrize("code", [500, 502, 503, 504, 408])
def test_what_may_pass_is_asked_again_later_and_later(web: Web, make: Make, time: FakeTime, code: int) -> None:
    url = web.at("/", status(code), status(code), document(7))
    assert make().post_json(url, {"a": 1}) == 7
    assert [asked.body for asked in web.asked] == [b'{"a": 1}'] * 3
    assert time.slept == [0.75, 1.5]


def test_gives_up_after_four_attempts(web: Web, make: Make) -> None:
    assert refusal(lambda: make().get_json(web.at("/", status(503)))).reason == "http_503"
    assert len(web.asked) == 4


def test_a_source_that_is_asked_too_much(web: Web, make: Make, time: FakeTime) -> None:
    assert refusal(lambda: make().get_json(web.at("/", status(429)))).reason == "busy"
    assert (len(web.asked), time.slept) == (4, [0.75, 1.5, 3.0])


@pytest.mark.parametrize("value", ["7", formatdate(WALL + 7, usegmt=True)])
@pytest.mark.parametrize("code", [429, 503])
def test_waits_as_long_as_it_is_asked_to(web: Web, make: Make, time: FakeTime, code: int, value: str) -> None:
    assert make().get_json(web.at("/", status(code, retry_after=value), document(1))) == 1
    assert time.slept == [7.75]


@pytest.mark.parametrize("value", ["soon", "-3", "", "0", formatdate(WALL - 90, usegmt=True)])
def test_an_odd_retry_after_is_no_reason_to_hurry_or_to_fail(web: Web, make: Make, time: FakeTime, value: str) -> None:
    assert make().get_json(web.at("/", status(503, retry_after=value), document(1))) == 1
    assert time.slept == [0.75]


@pytest.mark.parametrize("value", ["3600", "9" * 400, formatdate(WALL + 3600, usegmt=True)])
def test_a_source_that_wants_an_hour_gets_it(web: Web, make: Make, time: FakeTime, value: str) -> None:
    client, url = make(), web.at("/", status(429, retry_after=value), document(1))
    until = "a day that is far away" if value == "9" * 400 else "2023-11-14 23:13:20 UTC"
    for _ in range(2):
        error = refusal(lambda: client.get_json(url))
        assert (error.reason, until in str(error)) == ("busy", True)
    assert (len(web.asked), time.slept) == (1, [])
    time.now += 3601
    if value != "9" * 400:
        assert client.get_json(url) == 1


class StoppedError(Exception):
    """Ctrl-C, so to speak."""


@pytest.mark.parametrize("page", [b"<!doctype html><p>log in", b"\n <HTML>" + bytes(1000), b"\xef\xbb\xbf<p>soon"])
def test_a_web_page_in_place_of_a_picture_is_told_apart(web: Web, make: Make, page: bytes) -> None:
    assert refusal(lambda: make().get_image(web.at("/a.jpg", content(page, "image/jpeg")))).reason == "html_page"
    assert len(web.asked) == 1


@pytest.mark.parametrize("answer", [status(429), status(503, retry_after="50")])
def test_a_pause_holds_for_everybody(web: Web, make: Make, time: FakeTime, answer: Any) -> None:
    stops = iter([True])

    def sleep(seconds: float) -> None:
        if next(stops, False):
            raise StoppedError
        time.sleep(seconds)

    client = make(machine=Machine(clock=time.clock, sleep=sleep, jitter=lambda: 0.5))
    with pytest.raises(StoppedError):  # whoever was told to wait does not
        client.get_json(web.at("/a", answer))
    assert client.get_json(web.at("/b", document(1))) == 1
    assert time.slept in ([0.75], [50.75])


def test_the_gap_is_kept_across_threads_retries_and_redirects(web: Web, make: Make) -> None:
    web.at("/moved", moved("/ok"))
    web.at("/flaky", status(500), document(1), status(500), document(1))
    web.at("/ok", document(1))
    client = make(gap=2.5)
    with ThreadPoolExecutor(8) as pool:
        paths = ["/ok", "/moved", "/flaky"] * 10
        assert list(pool.map(lambda path: client.get_json(web.url + path), paths)) == [1] * 30
    times = client.request_times
    assert len(times) == len(web.asked) == 42
    assert all(later - earlier >= 2.5 - 1e-9 for earlier, later in itertools.pairwise(times))


def test_the_gap_is_kept_by_the_real_clock(web: Web, make: Make) -> None:
    client, url = make(gap=0.02, machine=Machine()), web.at("/", document(1))
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: client.get_json(url), range(12)))
    assert all(later - earlier >= 0.02 - 1e-9 for earlier, later in itertools.pairwise(client.request_times))


def test_nobody_there(web: Web, make: Make, time: FakeTime) -> None:
    client = make()
    web.close()
    assert refusal(lambda: client.get_json(web.url)).reason == "unreachable"
    assert len(time.slept) == 3


def test_a_connection_that_breaks_is_tried_again(web: Web, make: Make) -> None:
    web.at("/", hang_up, cut(b'{"a"', 500), content(b"", code=500), document(1))
    assert make().get_json(web.url + "/") == 1


@pytest.mark.parametrize(
    "answer", [hang_up, cut(b'{"a"', 500), lambda handler: handler.wfile.write(b"SSH-2.0\r\n\r\n")]
)
def test_an_answer_that_is_always_cut(web: Web, make: Make, answer: Any) -> None:
    assert refusal(lambda: make().get_json(web.at("/", answer))).reason == "broken_answer"
    assert len(web.asked) == 4


def test_a_silent_server(web: Web, make: Make, time: FakeTime) -> None:
    done = threading.Event()
    url = web.at("/", silent(done))
    client = make(Limits(read_seconds=0.05))
    assert refusal(lambda: client.get_json(url)).reason == "timeout"
    assert len(time.slept) == 3
    done.set()


def test_silence_does_not_outlast_the_deadline(web: Web, make: Make) -> None:
    done = threading.Event()
    client = make(Limits(total_seconds=0.2, read_seconds=60.0), machine=Machine())
    assert refusal(lambda: client.get_json(web.at("/", silent(done)))).reason == "timeout"
    assert len(web.asked) <= 1
    done.set()


def test_a_body_that_drips_is_given_up(web: Web, make: Make) -> None:
    done = threading.Event()
    url = web.at("/", endless(b" ", done))
    client = make(Limits(total_seconds=0.3), machine=Machine())
    assert refusal(lambda: client.get_json(url)).reason == "timeout"
    assert len(web.asked) <= 1
    done.set()


def test_headers_that_drip_are_given_up(web: Web, make: Make) -> None:
    done = threading.Event()

    def drip(handler: Any) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
        while not done.wait(0.02):
            handler.wfile.write(b"a: b\r\n")

    client = make(Limits(total_seconds=0.3), machine=Machine())
    assert refusal(lambda: client.get_json(web.at("/", drip))).reason == "timeout"
    done.set()


def test_a_body_that_says_it_is_too_large_is_not_read(web: Web, make: Make) -> None:
    url = web.at("/", cut(JPEG, 10 * 2**30))
    assert refusal(lambda: make().get_image(url)).reason == "too_large"
    assert len(web.asked) == 1


def test_a_body_without_end_is_given_up(web: Web, make: Make) -> None:
    url = web.at("/", endless(JPEG))
    assert refusal(lambda: make(Limits(image_bytes=2**20)).get_image(url)).reason == "too_large"


def test_a_web_page_without_end_is_given_up_at_its_beginning(web: Web, make: Make) -> None:
    url = web.at("/", endless(b"<html>" + bytes(1000)))
    assert refusal(lambda: make(Limits(image_bytes=2**60)).get_image(url)).reason == "html_page"


def test_a_gzip_bomb_is_given_up(web: Web, make: Make) -> None:
    bomb = gzip.compress(JPEG + bytes(64 * 2**20), 9)
    assert len(bomb) < 2**17
    url = web.at("/", content(bomb, content_encoding="gzip"))
    assert refusal(lambda: make(Limits(image_bytes=2**20)).get_image(url)).reason == "too_large"
    assert refusal(lambda: make(Limits(json_bytes=2**20)).get_json(url)).reason == "too_large"


def test_a_gzip_that_gives_nothing_is_counted_as_sent(web: Web, make: Make) -> None:
    nothing = b"\x00\x00\x00\xff\xff" * 200  # stored blocks of no bytes
    start = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03"
    url = web.at("/", endless(nothing, start=start, content_encoding="gzip"))
    assert refusal(lambda: make(Limits(json_bytes=10**5)).get_json(url)).reason == "too_large"


def test_a_gzip_that_is_cut_is_no_picture(web: Web, make: Make) -> None:
    packed = gzip.compress(JPEG + bytes(range(256)) * 100)
    url = web.at("/", content(packed[:-9], content_encoding="gzip"))
    assert refusal(lambda: make().get_image(url)).reason == "broken_answer"


def test_a_gzip_bomb_of_many_parts_is_given_up(web: Web, make: Make) -> None:
    bomb = gzip.compress(JPEG) + gzip.compress(bytes(2**20 - 100), 9) * 64
    url = web.at("/", content(bomb, content_encoding="gzip"))
    assert refusal(lambda: make(Limits(image_bytes=2**20)).get_image(url)).reason == "too_large"
    url = web.at("/", content(gzip.compress(b"") * (MEMBERS + 1), content_encoding="gzip"))
    assert refusal(lambda: make().get_json(url)).reason == "broken_answer"


def test_a_body_of_just_the_size_is_taken(web: Web, make: Make) -> None:
    url = web.at("/", content(JPEG), content(JPEG + b"x"))
    client = make(Limits(image_bytes=len(JPEG)))
    assert client.get_image(url) == JPEG
    assert refusal(lambda: client.get_image(url)).reason == "too_large"


@pytest.mark.parametrize("key", ["k3y\nb", "k3y\r\nHost: evil", "k3yé", " k3y", "k3y\n", "k3y\x00"])
def test_a_key_that_is_no_header_is_refused_unsaid(make: Make, key: str) -> None:
    error = refusal(lambda: make(headers={"ApiKey": key}))
    assert error.reason == "refused_key"
    assert "k3y" not in str(error)


def test_no_secret_in_errors_or_logs(web: Web, make: Make, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    web.at("/ok", document(1))
    web.at("/moved", moved(f"/missing?token={SECRET}"))
    web.at("/lost", moved(f"http://user:{SECRET}@127.0.0.1/"))
    web.at("/html", content(f"<html>{SECRET}".encode(), set_cookie=f"session={SECRET}"))
    web.at("/cut", cut(SECRET.encode(), 100))
    web.at("/500", status(500, set_cookie=SECRET))
    client = make(headers={"ApiKey": SECRET})
    assert client.get_json(f"{web.url}/ok?key={SECRET}", {"also": SECRET}) == 1
    errors = [
        refusal(lambda path=path: client.get_json(f"{web.url}{path}?key={SECRET}"))
        for path in ("/moved", "/lost", "/html", "/cut", "/500", "/404")
    ]
    errors.append(refusal(lambda: client.get_json(f"ftp://{SECRET}@host/{SECRET}")))
    errors.append(refusal(lambda: client.get_json(f"http://host:{SECRET}/")))
    errors.append(refusal(lambda: client.get_image(f"{web.url}/html?key={SECRET}")))
    said = caplog.text + "".join(str(error) + repr(error) + _unsourced(error) for error in errors)
    assert SECRET not in said
    assert {error.reason for error in errors} >= {"gone", "bad_url", "broken_answer", "http_500", "html_page"}


def _unsourced(error: BaseException) -> str:
    """A traceback, without the lines of code: those of this test name the secret."""
    return "".join(line for line in traceback.format_exception(error) if not line.startswith("  File"))
