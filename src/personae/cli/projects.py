"""Verbs on projects: projects list, create, rename, delete."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from personae.cli.context import Context, Json, columns, moment, out, printable, show_json

if TYPE_CHECKING:
    from personae.access import Project

app = typer.Typer(help="Projects: collections with people and pictures of their own.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="Name of the project.")]


@app.command("list")
def projects_list(context: typer.Context, json: Json = False) -> None:
    """List the projects of the database, by name."""
    obj: Context = context.obj
    with obj.house() as house:
        listed = house.projects.all()
    if json:
        show_json([_as_json(project) for project in listed])
        return
    table = columns("project", "made")
    for project in listed:
        table.add_row(printable(project.name), moment(project.created_at))
    out.print(table if listed else "there are no projects yet; any verb makes the one that it is to work in")


@app.command("create")
def projects_create(context: typer.Context, name: Name, json: Json = False) -> None:
    """Make a project; PERSONAE_PROJECT chooses it."""
    from personae.engine import projects

    obj: Context = context.obj
    with obj.house() as house:
        _tell(projects.create(house.projects, name), "is made", json)


@app.command("rename")
def projects_rename(
    context: typer.Context,
    name: Name,
    to: Annotated[str, typer.Argument(help="The new name.")],
    json: Json = False,
) -> None:
    """Give a project another name; its files stay where they are. Not while a server or worker has it open."""
    from personae.engine import projects

    obj: Context = context.obj
    with obj.house() as house:
        _tell(projects.rename(house.projects, name, to), f"is what {printable(name)} was", json)


@app.command("delete")
def projects_delete(
    context: typer.Context,
    name: Name,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    json: Json = False,
) -> None:
    """Remove a project with its people, pictures, decisions and files, for ever. Not while a server has it open."""
    from personae.bootstrap import remove_project

    obj: Context = context.obj
    if not yes:
        typer.confirm(f"remove the project {printable(name)} with all its people and files, for ever?", abort=True)
    with obj.house() as house:
        _tell(remove_project(obj.settings(), house, name), "is gone", json)


def _tell(project: Project, what: str, json: bool) -> None:
    if json:
        show_json(_as_json(project))
    else:
        out.print(f"{printable(project.name)} {what}")


def _as_json(project: Project) -> dict[str, object]:
    return {"id": project.id, "name": project.name, "created_at": project.created_at}
