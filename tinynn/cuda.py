"""What scripts ask of `torch.cuda` before they settle for the CPU: there is no GPU here."""


def is_available() -> bool:
    """Whether tensors can be on a GPU: never."""
    return False


def device_count() -> int:
    """How many GPUs there are."""
    return 0


def manual_seed(seed: int) -> None:
    """Seed the current GPU's generator: nothing to do."""


manual_seed_all = manual_seed
