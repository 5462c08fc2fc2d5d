"""Which errors count against a version, and which another version may not answer with."""

from __future__ import annotations

from serving.errors import Code, ServingError

# Answers that say that the server or the model is at fault, not the request.
_FAULTS = frozenset(
    {
        Code.UNKNOWN,
        Code.DEADLINE_EXCEEDED,
        Code.RESOURCE_EXHAUSTED,
        Code.ABORTED,
        Code.INTERNAL,
        Code.UNAVAILABLE,
        Code.DATA_LOSS,
    }
)
# Answers to a request that does not fit the version: it may be the request's fault, or that of a version that has
# other inputs.
_MISFITS = frozenset(
    {Code.INVALID_ARGUMENT, Code.NOT_FOUND, Code.FAILED_PRECONDITION, Code.OUT_OF_RANGE, Code.UNIMPLEMENTED}
)

# TF Serving's words (servable_request.h, server_core.cc) for a version that is not there and a label that isn't.
_NO_VERSION = "Servable not found for request: Specific("
_NO_LABEL = "Unrecognized servable version label"


def is_fault(error: ServingError) -> bool:
    """Whether an error counts against the version that was asked."""
    return error.code in _FAULTS


def is_misfit(error: ServingError) -> bool:
    """Whether another version might answer this request."""
    return error.code in _MISFITS


def is_not_loaded(error: ServingError) -> bool:
    """Whether the version or label that was asked for is not there."""
    return _NO_LABEL in error.message or (error.code is Code.NOT_FOUND and _NO_VERSION in error.message)
