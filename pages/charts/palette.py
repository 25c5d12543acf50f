"""Seven state families with a colour, a glyph and a word each: the same on every chart and badge.

A colour tells the family, the glyph or texture and the words tell the detail. Every pair of colours is at least
12 CIEDE2000 apart for normal and for colour-blind sight (a test computes it).
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Family:
    """A family of states: its colour, the colour of text on it and of its edge, and what stands for it in text."""

    id: str
    word: str
    colour: str
    text: str
    glyph: str
    pattern: str  # Plotly's name of a texture, "" for a plain fill

    @property
    def edge(self) -> str:
        """A darker shade of the colour, for outlines: pale fills need one on white."""
        channels = (int(self.colour[at : at + 2], 16) for at in (1, 3, 5))
        return "#" + "".join(f"{round(channel * 0.65):02X}" for channel in channels)


IDLE = Family("idle", "Idle", "#C9CDD2", "#1A1C20", "○", "")
STARTING = Family("starting", "Starting", "#F0E442", "#1A1C20", "◔", ".")
RUNNING = Family("running", "Running", "#0072B2", "#FFFFFF", "►", "")
DONE = Family("done", "Done", "#56B4E9", "#1A1C20", "✓", "")
PREEMPTED = Family("preempted", "Preempted", "#CC79A7", "#1A1C20", "↯", "\\")
OFFLINE = Family("offline", "Offline", "#5F6770", "#FFFFFF", "⊘", "-")
ERROR = Family("error", "Failed", "#D55E00", "#FFFFFF", "✕", "x")

FAMILIES = (IDLE, STARTING, RUNNING, DONE, PREEMPTED, OFFLINE, ERROR)
SEVERITY = (
    IDLE,
    DONE,
    RUNNING,
    STARTING,
    OFFLINE,
    PREEMPTED,
    ERROR,
)  # the worst last: it wins where states merge

_NODE_STATES = {
    "idle": (IDLE, "idle"),
    "running": (RUNNING, "running"),
    "creating": (STARTING, "being created"),
    "starting": (STARTING, "starting"),
    "waitingforstarttask": (STARTING, "running its start task"),
    "rebooting": (STARTING, "restarting"),
    "reimaging": (STARTING, "being reinstalled"),
    "upgradingos": (STARTING, "upgrading its operating system"),
    "leavingpool": (OFFLINE, "leaving the pool"),
    "offline": (OFFLINE, "offline, takes no tasks"),
    "deallocated": (OFFLINE, "switched off"),
    "deallocating": (OFFLINE, "being switched off"),
    "preempted": (PREEMPTED, "taken back by Azure"),
    "unusable": (ERROR, "out of order"),
    "starttaskfailed": (ERROR, "start task failed"),
    "unknown": (ERROR, "not heard of"),
}
_OUTCOMES = {
    "running": (RUNNING, "running"),
    "done": (DONE, "done"),
    "failed": (ERROR, "failed"),
    "stopped": (OFFLINE, "stopped"),
    "requeued": (OFFLINE, "sent back to waiting"),
    "lost": (OFFLINE, "its node was lost"),
    "preempted": (PREEMPTED, "Azure took its Spot node back"),
}


def node_family(state: str) -> Family:
    """The family of a Batch node state (in any spelling of case); a state nobody knows counts as an error."""
    return _NODE_STATES.get(state.lower(), (ERROR, state))[0]


def node_words(state: str, accepts: bool = True) -> str:
    """A Batch node state in plain words, to follow "is" or stand alone; with whether the node `accepts` tasks."""
    told = _NODE_STATES.get(state.lower(), (ERROR, state))[1]
    return told if accepts or state == "offline" else f"{told}, takes no more tasks"


def task_family(state: str, result: str | None) -> Family:
    """The family of a task: its state, or its result when it is completed."""
    if state == "completed":
        return DONE if result == "success" else ERROR
    return {"running": RUNNING, "preparing": STARTING}.get(state, IDLE)


def task_words(state: str, result: str | None) -> str:
    """A task's state in plain words."""
    if state == "completed":
        return "done" if result == "success" else "failed"
    return {"active": "waiting", "preparing": "fetching its files"}.get(state, state)


def outcome_family(outcome: str) -> Family:
    """The family of a stretch of the timeline."""
    return _OUTCOMES[outcome][0]


def outcome_words(outcome: str, missed: bool = False) -> str:
    """What became of an attempt, in plain words; of one that nobody saw, that it was too short for it."""
    return _OUTCOMES[outcome][1] + (" between two looks" if missed else "")


def stepped_scale(families: tuple[Family, ...]) -> list[list[float | str]]:
    """A Plotly colour scale that gives the value k exactly the colour of `families[k]` (zmin -0.5, zmax n - 0.5)."""
    steps: list[list[float | str]] = []
    for position, family in enumerate(families):
        steps += [[position / len(families), family.colour], [(position + 1) / len(families), family.colour]]
    return steps
