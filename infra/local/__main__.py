"""python3 -m infra.local: the command line of the local stack; prepares `.venv`, goes on inside it, then obeys."""

from __future__ import annotations

import argparse
import os
import sys

from infra.local import venv
from infra.local.progress import Refused
from infra.local.stack import Stack

EPILOG = """\
The stack's state is in STATE (default .run/local), its ports are PORT_BASE (default 18000) plus a fixed offset, all on
127.0.0.1; with other values of both, several stacks run side by side. Keep PORT_BASE below 32000: above it the kernel
hands ports out to anybody's outgoing connections.

IOC_SERVERS=docker|packages       forces where PostgreSQL and RabbitMQ come from
IOC_PROCESSES=dossier,notify-web  limits which service processes `up` starts, like --only
IOC_PROVINCE=0                    dossiers that a simulated province files an hour (default 20); 0: none, the stack stands still
IOC_BROKER_METRICS=1              gives the private RabbitMQ its Prometheus page, on PORT_BASE + 75
LOG_LEVEL, LOG_FORMAT             go to every service process (default info and console)
OTEL_EXPORTER_OTLP_ENDPOINT       goes to every service process
"""


def parser() -> argparse.ArgumentParser:
    """The commands and their options."""
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--state", metavar="FOLDER", help="state folder (default: STATE, else .run/local)")
    common.add_argument("--port-base", type=int, metavar="N", help="first port (default: PORT_BASE, else as last time)")
    root = argparse.ArgumentParser(
        prog="python3 -m infra.local",
        description="The whole platform on this machine: private servers, a mailbox, an OIDC provider, every service.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = root.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, text: str) -> argparse.ArgumentParser:
        return commands.add_parser(name, help=text, description=text, parents=[common])

    command("up", "start everything that does not run yet").add_argument(
        "--only", metavar="LIST", help="service processes to start, such as dossier,notify-web, or none"
    )
    command("down", "stop what `up` started, and keep the data")
    command("clean", "stop everything and delete the data")
    command("servers", "only PostgreSQL and RabbitMQ").add_argument("action", choices=("up", "down"))
    command("ps", "show every process and whether it is ready").add_argument("--json", action="store_true")
    logs = command("logs", "follow the logs")
    logs.add_argument("name", nargs="?", help="a process (dossier-web) or a service (dossier); default: all")
    logs.add_argument("-n", "--lines", type=int, default=40, help="lines to begin with (default 40)")
    logs.add_argument("-p", "--print", action="store_true", help="print the last lines and stop")
    token = command("token", "print an access token of a demo account")
    token.add_argument("login", nargs="?", default="officer", help="officer, officer18, leader, admin or auditor")
    environment = command("env", "print the environment of a service, or of the whole stack, as export lines")
    environment.add_argument(
        "service", nargs="?", help="dossier, notify, stats or ipcam; default: the stack's addresses"
    )
    environment.add_argument("job", nargs="?", default="web", help="web (default), relay, worker, migrate, …")
    environment.add_argument("--json", action="store_true")
    for action in ("start", "stop", "restart"):
        command(action, f"{action} single processes").add_argument("names", nargs="+", metavar="NAME")
    prepare = command("venv", "make .venv or bring it up to date")
    prepare.add_argument("--with", dest="wanted", default="dev", choices=venv.SETS, help="default: dev")
    return root


def main(arguments: list[str]) -> int:
    options = parser().parse_args(arguments)
    try:
        if options.command == "venv":
            venv.ensure(options.wanted)
            return 0
        stack = Stack.chosen(options.state, options.port_base)
        if not stack.marker.exists() and _only_ends(options):
            print(f"nothing to do: {stack.state} holds no stack")
            return 0
        if options.command in ("ps", "token", "env"):
            stack.refuse_other_ports()
        _go_inside(arguments, prepare=_starts(options))
        _run(options, stack)
    except Refused as refusal:
        print(f"\n{refusal}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _starts(options: argparse.Namespace) -> bool:
    return "up" in (options.command, vars(options).get("action"))


def _only_ends(options: argparse.Namespace) -> bool:
    """Commands that are content when nothing is there."""
    return options.command in ("down", "clean", "ps") or vars(options).get("action") == "down"


def _go_inside(arguments: list[str], prepare: bool) -> None:
    """Go on with the environment's own Python, brought up to date first by what starts something."""
    if prepare or not venv.exists():
        venv.ensure("local")
    if not venv.inside():
        os.chdir(venv.ROOT)
        os.execv(venv.PYTHON, [str(venv.PYTHON), "-W", "ignore", "-m", "infra.local", *arguments])


def _run(options: argparse.Namespace, stack: Stack) -> None:
    from infra.local import answers, commands  # they need what only the environment has

    match options.command:
        case "up":
            commands.up(stack, options.only)
            answers.addresses(stack, options.only)
        case "servers" if options.action == "up":
            commands.servers_up(stack)
        case "servers":
            commands.servers_down(stack)
        case "down":
            commands.down(stack)
        case "clean":
            commands.clean(stack)
        case "ps":
            answers.ps(stack, options.json)
        case "logs":
            commands.logs(stack, options.name, options.lines, follow=not options.print)
        case "token":
            print(answers.token(stack, options.login))
        case "env":
            answers.environment(stack, options.service, options.job, options.json)
        case action:
            commands.control(stack, action, options.names)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
