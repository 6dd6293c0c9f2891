"""The derivative table, random draws: what was drawn does not move with the parameters it was drawn from."""

from __future__ import annotations

from tinynn.autograd.op import Op
from tinynn.ops.elementwise import nothing

# fmt: off
bernoulli    = Op(lambda x, drawn: drawn.copy(),         lambda g: nothing(g))
drawn_normal = Op(lambda mean, std, drawn: drawn.copy(), lambda g: nothing(g), lambda g: nothing(g), name="NormalBackward3")
# fmt: on
