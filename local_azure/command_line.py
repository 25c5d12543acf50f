"""What can be asked of `python -m local_azure`."""

import argparse
import os
from dataclasses import dataclass
from pathlib import Path

from local_azure.batch.quota import Limits
from local_azure.fleet import MOST_NODES
from local_azure.supervisor import Options

_LEASE_GRACE = 10.0  # seconds

MISHAPS = ("lose", "preempt", "failstart", "restore")


@dataclass(frozen=True)
class Request:
    """`action`: serve, status, reset, fleet or one of MISHAPS; `node` is POOL or POOL/NODE, for a mishap.

    `nodes` is how many a fleet has.
    """

    action: str
    options: Options
    as_json: bool = False
    sure: bool = False
    node: str = ""
    nodes: int = 0


def read(arguments: list[str] | None = None) -> Request:
    """The request in a command line (this process's own by default). SystemExit with code 2 for a wrong one."""
    parser = _parser()
    given = parser.parse_args(arguments)
    if given.json and not given.status:
        parser.error("--json needs --status")
    if given.yes and not given.reset:
        parser.error("--yes needs --reset")
    named = {name: getattr(given, name) for name in MISHAPS}
    action = next((name for name, node in named.items() if node), "serve")
    action = "status" if given.status else "reset" if given.reset else "fleet" if given.fleet else action
    options = Options(
        data=given.data.resolve(),
        node_home=(given.node_home or _default_node_home()).resolve(),
        batch_port=given.batch_port,
        blob_port=given.blob_port,
        lease_grace=given.leased,
        realistic=given.realistic,
        quota=given.quota,
    )
    return Request(action, options, given.json, given.yes, named.get(action) or "", given.fleet or 0)


def _parser() -> argparse.ArgumentParser:
    about = "An Azure account on this computer. One line of JSON on stdout when it is ready."
    parser = argparse.ArgumentParser(prog="python -m local_azure", description=about)
    add = parser.add_argument
    add("--data", type=Path, required=True, metavar="DIR", help="folder that holds the account")
    add("--batch-port", type=_port, metavar="N", help="kept; a free one on first start")
    add("--blob-port", type=_port, metavar="N", help="kept; a free one on first start")
    add("--node-home", type=Path, metavar="DIR", help="where Azurite is installed")
    grace = f"end when for so long ({_LEASE_GRACE:.0f} s) no process holds a lease and no task runs"
    add("--leased", type=_positive, nargs="?", const=_LEASE_GRACE, metavar="SECONDS", help=grace)
    pace = "nodes take as long to come as in the cloud, times FACTOR"
    add("--realistic", type=_positive, nargs="?", const=1.0, metavar="FACTOR", help=pace)
    quota = "the account's quotas, kept: cores=N,spotCores=N,pools=N,jobs=N"
    add("--quota", type=_limits, metavar="LIMITS", help=quota)
    _add_actions(parser)
    return parser


def _add_actions(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_argument_group("instead of starting").add_mutually_exclusive_group()
    add = actions.add_argument
    add("--status", action="store_true", help="what runs and what is there; exit code 3 when nothing runs")
    add("--reset", action="store_true", help="delete pools, jobs and files; keys and ports are kept")
    add("--lose", metavar="POOL[/NODE]", help="a node of the running account is lost")
    add("--preempt", metavar="POOL[/NODE]", help="a Spot node of the running account is preempted")
    failing = "a node of the running account restarts, and its start task fails"
    add("--fail-start", metavar="POOL[/NODE]", dest="failstart", help=failing)
    add("--restore", metavar="POOL[/NODE]", help="a lost or preempted node comes back")
    playing = "a pool of so many nodes that only play, and a job for them"
    add("--fleet", type=_fleet, metavar="NODES", help=playing)
    parser.add_argument("--json", action="store_true", help="with --status: as one line of JSON")
    parser.add_argument("--yes", action="store_true", help="with --reset: don't ask, also while tasks run")


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


def _fleet(text: str) -> int:
    nodes = int(text)
    if not 1 <= nodes <= MOST_NODES:
        raise argparse.ArgumentTypeError(f"{text} is not a number of nodes (1 to {MOST_NODES})")
    return nodes


def _positive(text: str) -> float:
    number = float(text)
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a positive number")
    return number


def _limits(text: str) -> Limits:
    try:
        return Limits.read(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{error}; write cores=20,spotCores=0,pools=5,jobs=10") from error
