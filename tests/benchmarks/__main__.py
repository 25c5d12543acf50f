"""`python -m tests.benchmarks [name ...]`: run the benchmarks and print the README's table."""

import argparse
from datetime import UTC, datetime
from functools import partial

from tests.benchmarks import (
    conversion,
    fleet,
    forecast,
    heatmap,
    history,
    kills,
    many,
    poll,
    progress,
    short_files,
    start,
    timeline,
    upload,
    viewers,
    zip,
)
from tests.benchmarks.rig import machine

BENCHMARKS = {
    "start": start.run,
    "conversion": conversion.run,
    "short_files": short_files.run,
    "many": many.run,
    "upload": upload.run,
    "zip": zip.run,
    "fleet": fleet.run,
    "heatmap": heatmap.run,
    "timeline": timeline.run,
    "poll": poll.run,
    "history": history.run,
    "progress": progress.run,
    "forecast": forecast.run,
    "viewers": viewers.run,
    "kills": kills.run,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks")
    parser.add_argument("names", nargs="*", metavar="name", help=", ".join(BENCHMARKS))
    parser.add_argument("--rounds", type=int, default=kills.ROUNDS, help="how often kills kills")
    options = parser.parse_args()
    benchmarks = BENCHMARKS | {"kills": partial(kills.run, options.rounds)}
    print(f"{datetime.now(UTC):%Y-%m-%d}, {machine()}\n")
    print("| What | Measured | Baseline in the same run | Ratio | Target |\n|---|---|---|---|---|")
    for name in options.names or benchmarks:
        for row in benchmarks[name]():
            print("| " + " | ".join(row) + " |", flush=True)


if __name__ == "__main__":
    main()
