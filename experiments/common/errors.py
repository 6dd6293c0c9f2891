"""The exceptions that mean something to a program."""


class UserError(Exception):
    """Something only the user can put right: a missing package, a device or folder that cannot be used.

    A program prints it and ends with exit code 2.
    """


class DamagedFileError(UserError):
    """A file that cannot be read: cut off, overwritten, or not one of ours."""


class WorkerLostError(Exception):
    """A process that worked on something died."""
