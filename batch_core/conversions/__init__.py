"""What videos can be made into, the command lines that do it, what the results have to be, and their names."""

from batch_core.conversions.changes import changes
from batch_core.conversions.command import command_line
from batch_core.conversions.names import folder_path, namesakes, path_name, result_names
from batch_core.conversions.options import (
    Options,
    Quality,
    check_options,
    only_taken,
    options_from,
    seconds_of,
    stored,
)
from batch_core.conversions.promises import Flaw, Promise, promise
from batch_core.conversions.recipe import Conversion
from batch_core.conversions.refusals import refusal
from batch_core.conversions.table import CONVERSIONS, EXPERT, content_type, conversion

__all__ = [
    "CONVERSIONS",
    "EXPERT",
    "Conversion",
    "Flaw",
    "Options",
    "Promise",
    "Quality",
    "changes",
    "check_options",
    "command_line",
    "content_type",
    "conversion",
    "folder_path",
    "namesakes",
    "only_taken",
    "options_from",
    "path_name",
    "promise",
    "refusal",
    "result_names",
    "seconds_of",
    "stored",
]
