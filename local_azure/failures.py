"""Why the local cloud can't start, in a sentence for people."""


class StartFailure(Exception):
    """The local cloud can't start or go on; `str(failure)` is a sentence that may be shown."""


class Stopped(Exception):
    """Whoever started the work asked for its end before it was done."""
