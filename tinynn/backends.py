"""What scripts ask of and tell `torch.backends`: there is no GPU, so that nothing follows from it."""

from __future__ import annotations


class cudnn:  # noqa: N801 - torch's name
    """`torch.backends.cudnn.deterministic = True` and its like."""

    enabled = True
    deterministic = False
    benchmark = False
    allow_tf32 = True

    @staticmethod
    def is_available() -> bool:
        """Never."""
        return False

    @staticmethod
    def version() -> None:
        """None: there is none."""


class mps:  # noqa: N801 - torch's name
    """`torch.backends.mps.is_available()`"""

    @staticmethod
    def is_available() -> bool:
        """Never."""
        return False

    @staticmethod
    def is_built() -> bool:
        """Never."""
        return False


class cuda:  # noqa: N801 - torch's name
    """`torch.backends.cuda.matmul.allow_tf32 = True`"""

    class matmul:  # noqa: N801 - torch's name
        """Options of products on a GPU."""

        allow_tf32 = False
