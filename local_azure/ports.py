"""Ports on loopback."""

import errno
import os
import socket

from local_azure.failures import StartFailure

HOST = "127.0.0.1"
_BACKLOG = 512


def free_port() -> int:
    """Return a port on loopback that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def listen(port: int) -> socket.socket:
    """Return a socket that holds the Batch port. StartFailure when another program has it.

    Its protocol is named because asyncio lets only such sockets send at once (TCP_NODELAY): an answer of two parts
    would else take 40 ms longer, waiting for the client's acknowledgement of the first.
    """
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    if os.name == "posix":  # elsewhere the option would let two programs share the port
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        if error.errno in (errno.EADDRINUSE, errno.EACCES):
            raise StartFailure(
                f"Port {port} is used by another program. End that program, "
                "or choose another port for Batch with --batch-port."
            ) from error
        raise
    return listener
