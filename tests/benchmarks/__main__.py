"""`python -m tests.benchmarks [name ...]`: run the benchmarks and print the README's table."""

import sys
from datetime import UTC, datetime

from tests.benchmarks import conversion, many, short_files, start, upload
from tests.benchmarks.rig import machine

BENCHMARKS = {
    "start": start.run,
    "conversion": conversion.run,
    "short_files": short_files.run,
    "many": many.run,
    "upload": upload.run,
}


def main() -> None:
    chosen = sys.argv[1:] or list(BENCHMARKS)
    print(f"{datetime.now(UTC):%Y-%m-%d}, {machine()}\n")
    print("| What | Measured | Baseline in the same run | Ratio | Target |\n|---|---|---|---|---|")
    for name in chosen:
        for row in BENCHMARKS[name]():
            print("| " + " | ".join(row) + " |", flush=True)


if __name__ == "__main__":
    main()
