"""Two hundred names that try to become markup, script, style or a template; and what no page of ours has in it."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path

MARK = "taken"
"""What a script among the names would set on the window."""
LIST = Path(__file__).with_name("hostile_names.jsonl")
"""A JSON string on each line."""
TAGS = """
html head meta title link script body main header footer nav section article aside search div p span b i em strong
small s mark h1 h2 h3 h4 a ul ol li dl dt dd table caption thead tbody tfoot tr th td figure figcaption blockquote
pre code kbd output abbr time data details summary dialog menu form fieldset legend label input select option
optgroup textarea button datalist progress meter img picture source video canvas noscript template br hr svg use
symbol defs g image path circle rect line polyline text tspan ellipse
"""
LINKS = frozenset(
    {"href", "src", "action", "formaction", "srcset", "poster", "data", "xlink:href", "hx-get", "hx-post"}
)


def names() -> list[str]:
    """Return the names, each once."""
    return [json.loads(line) for line in LIST.read_text("utf-8").splitlines()]


def wrongs(page: str, nonce: str) -> list[str]:
    """Return the tags and attributes of a page that no page of ours has of itself.

    Args:
        page: its HTML.
        nonce: of the answer, which every script must carry.
    """
    reader = _Reader(nonce)
    reader.feed(page)
    reader.close()
    return reader.wrong


class _Reader(HTMLParser):
    def __init__(self, nonce: str) -> None:
        super().__init__()
        self.nonce = nonce
        self.allowed = frozenset(TAGS.split())
        self.wrong: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag not in self.allowed or (tag == "script" and (given.get("nonce") != self.nonce or "src" not in given)):
            self.wrong.append(f"<{tag}> {given}")
        self.wrong += [
            f"<{tag} {name}={value!r}>" for name, value in attrs if _bad(name, (value or "").strip().lower())
        ]


def _bad(name: str, value: str) -> bool:
    """Whether an attribute runs, styles, or leads where no page of ours leads."""
    runs = name.startswith(("on", "hx-on", "data-hx-on")) or name in {"style", "srcdoc"} or value.startswith("js:")
    ours = value == "" or (value.startswith(("/", "#", "?", "http://", "https://")) and not value.startswith("//"))
    return runs or (name in LINKS and not ours)
