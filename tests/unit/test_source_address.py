"""Which addresses a source may lead to, and how long it is left alone."""

from __future__ import annotations

import pytest

from personae.adapters.sources.address import Guard, Kind, kind, resolve
from personae.adapters.sources.limits import backoff, retry_after
from personae.errors import SourceError


@pytest.mark.parametrize(
    "address",
    ["1.1.1.1", "93.184.216.34", "172.15.0.1", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "2a00:1450::1"],
)
def test_public_addresses(address: str) -> None:
    assert kind(address) is Kind.PUBLIC


@pytest.mark.parametrize(
    "address",
    ["10.1.2.3", "127.0.0.1", "127.9.9.9", "172.16.0.1", "192.168.1.1", "100.64.0.1", "::1", "fd12::1", "fc00::1"],
)
def test_private_addresses(address: str) -> None:
    assert kind(address) is Kind.PRIVATE


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",  # noqa: S104
        "169.254.169.254",
        "169.254.170.2",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
        "192.0.2.1",
        "192.88.99.1",
        "198.18.0.1",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "239.255.255.250",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:8.8.8.8",
        "64:ff9b::7f00:1",
        "64:ff9b:1::a9fe:a9fe",
        "2002:7f00:1::",
        "2001::1",
        "2001:db8::1",
        "3fff::1",
        "100::1",
        "5f00::1",
        "fe80::1",
        "fe80::1%eth0",
        "fec0::1",
        "ff02::1",
        "fd00:ec2::254",
        "fd20:ce::254",
    ],
)
def test_addresses_that_nothing_lets_through(address: str) -> None:
    assert kind(address) is Kind.FORBIDDEN
    with pytest.raises(SourceError, match="public internet"):
        Guard("own.test").allowed("own.test", [address])


def test_only_the_addresses_that_may_be_are_kept() -> None:
    mixed = ["127.0.0.1", "1.1.1.1", "169.254.169.254", "10.0.0.1"]
    assert Guard().allowed("a.test", mixed) == ["1.1.1.1"]
    assert Guard("a.test").allowed("a.test", mixed) == ["127.0.0.1", "1.1.1.1", "10.0.0.1"]
    assert Guard("b.test").allowed("a.test", mixed) == ["1.1.1.1"]


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "127.1", "0x7f000001", "2130706433", "0177.0.0.1", "::1", "localhost", "LocalHost.", "a.localhost"],
)
def test_names_that_somebody_else_resolves(host: str) -> None:
    with pytest.raises(SourceError) as caught:
        Guard().check_name(host)
    assert caught.value.reason == "forbidden_address"
    Guard(host).check_name(host)


@pytest.mark.parametrize("host", ["metadata.google.internal", "169.254.169.254", "0xa9fea9fe", "metadata"])
def test_metadata_is_never_let_through(host: str) -> None:
    with pytest.raises(SourceError, match="public internet"):
        Guard(host).check_name(host)


def test_other_names_pass_to_the_proxy() -> None:
    Guard().check_name("photos.example")
    Guard().check_name("1.1.1.1")
    Guard().check_name("cafe")


@pytest.mark.parametrize("host", ["127.1", "0x7f000001", "2130706433"])
def test_odd_spellings_resolve_to_what_they_are(host: str) -> None:
    assert resolve(host, 80) == ["127.0.0.1"]


def test_what_is_no_host_name() -> None:
    with pytest.raises(OSError, match="name"):
        resolve("a" * 70 + ".test", 80)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("", None),
        ("soon", None),
        ("-1", None),
        ("1.5", None),
        ("٣", None),
        ("0", 0.0),
        (" 120 ", 120.0),
        ("Thu, 01 Jan 1970 00:02:00 GMT", 20.0),
        ("Thu, 01 Jan 1970 00:02:00 -0000", 20.0),
        ("Thursday, 01-Jan-70 00:00:10 GMT", 0.0),
        ("Thu, 99 Jan 1970 00:02:00 GMT", None),
    ],
)
def test_retry_after(value: str | None, seconds: float | None) -> None:
    assert retry_after(value, 100.0) == seconds


def test_backoff_doubles_to_a_limit() -> None:
    assert [backoff(n, 1.0, 0.0) for n in (1, 2, 3, 4)] == [0.5, 1.0, 2.0, 4.0]
    assert backoff(50, 1.0, 0.999) < 30
