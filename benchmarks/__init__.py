"""How fast tinynn is, as ratios against PyTorch (or NumPy) measured in turns on the same machine.

python -m benchmarks.circles    epochs and training steps of the circles models
python -m benchmarks.digits     the same of the convolutional network
python -m benchmarks.ops        single operations, forward and backward
python -m benchmarks.imports    what `import tinynn` costs, against `import numpy`
"""
