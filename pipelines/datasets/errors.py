"""The one error of the readers."""


class DatasetError(ValueError):
    """A dataset that cannot be read as it is; the message says what, where, expected, found and the mend."""
