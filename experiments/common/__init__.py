"""What the experiments share: data, models, tasks, training loop, checkpoints, pictures, comparisons.

`experiment.py` says what an experiment is, `program.py` makes a program of it, `run.py` is what that does.
Nothing here imports a backend: `torch` or `tinynn` is a module that arrives as the argument `backend`.
"""
