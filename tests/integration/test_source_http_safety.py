"""The client of the sources against servers that lead it astray: redirects, names that move, certificates, proxies."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from personae.adapters.sources.http import PoliteClient
from personae.adapters.sources.limits import Limits, Machine
from personae.errors import SourceError
from personae.records import SourceSpec
from tests.web import JPEG, FakeTime, Web, content, document, moved, status, tunnel

SECRET = "s3cr3t"  # noqa: S105
KEY = {"ApiKey": SECRET}


class Names:
    """Resolves as told, each name to its addresses in turn, the last for ever; counts."""

    def __init__(self, **names: str) -> None:
        self.names = {name.replace("_", "."): addresses.split() for name, addresses in names.items()}
        self.asked: list[str] = []

    def __call__(self, host: str, port: int) -> list[str]:
        self.asked.append(host)
        if host not in self.names:
            raise OSError(host)
        addresses = self.names[host]
        return [addresses.pop(0) if len(addresses) > 1 else addresses[0]]


@pytest.fixture
def opened() -> Iterator[list[Any]]:
    """What is to be closed."""
    things: list[Any] = []
    yield things
    for each in reversed(things):
        each.close()


@pytest.fixture
def web(opened: list[Any]) -> Web:
    opened.append(Web())
    return opened[-1]


@pytest.fixture
def other(opened: list[Any]) -> Web:
    opened.append(Web())
    return opened[-1]


def client(
    opened: list[Any], endpoint: str, names: Names | None = None, *, private: bool = True, **options: Any
) -> PoliteClient:
    spec = SourceSpec("s", "stash_box", endpoint=endpoint, allow_private=private, rate_limit=0.0)
    time = FakeTime()
    resolver = {"resolve": names} if names else {}
    machine = Machine(clock=time.clock, sleep=time.sleep, **resolver)
    opened.append(PoliteClient(spec, machine=machine, **options))
    return opened[-1]


def reason(call: Callable[[], object]) -> str:
    with pytest.raises(SourceError) as caught:
        call()
    assert SECRET not in str(caught.value)
    return caught.value.reason


# Redirects.


def test_a_redirect_at_home_keeps_the_key(web: Web, opened: list[Any]) -> None:
    web.at("/a", moved("/b?size=2#part"))
    web.at("/b", content(JPEG))
    assert client(opened, web.url, headers=KEY).get_image(web.url + "/a") == JPEG
    assert [(asked.path, asked.headers.get("apikey")) for asked in web.asked] == [("/a", SECRET), ("/b?size=2", SECRET)]


def test_the_key_stays_at_home(web: Web, other: Web, opened: list[Any]) -> None:
    web.at("/a", moved(other.at("/b", moved(web.at("/c", content(JPEG))))))
    asking = client(opened, web.url, headers={**KEY, "User-Agent": "me@example.test"})
    assert asking.get_image(web.url + "/a") == JPEG
    assert asking.get_image(other.at("/d", content(JPEG))) == JPEG
    assert [asked.headers.get("apikey") for asked in web.asked] == [SECRET, None]
    assert [asked.headers.get("apikey") for asked in other.asked] == [None, None]
    assert {asked.headers["user-agent"] for asked in web.asked + other.asked} == {"me@example.test"}


def test_no_cookie_is_kept(web: Web, opened: list[Any]) -> None:
    web.at("/a", status(302, location="/b", set_cookie="a=b"))
    web.at("/b", document(1))
    client(opened, web.url).get_json(web.url + "/a")
    assert all("cookie" not in asked.headers for asked in web.asked)


@pytest.mark.parametrize(("hops", "follows"), [(5, True), (6, False)])
def test_five_redirects_are_followed(web: Web, opened: list[Any], hops: int, follows: bool) -> None:
    for number in range(hops):
        web.at(f"/{number}", moved(f"/{number + 1}", 301 + number % 3))
    web.at(f"/{hops}", document(1))
    asking = client(opened, web.url)
    if follows:
        assert asking.get_json(web.url + "/0") == 1
    else:
        assert reason(lambda: asking.get_json(web.url + "/0")) == "too_many_redirects"
        assert len(web.asked) == 6


@pytest.mark.parametrize(
    ("location", "said"),
    [
        ("http://[::1", "bad_redirect"),
        ("ftp://example.test/", "bad_url"),
        ("file:///etc/passwd", "bad_url"),
        (f"http://user:{SECRET}@example.test/", "bad_url"),
        ("javascript:alert(1)", "bad_url"),
        ("http://169.254.169.254/latest/meta-data", "forbidden_address"),
        ("http://localhost:1/", "forbidden_address"),
        ("http://127.1:1/", "forbidden_address"),
        ("http://2130706433/", "forbidden_address"),
        ("http://[::1]:1/", "forbidden_address"),
        ("http://[::ffff:127.0.0.1]:1/", "forbidden_address"),
        ("http://[fe80::1%25lo]/", "bad_url"),
        ("http://[fe80::1]/", "forbidden_address"),
        ("http://0/", "forbidden_address"),
        ("http://192.168.0.1/", "forbidden_address"),
    ],
)
def test_where_a_redirect_may_not_lead(web: Web, opened: list[Any], location: str, said: str) -> None:
    assert reason(lambda: client(opened, web.url).get_json(web.at("/", moved(location)))) == said
    assert len(web.asked) == 1


def test_a_redirect_without_a_place(web: Web, opened: list[Any]) -> None:
    assert reason(lambda: client(opened, web.url).get_json(web.at("/", status(302)))) == "http_302"


def test_a_question_is_repeated_at_home_only(web: Web, other: Web, opened: list[Any]) -> None:
    asking = client(opened, web.url)
    web.at("/a", moved("/b", 308))
    web.at("/b", document(1))
    assert asking.post_json(web.url + "/a", {"q": 1}) == 1
    assert web.asked[-1].body == b'{"q": 1}'
    web.at("/c", moved(other.at("/", document(1)), 307))
    assert reason(lambda: asking.post_json(web.url + "/c", {"q": 1})) == "bad_redirect"
    web.at("/d", moved("/b", 302))
    assert reason(lambda: asking.post_json(web.url + "/d", {"q": 1})) == "bad_redirect"
    assert other.asked == []


# Addresses.


def test_private_addresses_only_where_they_are_allowed(web: Web, opened: list[Any]) -> None:
    url = web.at("/", document(1))
    assert reason(lambda: client(opened, web.url, private=False).get_json(url)) == "forbidden_address"
    assert reason(lambda: client(opened, "https://elsewhere.test").get_json(url)) == "forbidden_address"
    assert reason(lambda: client(opened, "/a/folder").get_json(url)) == "forbidden_address"
    assert web.asked == []
    assert client(opened, web.url).get_json(url) == 1


def test_the_connection_goes_to_the_address_that_was_checked(opened: list[Any]) -> None:
    good = Web("127.0.0.1")
    bad = Web("127.0.0.2", good.port)
    opened += [good, bad]
    home = f"http://photos.test:{good.port}"
    names = Names(photos_test="127.0.0.1 127.0.0.2")
    good.at("/", document("good"))
    asking = client(opened, home, names)
    assert [asking.get_json(home + "/") for _ in range(3)] == ["good"] * 3
    assert names.asked == ["photos.test"]
    assert {asked.headers["host"] for asked in good.asked} == {f"photos.test:{good.port}"}
    assert bad.asked == []


def test_a_name_that_moves_is_checked_for_every_connection(web: Web, opened: list[Any]) -> None:
    home = f"http://photos.test:{web.port}"
    names = Names(photos_test="127.0.0.1 169.254.169.254")
    web.at("/", status(200, connection="close", content_type="x"))
    asking = client(opened, home, names)
    assert reason(lambda: asking.get_json(home + "/")) == "broken_answer"
    assert reason(lambda: asking.get_json(home + "/")) == "forbidden_address"
    assert len(web.asked) == 1


def test_a_public_name_that_is_private_is_refused(web: Web, opened: list[Any]) -> None:
    names = Names(photos_test="127.0.0.1", evil_test="127.0.0.1")
    web.at("/", moved(f"http://evil.test:{web.port}/secret"))
    asking = client(opened, f"http://photos.test:{web.port}", names)
    assert reason(lambda: asking.get_json(f"http://photos.test:{web.port}/")) == "forbidden_address"
    assert [asked.path for asked in web.asked] == ["/"]


def test_a_name_that_does_not_resolve(opened: list[Any]) -> None:
    names = Names()
    assert reason(lambda: client(opened, "http://a.test", names).get_json("http://b.test/")) == "unreachable"
    assert names.asked == ["b.test"] * 4


@pytest.mark.parametrize(
    "url",
    ["", "people", "/people", "http://", "ftp://a.test/", "http://u:p@a.test/", "http://a.test:x/", "http://[", "\x00"],
)
def test_what_is_no_url(opened: list[Any], url: str) -> None:
    names = Names()
    assert reason(lambda: client(opened, "http://a.test", names).get_json(url)) == "bad_url"
    assert names.asked == []


# TLS.


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> trustme.CA:
    """Whom the client believes."""
    made = trustme.CA()
    made.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    return made


def tls(authority: trustme.CA, name: str, seen: list[str | None] | None = None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    if seen is not None:
        context.sni_callback = lambda _socket, said, _context: seen.append(said)
    return context


def test_the_name_is_proved_though_the_address_is_fixed(authority: trustme.CA, opened: list[Any]) -> None:
    seen: list[str | None] = []
    server = Web(tls=tls(authority, "photos.test", seen))
    opened.append(server)
    server.at("/", document(1))
    home = f"https://photos.test:{server.port}"
    assert client(opened, home, Names(photos_test="127.0.0.1")).get_json(home + "/") == 1
    assert seen == ["photos.test"]


def test_somebody_else_at_the_address(authority: trustme.CA, opened: list[Any]) -> None:
    server = Web(tls=tls(authority, "other.test"))
    opened.append(server)
    home = f"https://photos.test:{server.port}"
    names = Names(photos_test="127.0.0.1")
    assert reason(lambda: client(opened, home, names).get_json(home + "/")) == "bad_certificate"
    assert (server.asked, names.asked) == ([], ["photos.test"])


def test_from_https_to_http_is_not_followed(authority: trustme.CA, web: Web, opened: list[Any]) -> None:
    server = Web(tls=tls(authority, "photos.test"))
    opened.append(server)
    home = f"https://photos.test:{server.port}"
    server.at("/", moved(f"http://photos.test:{web.port}/"))
    names = Names(photos_test="127.0.0.1")
    assert reason(lambda: client(opened, home, names).get_json(home + "/")) == "bad_redirect"
    assert web.asked == []


# Proxies.


def test_a_proxy_is_given_the_name(web: Web, opened: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", web.url.replace("//", "//user:pass@"))
    web.at("*", document(1))
    names = Names()
    asking = client(opened, "http://a.test", names, headers=KEY)
    assert asking.get_json("http://a.test/x?y=z") == 1
    assert asking.get_json("http://b.test/") == 1
    assert [asked.path for asked in web.asked] == ["http://a.test/x?y=z", "http://b.test/"]
    assert [asked.headers.get("apikey") for asked in web.asked] == [SECRET, None]
    assert web.asked[0].headers["proxy-authorization"].startswith("Basic ")
    assert names.asked == []


@pytest.mark.parametrize("host", ["127.0.0.1", "0x7f.1", "localhost", "169.254.169.254", "metadata.google.internal"])
def test_a_proxy_is_not_asked_for_this_machine(
    web: Web, opened: list[Any], monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    monkeypatch.setenv("all_proxy", web.url)
    assert reason(lambda: client(opened, "http://a.test").get_json(f"http://{host}/")) == "forbidden_address"
    assert web.asked == []


@pytest.mark.parametrize("rule", ["a.test", ".test", "*", "b.test, a.test"])
def test_no_proxy_goes_direct_and_is_checked(
    web: Web, other: Web, opened: list[Any], monkeypatch: pytest.MonkeyPatch, rule: str
) -> None:
    monkeypatch.setenv("http_proxy", other.url)
    monkeypatch.setenv("no_proxy", rule)
    web.at("/", document(1))
    home = f"http://a.test:{web.port}"
    assert client(opened, home, Names(a_test="127.0.0.1")).get_json(home + "/") == 1
    assert reason(lambda: client(opened, home, Names(a_test="10.0.0.1"), private=False).get_json(home)) == (
        "forbidden_address"
    )
    assert other.asked == []


def test_a_proxy_carries_tls_from_end_to_end(
    authority: trustme.CA, web: Web, opened: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    server = Web(tls=tls(authority, "photos.test"))
    opened.append(server)
    server.at("/", document(1))
    monkeypatch.setenv("HTTPS_PROXY", web.url)
    web.at("*", tunnel(("127.0.0.1", server.port)))
    asking = client(opened, "https://photos.test", Names(), headers=KEY)
    assert asking.get_json("https://photos.test/?a=b") == 1
    assert [(asked.method, asked.path) for asked in web.asked] == [("CONNECT", "photos.test:443")]
    assert "apikey" not in web.asked[0].headers
    assert server.asked[0].headers["apikey"] == SECRET
    asking.close()


@pytest.mark.parametrize("code", [403, 407, 502])
def test_a_proxy_that_refuses(web: Web, opened: list[Any], monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    monkeypatch.setenv("https_proxy", web.url)
    web.at("*", status(code))
    assert reason(lambda: client(opened, "https://a.test").get_json("https://a.test/")) == "proxy_refused"


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:1", "http://[", f"ftp://user:{SECRET}@a"])
def test_a_proxy_that_cannot_be_used(opened: list[Any], monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    monkeypatch.setenv("https_proxy", proxy)
    assert reason(lambda: client(opened, "https://a.test").get_json("https://a.test/")) == "bad_proxy"


def test_a_slow_proxy_keeps_the_deadline_too(web: Web, opened: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", web.url)
    web.at("*", document(1))
    asking = client(opened, "http://a.test", limits=Limits(total_seconds=0.0))
    assert reason(lambda: asking.get_json("http://a.test/")) == "timeout"
    assert web.asked == []
