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


def empty_cache() -> None:
    """Give cached memory of the GPU back: nothing to do."""


def memory_allocated(device: object = None) -> int:
    """How many bytes of the GPU tensors take: none."""
    return 0


max_memory_allocated = memory_reserved = memory_allocated


def synchronize(device: object = None) -> None:
    """Raises AssertionError, as PyTorch does without CUDA."""
    raise AssertionError("Torch not compiled with CUDA enabled\ntinynn computes on the CPU only.")
