"""What training and scoring refuse, each with the exit code that the commands document."""

from edge.errors import EdgeError


class FetchError(EdgeError):
    """A data set is unknown, cannot be reached, or arrived damaged."""

    exit_code = 10
