"""`python -m tests.benchmarks.counting FILE run dashboard.py ...`: Streamlit, with each call of the recorders noted in FILE."""

import sys
from pathlib import Path

from streamlit.web import cli

from batch_core.feed import Doc, Feed, Part


def main() -> None:
    path, ask, read = Path(sys.argv.pop(1)), Feed._get, Feed.part

    def note(asked: str) -> None:
        with path.open("a", encoding="utf-8") as notes:
            notes.write(f"{asked}\n")

    def noted(feed: Feed, asked: str, query: dict[str, str]) -> Doc:
        note(asked)
        return ask(feed, asked, query)

    def noted_part(feed: Feed, asked: str, first: int, most: int) -> Part | None:
        note(asked)
        return read(feed, asked, first, most)

    Feed._get = noted  # type: ignore[method-assign]
    Feed.part = noted_part  # type: ignore[method-assign]
    cli.main()


if __name__ == "__main__":
    main()
