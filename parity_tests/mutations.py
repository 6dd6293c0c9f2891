"""Mutants: a source file with one small error in it, of the kinds that people make in derivatives.

    sign            x for -x, + for -, += for -=, np.add for np.subtract
    operand         another parameter of the function; a - b as b - a, f(a, b) as f(b, a)
    constant        twice as much, one more, 0
    comparison      < as <= or >, == as !=, ...
    missing term    a for a + b, a * b, a / b or `a and b`; a statement left out
    saved value     a derivative that names y for x, x for y, b for a, or g

Each changes one node of the syntax tree. Messages, annotations and imports stay as they are, and so does what
chooses the faster of two ways to the same result: a comparison of `x.size`, and the sizes SMALL and SLICE.
"""

import ast
import copy
import itertools
import random
from collections.abc import Iterator
from typing import NamedTuple

KINDS = ("sign", "operand", "constant", "comparison", "missing term", "saved value")


class Mutant(NamedTuple):
    """A file with one error: the bytes from `start` to `end` become `text`."""

    path: str
    kind: str
    line: int
    start: int
    end: int
    text: str

    def applied(self, source: str) -> str:
        old = source.encode()
        return (old[: self.start] + self.text.encode() + old[self.end :]).decode()

    def change(self, source: str) -> tuple[str, str]:
        """The lines that differ, as they were and as they are."""
        lines, mutated = source.splitlines(), self.applied(source).splitlines()
        rest = len(lines) - self.line - source.encode()[self.start : self.end].count(b"\n")
        return tuple(" ".join(part[self.line - 1 : len(part) - rest]).strip() for part in (lines, mutated))


def mutants_of(path: str, source: str) -> Iterator[Mutant]:
    """All mutants of a file, but for those that are the same program."""
    lengths = [len(line.encode()) for line in source.splitlines(keepends=True)]
    offsets = [0, *itertools.accumulate(lengths)]
    for node, parameters in _places(ast.parse(source), ()):
        for kind, new in _variants(node, parameters):
            start = offsets[node.lineno - 1] + node.col_offset
            end = offsets[node.end_lineno - 1] + node.end_col_offset
            mutant = Mutant(path, kind, node.lineno, start, end, f"({ast.unparse(new)})")
            bare = mutant._replace(text=ast.unparse(new))
            yield bare if isinstance(new, ast.stmt | ast.Name | ast.Constant) else mutant


def drawn(mutants: list[Mutant], seed: int) -> Iterator[Mutant]:
    """The mutants in an order that the seed decides, each kind in its turn as long as there are any of it."""
    generator = random.Random(seed)
    shuffled = []
    for kind in KINDS:
        of_kind = sorted(mutant for mutant in mutants if mutant.kind == kind)
        generator.shuffle(of_kind)
        shuffled.append(of_kind)
    for turn in itertools.zip_longest(*shuffled):
        yield from (mutant for mutant in turn if mutant is not None)


# --- where

Parameters = tuple[tuple[str, str], ...]  # of a function: their names and annotations


def _places(node: ast.AST, parameters: Parameters) -> Iterator[tuple[ast.AST, Parameters]]:
    """The nodes that compute, with the parameters of the function they stand in."""
    if isinstance(node, ast.Raise | ast.Assert | ast.JoinedStr | ast.Import | ast.ImportFrom) or _for_speed(
        node
    ):
        return
    if isinstance(node, ast.Lambda | ast.FunctionDef):
        given = (*node.args.args, *node.args.kwonlyargs)
        parameters = tuple((a.arg, ast.unparse(a.annotation) if a.annotation else "") for a in given)
    yield node, parameters
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield from _places(child, parameters)


def _for_speed(node: ast.AST) -> bool:
    match node:
        case ast.Compare(ast.Attribute(attr="size")) | ast.Assign([ast.Name("SMALL" | "SLICE")]):
            return True
    return False


# --- what

_SAVED = {"x", "y", "a", "b"}  # what operands, and the result, are called in the table
_COMPARISONS = {
    ast.Lt: (ast.LtE, ast.Gt),
    ast.LtE: (ast.Lt, ast.GtE),
    ast.Gt: (ast.GtE, ast.Lt),
    ast.GtE: (ast.Gt, ast.LtE),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
}


def _variants(node: ast.AST, parameters: Parameters) -> Iterator[tuple[str, ast.AST]]:
    """(kind, what comes in the node's place)."""
    match node:
        case ast.BinOp(left, op, right):
            if isinstance(op, ast.Add | ast.Sub):
                yield "sign", ast.BinOp(left, _other_sign(op), right)
            if isinstance(op, ast.Sub | ast.Div | ast.FloorDiv | ast.Mod | ast.Pow | ast.MatMult):
                yield "operand", ast.BinOp(right, op, left)
            if isinstance(op, ast.Add | ast.Sub | ast.Mult | ast.Div):
                yield "missing term", left
                yield "missing term", right
        case ast.UnaryOp(ast.USub(), operand):
            yield "sign", operand
        case ast.BoolOp(_, [first, second]):
            yield "missing term", first
            yield "missing term", second
        case ast.Compare(left, [op], [right]):
            for other in _COMPARISONS.get(type(op), ()):
                yield "comparison", ast.Compare(left, [other()], [right])
        case ast.Constant(int() | float() as value) if not isinstance(value, bool):
            for changed in sorted({2 * value, value + 1, 0 * value} - {value}):
                yield "constant", ast.Constant(changed)
        case ast.Name(name, ast.Load()) if name in dict(parameters):
            for other, annotation in parameters:
                if other not in (name, "self") and annotation == dict(parameters)[name]:
                    yield "operand", ast.Name(other)
        case ast.Call(function, [ast.Name() as a, ast.Name() as b], keywords):
            yield "operand", ast.Call(function, [b, a], keywords)
        case ast.Attribute(ast.Name("np") as np, ("add" | "subtract") as name):
            yield "sign", ast.Attribute(np, "subtract" if name == "add" else "add")
        case ast.AugAssign(target, op, value):
            if isinstance(op, ast.Add | ast.Sub):
                yield "sign", ast.AugAssign(target, _other_sign(op), value)
            yield "missing term", ast.Pass()
        case ast.Expr(ast.Call()):
            yield "missing term", ast.Pass()
        case ast.Lambda(ast.arguments(args=[ast.arg("g"), *others]), body):
            yield "sign", ast.Lambda(node.args, ast.UnaryOp(ast.USub(), body))
            names = {other.arg for other in others}
            for old in sorted(names & _SAVED):
                yield from (("saved value", _renamed(node, old, new)) for new in sorted(_SAVED - names))
                yield "saved value", ast.Lambda(node.args, _renamed(body, old, "g"))


def _other_sign(op: ast.operator) -> ast.operator:
    return ast.Sub() if isinstance(op, ast.Add) else ast.Add()


def _renamed(node: ast.AST, old: str, new: str) -> ast.AST:
    """A copy in which the parameter or variable `old` is called `new`."""
    node = copy.deepcopy(node)
    for part in ast.walk(node):
        if isinstance(part, ast.Name) and part.id == old:
            part.id = new
        elif isinstance(part, ast.arg) and part.arg == old:
            part.arg = new
    return node
