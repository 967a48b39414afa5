"""The errors of this package. Kept apart from the code that raises them, so that a handler needs no audio library."""

# Exit statuses beside 0, 1 and 2.
STOPPED = (
    75  # told to stop, and the state is saved: EX_TEMPFAIL, by which who starts jobs knows to start this one again
)
KILLED = 128  # plus the signal that ended a process, as a shell says it


class AudioError(ValueError):
    """A file or waveform that no feature can be made of.

    Attributes:
        reason: Short code for `core.rejects`: missing, unreadable, empty, not_finite or too_short.
        detail: What was found, without the path, so that equal files give equal rows on every machine.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class TokenizerError(ValueError):
    """A vocabulary or tokenizer file that cannot be used; the message says why and what to do."""


class WeightsError(ValueError):
    """Pretrained weights that do not fit the model, or cannot be loaded; the message lists every difference."""


class ModelError(ValueError):
    """Model settings or inputs that do not go together; the message names both sides."""


class DataError(ValueError):
    """Stored tracks or features that a run cannot use; the message names the file or feature, and what was found."""


class TrainingError(RuntimeError):
    """Training cannot go on; the message names the run, the epoch and the step."""


class StoppedError(RuntimeError):
    """Training was asked to stop, and its state is saved; the message says by what."""


class DeviceError(RuntimeError):
    """The device that a job asks for is not there."""


class RunError(ValueError):
    """A run that a prediction cannot use; the message names it, what it needs, and what could be used instead."""


class SongError(ValueError):
    """A song that cannot be classified; the message names the file and says why."""
