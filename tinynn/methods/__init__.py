"""What a Tensor can do, by kind: each file holds the methods of one kind, as a class that `Tensor` inherits.

Most methods are rows of the derivative table under torch's name (rows.py says how); the others put torch's
arguments (`dim`, `keepdim`) into the rows' terms, or are compositions of rows.
"""
