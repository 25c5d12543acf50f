"""The service's URLs: which operation answers which method and path.

`None` stands for an operation of the REST API that the local service does not have: it answers 501 with the
operation's name. Paths below `files` may hold further slashes, sent as `/` or `%2F`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.responses import Response

from local_azure.batch.handlers import account, files, jobs, mishaps, nodes, pools, tasks
from local_azure.batch.handlers.call import Call

Handler = Callable[[Call], Awaitable[Response]]

_POOL = "/pools/{pool_id}"
_NODE = _POOL + "/nodes/{node_id}"
_NODE_FILE = _NODE + "/files/{file_path:path}"
_JOB = "/jobs/{job_id}"
_TASK = _JOB + "/tasks/{task_id}"
_TASK_FILE = _TASK + "/files/{file_path:path}"
_SCHEDULE = "/jobschedules/{schedule_id}"

ROUTES: tuple[tuple[str, str, str, Handler | None], ...] = (
    # The account.
    ("GET", "/supportedimages", "list supported images", account.supported_images),
    ("GET", "/nodecounts", "list node counts", account.node_counts),
    ("GET", "/applications", "list applications", account.applications),
    ("GET", "/applications/{application_id}", "get application", account.application),
    # Pools.
    ("POST", "/pools", "create pool", pools.create),
    ("GET", "/pools", "list pools", pools.listing),
    ("HEAD", _POOL, "pool exists", pools.exists),
    ("GET", _POOL, "get pool", pools.get),
    ("PATCH", _POOL, "update pool", pools.patch),
    ("DELETE", _POOL, "delete pool", pools.delete),
    ("POST", _POOL + "/updateproperties", "replace pool properties", pools.replace_properties),
    ("POST", _POOL + "/resize", "resize pool", pools.resize),
    ("POST", _POOL + "/stopresize", "stop pool resize", pools.stop_resize),
    ("POST", _POOL + "/removenodes", "remove nodes", pools.remove_nodes),
    ("POST", _POOL + "/enableautoscale", "enable autoscale", None),
    ("POST", _POOL + "/disableautoscale", "disable autoscale", None),
    ("POST", _POOL + "/evaluateautoscale", "evaluate autoscale", None),
    # Nodes.
    ("GET", _POOL + "/nodes", "list nodes", nodes.listing),
    ("GET", _NODE, "get node", nodes.get),
    ("GET", _NODE + "/files", "list node files", files.list_node_files),
    ("HEAD", _NODE_FILE, "get node file properties", files.node_file_properties),
    ("GET", _NODE_FILE, "read node file", files.read_node_file),
    ("DELETE", _NODE_FILE, "delete node file", files.delete_node_file),
    ("POST", _NODE + "/users", "create node user", None),
    ("PUT", _NODE + "/users/{user_name}", "replace node user", None),
    ("DELETE", _NODE + "/users/{user_name}", "delete node user", None),
    ("POST", _NODE + "/reboot", "reboot node", nodes.reboot),
    ("POST", _NODE + "/start", "start node", None),
    ("POST", _NODE + "/reimage", "reimage node", nodes.reimage),
    ("POST", _NODE + "/deallocate", "deallocate node", None),
    ("POST", _NODE + "/disablescheduling", "disable node scheduling", nodes.disable_scheduling),
    ("POST", _NODE + "/enablescheduling", "enable node scheduling", nodes.enable_scheduling),
    ("GET", _NODE + "/remoteloginsettings", "get remote login settings", None),
    ("POST", _NODE + "/uploadbatchservicelogs", "upload node logs", None),
    ("GET", _NODE + "/extensions", "list node extensions", None),
    ("GET", _NODE + "/extensions/{extension_name}", "get node extension", None),
    # Jobs.
    ("POST", "/jobs", "create job", jobs.create),
    ("GET", "/jobs", "list jobs", jobs.listing),
    ("GET", _JOB, "get job", jobs.get),
    ("PATCH", _JOB, "update job", jobs.patch),
    ("PUT", _JOB, "replace job", jobs.replace),
    ("DELETE", _JOB, "delete job", jobs.delete),
    ("POST", _JOB + "/terminate", "terminate job", jobs.terminate),
    ("POST", _JOB + "/disable", "disable job", jobs.disable),
    ("POST", _JOB + "/enable", "enable job", jobs.enable),
    ("GET", _JOB + "/taskcounts", "get task counts", jobs.task_counts),
    (
        *("GET", _JOB + "/jobpreparationandreleasetaskstatus", "list special task status"),
        jobs.special_task_status,
    ),
    # Tasks.
    ("POST", _JOB + "/tasks", "create task", tasks.create),
    ("POST", _JOB + "/addtaskcollection", "create tasks", tasks.create_many),
    ("GET", _JOB + "/tasks", "list tasks", tasks.listing),
    ("GET", _TASK, "get task", tasks.get),
    ("PUT", _TASK, "replace task", tasks.replace),
    ("DELETE", _TASK, "delete task", tasks.delete),
    ("POST", _TASK + "/terminate", "terminate task", tasks.terminate),
    ("POST", _TASK + "/reactivate", "reactivate task", tasks.reactivate),
    ("GET", _TASK + "/subtasksinfo", "list subtasks", tasks.subtasks),
    ("GET", _TASK + "/files", "list task files", files.list_task_files),
    ("HEAD", _TASK_FILE, "get task file properties", files.task_file_properties),
    ("GET", _TASK_FILE, "read task file", files.read_task_file),
    ("DELETE", _TASK_FILE, "delete task file", files.delete_task_file),
    # Job schedules.
    ("POST", "/jobschedules", "create job schedule", None),
    ("GET", "/jobschedules", "list job schedules", None),
    ("HEAD", _SCHEDULE, "job schedule exists", None),
    ("GET", _SCHEDULE, "get job schedule", None),
    ("PATCH", _SCHEDULE, "update job schedule", None),
    ("PUT", _SCHEDULE, "replace job schedule", None),
    ("DELETE", _SCHEDULE, "delete job schedule", None),
    ("POST", _SCHEDULE + "/terminate", "terminate job schedule", None),
    ("POST", _SCHEDULE + "/disable", "disable job schedule", None),
    ("POST", _SCHEDULE + "/enable", "enable job schedule", None),
    ("GET", _SCHEDULE + "/jobs", "list jobs of a schedule", None),
    # Not of the REST API: on this computer the cloud's mishaps happen on request only.
    ("POST", "/local" + _POOL + "/lose", "lose node", mishaps.lose),
    ("POST", "/local" + _POOL + "/preempt", "preempt node", mishaps.preempt),
    ("POST", "/local" + _POOL + "/failstart", "fail start task", mishaps.fail_start),
    ("POST", "/local" + _POOL + "/restore", "restore node", mishaps.restore),
)
