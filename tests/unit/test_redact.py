"""Addresses that are kept and shown."""

from __future__ import annotations

import pytest

from personae.core.redact import redact

SECRET = "s3cr3t"  # noqa: S105


@pytest.mark.parametrize(
    "url",
    [
        "", "photos/ann lee.jpg?token=1", "file:///home/ann/a%3Fkey=1.jpg", "https://archive.example/7/2.jpg",
        "https://archive.example/p.php?id=7&size=large&v=2;page=3", "http://[::1]:8080/a?monkey=1&author=Ann&width=200",
        "https://archive.example/a?&&x", "https://archive.example/a%20b/%C3%A9?q=%20",
    ],
)  # fmt: skip
def test_what_is_harmless_stays(url: str) -> None:
    assert redact(url) == url


@pytest.mark.parametrize(
    "name",
    ["token", "access_token", "X-Amz-Signature", "X-Amz-Credential", "X-Goog-Signature", "sig", "Key-Pair-Id",
     "Signature", "api_key", "apikey", "key", "auth", "password", "pwd", "sid", "PHPSESSIONID", "jwt", "client_secret",
     "hmac", "Policy", "access%5Ftoken", "%74oken"],
)  # fmt: skip
def test_what_is_named_like_a_key_is_hidden(name: str) -> None:
    found = redact(f"https://archive.example/a.jpg?id=7&{name}={SECRET}&w=3")
    assert found == f"https://archive.example/a.jpg?id=7&{name}=***&w=3"


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        (f"https://ann:{SECRET}@archive.example:8443/a.jpg", "https://archive.example:8443/a.jpg"),
        (f"HTTPS://{SECRET}@archive.example/a", "https://archive.example/a"),
        (f"https://archive.example/a#access_token={SECRET}", "https://archive.example/a"),
        (f"https://archive.example/a?id=1;token={SECRET};w=2", "https://archive.example/a?id=1;token=***;w=2"),
        (f"https://archive.example/a?x={SECRET * 8}", "https://archive.example/a?x=***"),
        (f"https://archive.example/a?{SECRET * 8}", "https://archive.example/a?***"),
        (f"https://ann:{SECRET}@[broken/a?token={SECRET}", "[broken/a"),
    ],
)
def test_what_opens_doors_is_hidden(url: str, kept: str) -> None:
    assert redact(url) == kept
    assert redact(kept) == kept
