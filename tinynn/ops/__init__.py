"""The derivative table: every operation tinynn knows, one row each, by kind. Knows arrays, and no Tensor.

Rows are read as `ops.exp`, `ops.linear`, wherever they stand; `TABLE` lists them all.
"""

from typing import TYPE_CHECKING

from tinynn.autograd.op import Op
from tinynn.ops import elementwise, indexing, linalg, nn, reduce, shape

TABLE: dict[str, Op] = {
    name: row
    for part in (elementwise, shape, reduce, indexing, linalg, nn)
    for name, row in vars(part).items()
    if isinstance(row, Op)
}

for _name, _row in TABLE.items():
    _row.name = _row.name or "".join(word.capitalize() for word in _name.split("_")) + "Backward0"

globals().update(TABLE)

if TYPE_CHECKING:

    def __getattr__(name: str) -> Op: ...
