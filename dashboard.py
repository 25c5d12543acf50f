"""What `streamlit run dashboard.py` starts: the server with its routes, headers and shutdown, and the pages.

Streamlit imports this file once to find `app`, and then runs it as a script for every session; AppTest only
does the latter. Whether a script run is under way tells the two apart.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import streamlit as st
from starlette.middleware import Middleware
from streamlit.errors import StreamlitAPIException
from streamlit.runtime.scriptrunner import get_script_run_ctx


@asynccontextmanager
async def lifespan(_app: st.App) -> AsyncIterator[None]:
    """Starts this computer's cloud before the first visitor comes, and lets go of it when the server ends."""
    from pages.shell import session

    _pages_folder_is_ours()
    await asyncio.to_thread(session.local_cloud)
    try:
        yield
    finally:
        await asyncio.to_thread(session.close)


def _pages_folder_is_ours() -> None:
    """Streamlit takes a folder pages/ for its own kind of pages until st.navigation is called for the first time
    in a process: without this, a first visitor who opens /convert would get that page without the frame."""
    with suppress(StreamlitAPIException):  # "at least one page": the call counts all the same
        st.navigation([])


if get_script_run_ctx(suppress_warning=True) is None:
    from pages.shell.headers import SecurityHeaders
    from pages.shell.routes import ROUTES
    from pages.shell.switching import keep_switches

    keep_switches()
    app = st.App(__file__, routes=ROUTES, middleware=[Middleware(SecurityHeaders)], lifespan=lifespan)
else:
    from pages.shell import frame

    frame.show()
