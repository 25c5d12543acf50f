"""The one table of the Batch service's error codes, and the exception that carries one.

Statuses follow Microsoft's table of Batch status and error codes; the texts of `ConditionNotMet`,
`InvalidPropertyValue`, `PoolNotFound` and the like are word for word those of exchanges recorded with the
real service, because clients compare them.
"""

from __future__ import annotations

_BEING_DELETED = "The specified {} has been marked for deletion and is being reclaimed."
_MISSING = "The specified {} does not exist."
_EXISTS = "The specified {} already exists."

ERRORS: dict[str, tuple[int, str]] = {
    # The request itself.
    "ConditionNotMet": (412, "The condition specified using HTTP conditional header(s) is not met."),
    "MultipleConditionHeadersNotSupported": (400, "Multiple condition headers are not supported."),
    "MissingRequiredHeader": (400, "A required HTTP header was not specified."),
    "MissingContentLengthHeader": (411, "The Content-Length header was not specified."),
    "MissingRequiredProperty": (400, "A required property was not specified in the request body."),
    "MissingRequiredQueryParameter": (
        400,
        "A query parameter that's mandatory for this request is not specified.",
    ),
    "UnsupportedHeader": (400, "One of the headers specified in the request is not supported."),
    "UnsupportedProperty": (400, "One of the properties specified in the request body is not supported."),
    "UnsupportedQueryParameter": (
        400,
        "One of the query parameters specified in the request URI is not supported.",
    ),
    "UnsupportedRequestVersion": (400, "The specified version in the request URI is not supported."),
    "UnsupportedHttpVerb": (405, "The resource doesn't support the specified HTTP verb."),
    "InvalidHttpVerb": (400, "The HTTP verb specified was not recognized by the server."),
    "InvalidHeaderValue": (
        400,
        "The value provided for one of the HTTP headers was not in the correct format.",
    ),
    "InvalidPropertyValue": (
        400,
        "The value provided for one of the properties in the request body is invalid.",
    ),
    "InvalidQueryParameterValue": (
        400,
        "Value for one of the query parameters specified in the request URI is invalid.",
    ),
    "OutOfRangeQueryParameterValue": (
        400,
        "A query parameter specified in the request URI is outside the permissible range.",
    ),
    "InvalidRequestBody": (400, "The specified Request Body is not syntactically valid."),
    "RequestUrlFailedToParse": (400, "The url in the request could not be parsed."),
    "InvalidUri": (400, "The requested URI does not represent any resource on the server."),
    "InvalidInput": (400, "One of the request inputs is not valid."),
    "OutOfRangeInput": (400, "One of the request inputs is out of range."),
    "EmptyMetadataKey": (400, "The key for one of the metadata key-value pairs is empty."),
    "InvalidMetadata": (
        400,
        "The specified metadata is invalid. It includes characters that are not permitted.",
    ),
    "MetadataTooLarge": (400, "The size of the specified metadata exceeds the maximum size permitted."),
    "RequestBodyTooLarge": (413, "The request body is too large and exceeds the maximum permissible limit."),
    "InvalidRange": (416, "The range specified is invalid for the current size of the resource."),
    # Who is asking.
    "InvalidAuthenticationInfo": (
        400,
        "The authentication information was not provided in the correct format. "
        "Verify the value of Authorization header.",
    ),
    "AuthenticationFailed": (
        403,
        "Server failed to authenticate the request. "
        "Make sure the value of Authorization header is formed correctly including the signature.",
    ),
    "InsufficientAccountPermissions": (
        403,
        "The account being accessed does not have sufficient permissions to execute this operation.",
    ),
    "AccountIsDisabled": (403, "The specified account is disabled."),
    "Forbidden": (403, "Access is Forbidden"),
    "IOError": (403, "The specified file could not be read or written."),
    # What is not there.
    "ResourceNotFound": (404, "The specified resource does not exist."),
    "PoolNotFound": (404, _MISSING.format("pool")),
    "NodeNotFound": (404, _MISSING.format("node")),
    "NodeUserNotFound": (404, _MISSING.format("node user")),
    "JobNotFound": (404, _MISSING.format("job")),
    "JobScheduleNotFound": (404, _MISSING.format("job schedule")),
    "TaskNotFound": (404, _MISSING.format("task")),
    "FileNotFound": (404, _MISSING.format("file")),
    "ApplicationNotFound": (404, _MISSING.format("application")),
    "NodeAgentSKUNotFound": (400, "The specified node agent SKU does not exist."),
    "JobPreparationTaskNotRunOnNode": (404, "The job preparation task has not run on the specified node."),
    "JobReleaseTaskNotRunOnNode": (404, "The job release task has not run on the specified node."),
    # What is already there.
    "PoolExists": (409, _EXISTS.format("pool")),
    "JobExists": (409, _EXISTS.format("job")),
    "TaskExists": (409, _EXISTS.format("task")),
    "JobScheduleExists": (409, _EXISTS.format("job schedule")),
    "NodeUserExists": (409, _EXISTS.format("node user")),
    "JobWithSameIdExists": (409, "A job with the same id as the specified job schedule already exists."),
    "JobScheduleWithSameIdExists": (
        409,
        "A job schedule with the same id as the specified job already exists.",
    ),
    # What a state forbids.
    "PoolBeingDeleted": (409, _BEING_DELETED.format("pool")),
    "PoolBeingCreated": (409, "The specified pool is being created."),
    "PoolBeingResized": (409, "The specified pool is being resized."),
    "JobBeingDeleted": (409, _BEING_DELETED.format("job")),
    "JobBeingTerminated": (409, "The specified job is being terminated."),
    "JobDisabled": (409, "The specified job is disabled."),
    "JobCompleted": (409, "The specified job is already in a completed state."),
    "JobNotActive": (409, "The specified job is not active."),
    "JobScheduleBeingDeleted": (409, _BEING_DELETED.format("job schedule")),
    "JobScheduleBeingTerminated": (409, "The specified job schedule is being terminated."),
    "JobScheduleDisabled": (409, "The specified job schedule is disabled."),
    "JobScheduleCompleted": (409, "The specified job schedule is already in a completed state."),
    "JobPreparationTaskNotSpecified": (409, "The specified job does not have a job preparation task."),
    "JobReleaseTaskNotSpecified": (409, "The specified job does not have a job release task."),
    "JobPreparationTaskOrReleaseTaskNotSpecified": (
        409,
        "The specified job does not have either job preparation task or job release task.",
    ),
    "TaskCompleted": (409, "The specified task is already in a completed state."),
    "TaskNotCompleted": (409, "The specified task is not in a completed state."),
    "TaskSucceeded": (409, "The specified task has succeeded and cannot be reactivated."),
    "TaskFilesUnavailable": (409, "The specified task's files are unavailable."),
    "TaskFilesCleanedup": (409, "The specified task's files have been cleaned up."),
    "TaskIdSameAsJobPreparationTask": (409, "The task's id is the same as the job preparation task's."),
    "TaskIdSameAsJobReleaseTask": (409, "The task's id is the same as the job release task's."),
    "TaskDependenciesNotSpecifiedOnJob": (400, "The job does not say that its tasks may have dependencies."),
    "TaskDependencyListTooLong": (400, "The list of task dependencies is too long."),
    "TaskDependencyRangesTooLong": (400, "The list of task dependency ranges is too long."),
    "NodeBeingCreated": (409, "The specified node is being created."),
    "NodeBeingStarted": (409, "The specified node is being started."),
    "NodeBeingReimaged": (409, "The specified node is being reimaged."),
    "NodeBeingRebooted": (409, "The specified node is being rebooted."),
    "NodeStateUnusable": (409, "The specified node is in an unusable state."),
    "NodeAlreadyInTargetSchedulingState": (
        409,
        "The specified node is already in the requested scheduling state.",
    ),
    "OperationInvalidForCurrentState": (
        409,
        "The operation is not valid for the current state of the resource.",
    ),
    "OperationNotValidOnNode": (409, "The specified operation is not valid on the node."),
    "OperationNotValidOnPool": (409, "The specified operation is not valid on the pool."),
    "ActiveJobAndScheduleQuotaReached": (
        409,
        "The maximum number of active jobs and job schedules has been reached for this account.",
    ),
    "PoolQuotaReached": (409, "The maximum number of pools has been reached for this account."),
    "InvalidApplicationPackageReferences": (
        409,
        "One or more of the specified application package references are invalid.",
    ),
    "InvalidAutoScalingSettings": (400, "The autoscale settings are invalid."),
    "AutoScalingFormulaSyntaxError": (400, "The specified autoscale formula has a syntax error."),
    "AutoScaleFormulaTooLong": (400, "The specified autoscale formula is too long."),
    "AutoScaleTooManyRequestsToEnable": (503, "Too many requests to enable autoscale on the specified pool."),
    # The service.
    "TooManyRequests": (
        429,
        "Request failed as server encountered too many requests. Please try again.",
    ),
    "InternalError": (500, "Server encountered an internal error. Please try again after some time."),
    "OperationTimedOut": (500, "Operation could not be completed within the specified time."),
    "NotImplemented": (501, "The local Batch service does not have this operation."),
    "ServerBusy": (503, "Server is busy. Please try again."),
}


class BatchError(Exception):
    """A refusal the client is told of: a code of `ERRORS`, its HTTP status, its text and the details.

    `values` are the error body's key and value pairs, such as `("PropertyName", "vmSize")`. A code that is not
    in `ERRORS` is a programming error and raises `KeyError`. `status` replaces the table's where one code has two
    (304 and 412 for ConditionNotMet).
    """

    def __init__(
        self, code: str, *values: tuple[str, str], message: str | None = None, status: int | None = None
    ) -> None:
        listed, text = ERRORS[code]
        self.code = code
        self.status = listed if status is None else status
        self.message = text if message is None else message
        self.values = values
        super().__init__(f"{code}: {self.message}")


def invalid_property(name: str, reason: str, value: object | None = None) -> BatchError:
    """The 400 for a body's property `name` with a value the service does not take.

    The three values come in the order of the recorded answers: PropertyName, PropertyValue, Reason.
    """
    shown = () if value is None else (("PropertyValue", str(value)),)
    return BatchError("InvalidPropertyValue", ("PropertyName", name), *shown, ("Reason", reason))


def invalid_query(name: str, value: str, reason: str) -> BatchError:
    """The 400 for the query parameter `name` whose value the service does not understand."""
    return BatchError(
        "InvalidQueryParameterValue",
        ("QueryParameterName", name),
        ("QueryParameterValue", value),
        ("Reason", reason),
    )
