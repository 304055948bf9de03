"""Errors a person can act on. Everything else is a bug and may show a traceback."""


class DistdiagError(Exception):
    """Something the user can mend: one clear line, then the exit code.

    Subclasses set `exit_code` (2: the request or the machine cannot do it; 1: it was tried and failed; 3: the
    cluster cannot be reached).
    """

    exit_code = 2


class ConfigError(DistdiagError):
    """A profile, DSN, option or environment variable is wrong."""


class LabError(DistdiagError):
    """The local lab cannot be started, stopped or read."""


class ConnectError(DistdiagError):
    """No server of the cluster could be reached."""

    exit_code = 3


class UnseenError(DistdiagError):
    """What a cluster consists of could not be found out."""

    exit_code = 3


class WorkloadError(DistdiagError):
    """A load could not be prepared, run or removed."""

    exit_code = 1


class AnomalyError(DistdiagError):
    """A fault could not be made, or not be undone."""

    exit_code = 1


class CutOffError(AnomalyError):
    """A session was ended by somebody else, or its connection broke: the same may go well the next time."""


class KubernetesError(DistdiagError):
    """The API server does not answer, refuses, or has something else than was expected."""

    exit_code = 1


class PrometheusError(DistdiagError):
    """Prometheus does not answer, refuses, or answers what makes no sense."""

    exit_code = 1


class ExperimentError(DistdiagError):
    """An experiment cannot go on, or some of its runs failed."""

    exit_code = 1


class RecordingError(DistdiagError):
    """A recording or the folder of an experiment cannot be read or written."""


class IncidentError(DistdiagError):
    """There is no such incident, or incidents cannot be read or written."""


class ModelError(DistdiagError):
    """A trained model cannot be read, written or made."""


class RefusedError(DistdiagError):
    """A safety rule forbids it; the message says how to insist."""
