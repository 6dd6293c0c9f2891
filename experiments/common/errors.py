"""The exception that means 'tell the user in a sentence': a program prints it and ends with exit code 2."""


class UserError(Exception):
    """Something only the user can put right: a missing package, a device or folder that cannot be used."""
