"""Verbs on the keys of the HTTP API: keys create, list, password, revoke."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from personae.access import ApiKey, Role
from personae.cli.context import Context, Json, columns, moment, note, out, printable, show_json

if TYPE_CHECKING:
    from datetime import datetime


app = typer.Typer(help="Keys of the HTTP API.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="Of whom or what uses the key.")]


@app.command("create")
def keys_create(
    context: typer.Context,
    name: Name,
    role: Annotated[Role, typer.Option(help="What it may do: look, change, or everything.")] = Role.READ,
    json: Json = False,
) -> None:
    """Make a key and show it, once: it is kept as a hash. From the first key on, the server asks everybody for one."""
    from personae.engine import keys

    obj: Context = context.obj
    with obj.house() as house:
        key, secret = keys.create(house.keys, name, role)
    if json:
        show_json({**_as_json(key), "key": secret})
        return
    out.print(secret)
    note("keep it: it cannot be shown again. It is sent as the header  Authorization: Bearer KEY")


@app.command("list")
def keys_list(context: typer.Context, json: Json = False) -> None:
    """List the keys, revoked ones too; not the keys themselves, which nobody has but their users."""
    from personae.engine import keys

    obj: Context = context.obj
    with obj.house() as house:
        listed = keys.listed(house.keys)
    if json:
        show_json([_as_json(key) for key in listed])
        return
    table = columns("name", "role", "made", "last used", "")
    for key in listed:
        said = "" if key.revoked_at is None else f"revoked {_day(key.revoked_at)}"
        table.add_row(printable(key.name), key.role, _day(key.created_at), _day(key.last_used_at), said)
    out.print(table if listed else "there are no keys: the server can be used on this machine alone, without one")


@app.command("password")
def keys_password(
    context: typer.Context,
    name: Name,
    remove: Annotated[bool, typer.Option("--remove", help="Take the password away.")] = False,
    json: Json = False,
) -> None:
    """Set the password to sign in with in a browser; it is asked for, or read from the standard input."""
    from personae.engine import sign_in

    obj: Context = context.obj
    password = "" if remove else _password()
    with obj.house() as house:
        if remove:
            key = house.sign_ins.set_password(name, None)
        else:
            key = sign_in.set_password(house.sign_ins, name, password)
    if json:
        show_json(_as_json(key))
    else:
        out.print(f"{printable(key.name)} has {'no password' if remove else 'a password'}; its browsers are signed out")


@app.command("revoke")
def keys_revoke(context: typer.Context, name: Name, json: Json = False) -> None:
    """End a key: a second later it opens nothing. The server goes on asking for keys."""
    obj: Context = context.obj
    with obj.house() as house:
        key = house.keys.revoke(name)
    if json:
        show_json(_as_json(key))
    else:
        out.print(f"{printable(key.name)} is revoked")


def _password() -> str:
    """Ask for a password twice, or take the first line of what is piped in."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    said: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    return said


def _day(when: datetime | None) -> str:
    return moment(when) if when else ""


def _as_json(key: ApiKey) -> dict[str, object]:
    return {
        "id": key.id, "name": key.name, "role": key.role, "created_at": key.created_at,
        "last_used_at": key.last_used_at, "revoked_at": key.revoked_at,
    }  # fmt: skip
