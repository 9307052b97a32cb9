"""Which small faults a piece of Python can have: places in its text, and what would stand there instead; pure.

Texts for people (strings of more than four words, and f-strings), docstrings, annotations and imports have none: no
test should pin a wording.
"""

import ast
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

_MOST_WORDS = 4
_SMALL = 2
_EXACT = 60
"""Up to here a number is off by one; larger ones by a tenth, since nobody notices a second in a day."""

_COMPARED: dict[type[ast.cmpop], tuple[str, tuple[str, ...]]] = {
    ast.Lt: ("<", ("<=", ">")),
    ast.LtE: ("<=", ("<", ">")),
    ast.Gt: (">", (">=", "<")),
    ast.GtE: (">=", (">", "<")),
    ast.Eq: ("==", ("!=",)),
    ast.NotEq: ("!=", ("==",)),
    ast.Is: ("is", ("is not",)),
    ast.IsNot: ("is not", ("is",)),
    ast.In: ("in", ("not in",)),
    ast.NotIn: ("not in", ("in",)),
}
_COMPUTED: dict[type[ast.operator], tuple[str, str]] = {
    ast.Add: ("+", "-"),
    ast.Sub: ("-", "+"),
    ast.Mult: ("*", "/"),
    ast.Div: ("/", "*"),
    ast.FloorDiv: ("//", "/"),
    ast.Mod: ("%", "*"),
    ast.Pow: ("**", "*"),
    ast.BitOr: ("|", "&"),
    ast.BitAnd: ("&", "|"),
}
_CALLED = {"max": "min", "min": "max", "any": "all", "all": "any", "sorted": "list"}


class Edit(NamedTuple):
    """A piece of text, in bytes from the beginning, and what stands there instead."""

    begin: int
    end: int
    new: str


class _Position(NamedTuple):
    begin: int
    end: int


class Editor:
    """Finds the faults that a source text can have."""

    def __init__(self, source: str) -> None:
        self.text = source.encode()
        self.tree = ast.parse(source)
        self._lines = [0]
        for line in self.text.splitlines(keepends=True):
            self._lines.append(self._lines[-1] + len(line))

    def edits(self) -> Iterator[tuple[str, Edit]]:
        """Yield each fault with the name of the function or class that it is in; empty for the module itself."""
        yield from self._walk(self.tree, ())

    def apply(self, edit: Edit) -> str:
        """Return the text with a fault in it."""
        return (self.text[: edit.begin] + edit.new.encode() + self.text[edit.end :]).decode()

    def _walk(self, node: ast.AST, scope: tuple[str, ...]) -> Iterator[tuple[str, Edit]]:
        in_function = "()" in "".join(scope)
        for edit in self._here(node, in_function=in_function):
            yield ".".join(scope), edit
        for child in _children(node):
            match child:
                case ast.FunctionDef(name=name):
                    inner = (*scope, f"{name}()")
                case ast.ClassDef(name=name):
                    inner = (*scope, name)
                case _:
                    inner = scope
            yield from self._walk(child, inner)

    def _here(self, node: ast.AST, *, in_function: bool) -> Iterator[Edit]:  # noqa: C901, PLR0912 (a table)
        match node:
            case ast.Compare(left=left, ops=ops, comparators=others):
                for (before, after), op in zip(pairwise([left, *others]), ops, strict=True):
                    old, instead = _COMPARED[type(op)]
                    for new in instead:
                        yield self._between(before, after, old, new)
            case ast.BoolOp(op=op, values=values):
                old, new = ("and", "or") if isinstance(op, ast.And) else ("or", "and")
                for before, after in pairwise(values):
                    yield self._between(before, after, old, new)
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _COMPUTED:
                yield self._between(left, right, *_COMPUTED[type(op)])
            case ast.AugAssign(target=target, op=op, value=value) if type(op) in _COMPUTED:
                yield self._between(target, value, *_COMPUTED[type(op)])
                yield self._instead(node, "pass")
            case ast.UnaryOp(op=ast.Not() | ast.USub(), operand=operand):
                yield self._instead(node, self._said(operand))
            case ast.If(test=test) | ast.IfExp(test=test):
                yield from (self._instead(test, each) for each in ("True", "False"))
            case ast.While(test=test):
                yield self._instead(test, "False")
            case ast.comprehension(ifs=tests):
                for test in tests:
                    yield from (self._instead(test, each) for each in ("True", "False"))
            case ast.match_case(guard=None, pattern=pattern):
                end = self._place(pattern).end
                closed = end + self.text[end:].index(b":")
                yield Edit(closed, closed, " if False")
            case ast.match_case(guard=ast.expr() as guard):
                yield from (self._instead(guard, each) for each in ("True", "False"))
            case ast.MatchOr(patterns=patterns):
                for gone in patterns:
                    yield self._instead(node, " | ".join(self._said(each) for each in patterns if each is not gone))
            case ast.Constant():
                yield from (self._instead(node, new) for new in _other_constants(node.value))
            case ast.Call():
                yield from self._of_call(node)
            case ast.Slice(lower=lower, upper=upper):
                yield from (self._instead(bound, "") for bound in (lower, upper) if bound is not None)
            case ast.Set(elts=elements):
                yield from self._left_out(elements)
            case ast.Tuple(elts=elements) | ast.List(elts=elements) if not in_function:
                yield from self._left_out(elements)
            case ast.Dict(keys=keys, values=values) if not in_function:
                pairs = [_Position(self._place(key).begin, self._place(value).end)
                         for key, value in zip(keys, values, strict=True) if key is not None]  # fmt: skip
                yield from _gaps(pairs)
            case ast.Expr(value=ast.Call()) | ast.Raise() | ast.Continue() | ast.Break():
                yield self._instead(node, "pass")
            case ast.Assign(targets=[ast.Attribute() | ast.Subscript()]):
                yield self._instead(node, "pass")
            case _:
                return

    def _of_call(self, node: ast.Call) -> Iterator[Edit]:
        match node.func:
            case ast.Name(id=name) if name in _CALLED:
                yield self._instead(node.func, _CALLED[name])
            case _:
                pass
        given = [*node.args, *(keyword for keyword in node.keywords)]
        places = [self._place(each) for each in given]
        yield from _gaps(places)[len(node.args) :]

    def _left_out(self, elements: Sequence[ast.expr]) -> Iterator[Edit]:
        yield from _gaps([self._place(each) for each in elements])

    def _between(self, before: ast.AST, after: ast.AST, old: str, new: str) -> Edit:
        begin, end = self._place(before).end, self._place(after).begin
        found = begin + self.text[begin:end].index(old.encode())
        return Edit(found, found + len(old), new)

    def _instead(self, node: ast.AST, new: str) -> Edit:
        return Edit(*self._place(node), new)

    def _said(self, node: ast.AST) -> str:
        return self.text[slice(*self._place(node))].decode()

    def _place(self, node: ast.AST) -> _Position:
        assert isinstance(node, ast.expr | ast.stmt | ast.pattern | ast.keyword)
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return _Position(
            self._lines[node.lineno - 1] + node.col_offset, self._lines[node.end_lineno - 1] + node.end_col_offset
        )


def _gaps(places: Sequence[_Position]) -> list[Edit]:
    """Return the edits that leave out one of several things with commas between them."""
    found = []
    for number, (begin, end) in enumerate(places):
        if number + 1 < len(places):
            found.append(Edit(begin, places[number + 1].begin, ""))
        else:
            found.append(Edit(places[number - 1].end if number else begin, end, ""))
    return found


def _children(node: ast.AST) -> Iterator[ast.AST]:
    match node:
        case ast.Import() | ast.ImportFrom() | ast.JoinedStr() | ast.Expr(value=ast.Constant()):
            return
        case ast.AnnAssign(value=value):
            yield from () if value is None else (value,)
        case ast.FunctionDef(args=arguments, body=body):
            yield from (each for each in (*arguments.defaults, *arguments.kw_defaults) if each is not None)
            yield from body
        case ast.ClassDef(body=body):
            yield from body
        case ast.Set(elts=elements):  # leaving one out is fault enough
            yield from (each for each in elements if not isinstance(each, ast.Constant))
        case ast.Dict(values=values):
            yield from values
        case ast.MatchValue():
            return
        case _:
            yield from ast.iter_child_nodes(node)


def _other_constants(value: object) -> Iterator[str]:
    match value:
        case bool():
            yield str(not value)
        case int() | float():
            yield from _other_numbers(value)
        case str() if len(value.split()) <= _MOST_WORDS:
            yield repr(f"{value}~")
        case _:
            return


def _other_numbers(value: float) -> Iterator[str]:
    whole = isinstance(value, int)
    if value == 0:
        yield "1" if whole else "1.0"
    elif value > _EXACT:
        yield from (str(round(value * share) if whole else value * share) for share in (0.9, 1.1))
    elif whole or value >= _SMALL:
        yield from (str(value - 1), str(value + 1))
    else:
        yield from (f"{value * share:g}" for share in (0.8, 1.2))
