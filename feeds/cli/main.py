"""The `feeds` command. A command imports what it needs when it is run."""

from __future__ import annotations

import atexit
import gc
import sys
from importlib import import_module
from typing import Any, Final

import click

from feeds.cli import export_note
from feeds.messages import did_you_mean
from feeds.model import FeedsError

# In which module of feeds.cli each is.
COMMANDS: Final = {
    "init": "initialising",
    "serve": "loading",
    "load": "loading",
    "follow": "loading",
    "ping": "telling",
    "purge": "telling",
    "export": "files",
    "publish": "files",
    "check": "checking",
    "doctor": "doctoring",
    "list": "showing",
    "preview": "previewing",
    "import": "importing",
    "stats": "showing",
    "config": "showing",
}
_NAMES: Final = {"list": "list_", "config": "config_", "import": "import_"}


class _Group(click.Group):
    """Turns every FeedsError into one line on stderr and exit status 2."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return [*COMMANDS]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"feeds.cli.{COMMANDS[cmd_name]}")
        if not gc.isenabled():
            gc.freeze()
            gc.enable()
        command: click.Command = getattr(module, _NAMES.get(cmd_name, cmd_name))
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in COMMANDS and not args[0].startswith("-"):
            ctx.fail(f"No such command {args[0]!r}; {did_you_mean(args[0], COMMANDS)}")
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except FeedsError as error:
            raise _Failure(str(error)) from None


class _Failure(click.ClickException):
    exit_code = 2

    def show(self, file: Any = None) -> None:  # noqa: ARG002 - click's signature
        from feeds.telemetry import log  # which takes its time, and a command has done

        if log.is_json():
            log.get().error(self.message)
        else:
            click.echo(f"feeds: {self.message}", err=True)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="feeds")
def main() -> None:
    """Syndicate a folder of news records as RSS, Atom and JSON feeds.

    Settings come from FEEDS_* variables and feeds.toml; `feeds config` shows them.
    """


def run() -> None:
    """`main`, as the program that ends with it: it starts and ends in half the time.

    What is imported stays, so no collection of garbage looks at it.
    """
    gc.disable()
    atexit.register(gc.freeze)
    if sys.argv[1:2] != ["export"] or not export_note.repeat(sys.argv[1:]):
        main()
