"""The one command of the image. Each role imports only what it needs, which is most of its start time."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from pathlib import Path

ROLES = ("api", "agent", "worker", "sms-router")


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="assistant", description="The personal assistant: one image, several roles.")
    commands = parser.add_subparsers(dest="command", required=True)
    for role in ROLES:
        commands.add_parser(role, help=f"run the {role}")
    migrate = commands.add_parser("migrate", help="migrate the database schema up, or where asked down")
    migrate.add_argument(
        "--to", metavar="REV", help="a revision, base or head; default: SCHEMA_REVISION, otherwise head"
    )
    commands.add_parser("seed", help="load test data (not in prod)")
    reset = commands.add_parser("reset-mfa", help="turn off the second factor of an account that has lost it")
    reset.add_argument("email")
    grant = commands.add_parser("grant", help="give an account a role")
    grant.add_argument("email")
    grant.add_argument("role", choices=("user", "admin"))
    args = parser.parse_args(argv)

    if os.getpid() == 1:
        _become_init()

    from personal_assistant.config.settings import ConfigError, load

    try:
        settings = load(args.command)
    except ConfigError as error:
        # One JSON line like every other, so that the collector keeps the report in one piece.
        report = {
            "level": "error",
            "service": f"assistant-{args.command}",
            "msg": "the configuration is not valid",
            "problems": error.problems,
        }
        print(json.dumps(report), flush=True)
        print(
            f"assistant {args.command}: the configuration is not valid:",
            *error.problems,
            sep="\n  - ",
            file=sys.stderr,
            flush=True,
        )
        return 2

    from personal_assistant.core import logs, tracing

    logs.setup(settings)
    if settings.reload and args.command in ROLES and "ASSISTANT_RELOADED" not in os.environ:
        return _run_and_reload(args.command)
    if settings.debug_port:
        _listen_for_debugger(settings.debug_port)

    match args.command:
        case "migrate":
            from personal_assistant.database import migrate as migrations

            return migrations.run(settings, args.to)
        case "seed":
            from personal_assistant.database import seed

            return seed.run(settings)
        case "grant":
            from personal_assistant.database import seed

            return seed.grant(settings, args.email, args.role)
        case "reset-mfa":
            from personal_assistant.database import seed

            return seed.reset_mfa(settings, args.email)
        case "worker":
            logs.announce(settings)
            from personal_assistant.workers import main as worker

            return worker.run(settings)
    logs.announce(settings)
    tracing.setup(settings)
    if args.command == "api":
        from apps.fastapi_app.main import build
    elif args.command == "agent":
        from apps.agent.main import build
    else:
        from apps.sms_router.main import build
    from personal_assistant.core.http import serve

    serve(build(settings), settings)
    return 0


def _become_init() -> None:
    """Without Docker's init this process would be pid 1, whose SIGKILL from inside the container the kernel ignores,
    and the health check could not end a hung process. So pid 1 stays behind as a minimal init and the role runs in a
    child."""
    child = os.fork()
    if child == 0:
        return
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda received, _: os.kill(child, received))
    while True:
        pid, status = os.wait()
        if pid == child:
            code = os.waitstatus_to_exitcode(status)
            os._exit(code if code >= 0 else 128 - code)


def _run_and_reload(role: str) -> int:
    """Only in the development image."""
    from watchfiles import PythonFilter, run_process

    os.environ["ASSISTANT_RELOADED"] = "1"
    source = Path(__file__).resolve().parents[1]
    run_process(
        source,
        target=f"{sys.executable} -m personal_assistant.cli {role}",
        target_type="command",
        watch_filter=PythonFilter(),
        sigint_timeout=35,
        callback=lambda changes: print(
            json.dumps({"level": "info", "service": role, "msg": "reloading", "files": sorted(p for _, p in changes)}),
            flush=True,
        ),
    )
    return 0


def _listen_for_debugger(port: int) -> None:
    import logging

    try:
        import debugpy

        debugpy.listen(("0.0.0.0", port))
    except (ImportError, RuntimeError, OSError) as error:
        logging.getLogger("assistant").warning(
            "debugger is not listening: %s (it is in the development image only)", error
        )


if __name__ == "__main__":
    sys.exit(main())
