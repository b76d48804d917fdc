"""What the runtime refuses, each with the exit code that `edge-run` documents."""

from firmware_bridge.errors import UserError


class EdgeError(UserError):
    """Base of every error of this package; its text is one sentence for the user."""


class RecordError(EdgeError):
    """A recording cannot be read, or holds nothing that can be played."""

    exit_code = 5


class BundleError(EdgeError):
    """A model bundle is missing, damaged, or cannot be run."""

    exit_code = 6


class BackendError(EdgeError):
    """The inference runtime that was asked for is not installed, or does not work."""

    exit_code = 7


class ExtraError(EdgeError):
    """A package that an option needs is not installed."""

    exit_code = 7


class OutputError(EdgeError):
    """Events cannot be written where the user asked."""

    exit_code = 8
