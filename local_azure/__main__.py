"""python -m local_azure --data DIR: an Azure account on this computer. One line of JSON on stdout when it is ready."""

import argparse
import asyncio
import os
import sys
from pathlib import Path

from filelock import FileLock

from local_azure import logs
from local_azure.second_start import own_or_ready_line
from local_azure.supervisor import Options, Supervisor

_LEASE_GRACE = 10.0  # seconds


def main() -> int:
    """Run the command line; returns the exit code."""
    options = _options()
    lock = FileLock(options.data / "lock")
    try:
        options.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        line = own_or_ready_line(lock, options.data)
    except OSError as error:
        sys.stderr.write(f"The folder {options.data} can't be used: {error.strerror}.\n")
        return 1
    if line is not None:
        sys.stderr.write(
            f"A local cloud is running on {options.data} already: these are its endpoints, "
            "and this start's other options have no effect.\n"
        )
        sys.stdout.write(f"{line}\n")
        return 0
    try:
        return asyncio.run(_supervise(options))
    finally:
        lock.release()


async def _supervise(options: Options) -> int:
    return await Supervisor(options, logs.set_up(options.data)).run()


def _options() -> Options:
    parser = argparse.ArgumentParser(prog="python -m local_azure", description=__doc__)
    parser.add_argument(
        "--data", type=Path, required=True, metavar="DIR", help="folder that holds the account"
    )
    parser.add_argument("--batch-port", type=_port, metavar="N", help="kept; a free one on first start")
    parser.add_argument("--blob-port", type=_port, metavar="N", help="kept; a free one on first start")
    parser.add_argument("--node-home", type=Path, metavar="DIR", help="where Azurite is installed")
    parser.add_argument(
        "--leased",
        type=_positive,
        nargs="?",
        const=_LEASE_GRACE,
        metavar="SECONDS",
        help="end when for so long (10 s) no process holds a lease and no task runs",
    )
    parser.add_argument(
        "--realistic",
        type=_positive,
        nargs="?",
        const=1.0,
        metavar="FACTOR",
        help="nodes take as long to come as in the cloud, times FACTOR",
    )
    given = parser.parse_args()
    return Options(
        data=given.data.resolve(),
        node_home=(given.node_home or _default_node_home()).resolve(),
        batch_port=given.batch_port,
        blob_port=given.blob_port,
        lease_grace=given.leased,
        realistic=given.realistic,
    )


def _default_node_home() -> Path:
    home = os.environ.get("BATCH_DASHBOARD_HOME")
    if home:
        return Path(home) / "node"
    from platformdirs import user_data_path

    return user_data_path("batch-video-dashboard") / "node"


def _port(text: str) -> int:
    port = int(text)
    if not 1 <= port <= 65535:
        raise argparse.ArgumentTypeError(f"{text} is not a port (1 to 65535)")
    return port


def _positive(text: str) -> float:
    number = float(text)
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a positive number")
    return number


if __name__ == "__main__":
    sys.exit(main())
