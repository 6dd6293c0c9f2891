"""What the experiments share: data, models, training loop, pictures, run folders, lockstep comparison.

Nothing here imports a backend: `torch` or `tinynn` is a module that arrives as the argument `backend`.
"""
