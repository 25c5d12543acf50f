"""`python -m tests.benchmarks.counting FILE run dashboard.py ...`: Streamlit, with each call of the recorders noted in FILE."""

import sys
from pathlib import Path

from streamlit.web import cli

from batch_core.feed import Doc, Feed


def main() -> None:
    path, ask = Path(sys.argv.pop(1)), Feed._get

    def noted(feed: Feed, asked: str, query: dict[str, str]) -> Doc:
        with path.open("a", encoding="utf-8") as notes:
            notes.write(f"{asked}\n")
        return ask(feed, asked, query)

    Feed._get = noted  # type: ignore[method-assign]
    cli.main()


if __name__ == "__main__":
    main()
