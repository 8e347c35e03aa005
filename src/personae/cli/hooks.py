"""Verbs on webhooks: hooks add, list, remove, resume, deliver."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from personae.cli.context import Context, Json, columns, counted, moment, out, printable, show_json

if TYPE_CHECKING:
    from personae.ports import Hook

app = typer.Typer(help="Receivers that are told of what happens.", no_args_is_help=True)

Number = Annotated[int, typer.Argument(metavar="HOOK", help="The receiver's number.")]


@app.command("add")
def hooks_add(
    context: typer.Context,
    url: Annotated[str, typer.Argument(metavar="URL", help="Where messages are sent: https: or http:.")],
    kinds: Annotated[
        str, typer.Option(help="Kinds of events, with commas, as decision.made.", show_default="all")
    ] = "",
    after: Annotated[
        int | None, typer.Option(help="Number of the event after which it begins.", min=0, show_default="the latest")
    ] = None,
    json: Json = False,
) -> None:
    """Tell a receiver of events from now on. The secret that messages are signed with is shown this once."""
    obj: Context = context.obj
    with obj.engine() as engine:
        hook = engine.outbox.add_hook(url, [kind.strip() for kind in kinds.split(",") if kind.strip()], after)
    if json:
        show_json(_as_json(hook) | {"secret": hook.secret})
        return
    out.print(f"receiver {hook.id}: {printable(hook.url)}")
    out.print(f"secret, shown this once: {hook.secret}")


@app.command("list")
def hooks_list(context: typer.Context, json: Json = False) -> None:
    """List the receivers, and how far each has been told."""
    obj: Context = context.obj
    with obj.engine() as engine:
        found, last = engine.outbox.hooks(), engine.outbox.last()
    if json:
        show_json([_as_json(hook) for hook in found])
        return
    table = columns("number", "where", "kinds", "told of", "state")
    for hook in found:
        kinds = ", ".join(hook.kinds) or "all"
        table.add_row(str(hook.id), printable(hook.url), kinds, f"{hook.seq:,} of {last:,}", printable(_state(hook)))
    out.print(table if found else "there are no receivers")


@app.command("remove")
def hooks_remove(context: typer.Context, hook_id: Number, json: Json = False) -> None:
    """Tell a receiver nothing more."""
    obj: Context = context.obj
    with obj.engine() as engine:
        engine.outbox.remove_hook(hook_id)
    if json:
        show_json({"removed": hook_id})
    else:
        out.print(f"receiver {hook_id} is removed")


@app.command("resume")
def hooks_resume(context: typer.Context, hook_id: Number, json: Json = False) -> None:
    """Go on with a receiver that is paused, or waits after a failure, where it stopped."""
    obj: Context = context.obj
    with obj.engine() as engine:
        hook = engine.outbox.resume_hook(hook_id)
    if json:
        show_json(_as_json(hook))
    else:
        out.print(f"receiver {hook_id} is told of what happened after event {hook.seq:,}")


@app.command("deliver")
def hooks_deliver(context: typer.Context, json: Json = False) -> None:
    """Tell the receivers what they have not been told, then end; exit code 1 when one could not be reached."""
    obj: Context = context.obj
    with obj.engine() as engine:
        told = engine.outbox.deliver()
    if json:
        show_json({"told": told})
    else:
        for each in told:
            said = f"; {printable(each.error)}" if each.error else ""
            out.print(f"receiver {each.id}: {counted(each.events, 'event')}{said}")
        if not told:
            out.print("there is nothing to tell")
    if any(each.error for each in told):
        raise typer.Exit(1)


def _state(hook: Hook) -> str:
    if hook.paused:
        return f"paused: {hook.error}"
    if hook.not_before is not None:
        when = moment(hook.not_before)
        return f"tried again at {when}: {hook.error}"
    return "fine"


def _as_json(hook: Hook) -> dict[str, object]:
    """Return a receiver without its secret."""
    return {
        "id": hook.id, "url": hook.url, "kinds": list(hook.kinds), "seq": hook.seq, "paused": hook.paused,
        "failures": hook.failures, "failing_since": hook.failing_since, "not_before": hook.not_before,
        "error": hook.error, "created_at": hook.created_at,
    }  # fmt: skip
