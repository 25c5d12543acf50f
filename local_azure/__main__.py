"""python -m local_azure --data DIR: an Azure account on this computer. One line of JSON on stdout when it is ready."""

import asyncio
import sys
from pathlib import Path

from filelock import FileLock

from local_azure import command_line, fleet, logs, mishap, overview, reset
from local_azure.command_line import Request
from local_azure.failures import StartFailure
from local_azure.second_start import own_or_ready_line
from local_azure.supervisor import Options, Supervisor

_NOT_RUNNING = 3  # as for the status of an init script
_INTERRUPTED = 130


def main() -> int:
    """Run the command line; returns the exit code."""
    request = command_line.read()
    data = request.options.data
    try:
        if request.action == "serve":
            return _serve(request.options)
        return _do(request, data)
    except StartFailure as failure:
        sys.stderr.write(f"{failure}\n")
        return 1
    except OSError as error:
        sys.stderr.write(f"The folder {data} can't be used: {error.strerror}.\n")
        return 1
    except KeyboardInterrupt:
        return _INTERRUPTED


def _do(request: Request, data: Path) -> int:
    """Something else than starting."""
    if request.action == "status":
        text, running = overview.tell(data, as_json=request.as_json)
        sys.stdout.write(text)
        return 0 if running else _NOT_RUNNING
    if not data.is_dir():
        raise StartFailure(f"There is no local cloud in {data}.")
    if request.action == "reset":
        said = reset.run(data, FileLock(data / "lock"), sure=request.sure)
    elif request.action == "fleet":
        said = fleet.send(data, request.nodes)
    else:
        said = mishap.ask(data, request.action, request.node)
    sys.stdout.write(f"{said}\n")
    return 0


def _serve(options: Options) -> int:
    lock = FileLock(options.data / "lock")
    options.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    line = own_or_ready_line(lock, options.data)
    if line is not None:
        sys.stderr.write(
            f"A local cloud is running on {options.data} already: these are its endpoints, "
            "and this start's other options have no effect.\n"
        )
        sys.stdout.write(f"{line}\n")
        return 0
    try:
        reset.finish(options.data)
        return asyncio.run(_supervise(options))
    finally:
        lock.release()


async def _supervise(options: Options) -> int:
    return await Supervisor(options, logs.set_up(options.data)).run()


if __name__ == "__main__":
    sys.exit(main())
