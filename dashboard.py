"""What `streamlit run dashboard.py` starts: the server with its routes, headers and shutdown, and the pages.

Streamlit imports this file once to find `app`, and then runs it as a script for every session; AppTest only
does the latter. Whether a script run is under way tells the two apart.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import streamlit as st
from starlette.middleware import Middleware
from streamlit.runtime.scriptrunner import get_script_run_ctx

from pages import frame, session
from pages.headers import SecurityHeaders
from pages.routes import ROUTES


@asynccontextmanager
async def lifespan(_app: st.App) -> AsyncIterator[None]:
    """Starts this computer's cloud before the first visitor comes, and lets go of it when the server ends."""
    await asyncio.to_thread(session.local_cloud)
    try:
        yield
    finally:
        await asyncio.to_thread(session.close)


if get_script_run_ctx(suppress_warning=True) is None:
    # The first call of st.navigation in a process tells Streamlit that pages/ is not its own folder of pages;
    # made here, also the very first visitor who opens a page by its address gets the frame around it.
    frame.navigation()
    app = st.App(__file__, routes=ROUTES, middleware=[Middleware(SecurityHeaders)], lifespan=lifespan)
else:
    frame.show()
