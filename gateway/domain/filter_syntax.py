"""The grammar of filters: a part of JMESPath without anything that repeats or multiplies.

    or          = and *( "||" and )
    and         = comparison *( "&&" comparison )
    comparison  = unary *( ( "==" / "!=" / "<" / "<=" / ">" / ">=" ) unary )
    unary       = "!" unary / postfix
    postfix     = primary *( "." field / "[" number "]" )
    primary     = "(" or ")" / function "(" or *( "," or ) ")" / field / 'text' / `json`

`parse` makes nodes of a text or raises FilterError with the column and what was expected. It also refuses
what JMESPath allows and nobody means: a field that no event has, a text where only a number makes sense.
"""

from __future__ import annotations

import re
from typing import Final

from gateway.domain.filter_nodes import (
    FUNCTIONS,
    ORDER,
    Call,
    Chain,
    Compare,
    Function,
    Literal,
    Node,
    Not,
    Path,
    takes,
)
from gateway.domain.filter_tokens import FilterError, Token, check_text, tokens
from gateway.domain.filter_values import decode_literal, is_number, kind_of

MAX_NESTING: Final = 32
_TOO_DEEP: Final = f"a filter is nested at most {MAX_NESTING} deep"
FIELDS: Final = ("id", "type", "timestamp", "org_id", "api_version", "data")

_NUMBER: Final = re.compile(r"-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_WORDS: Final = {
    "and": "and is written &&",
    "or": "or is written ||",
    "not": "not is written !",
    "in": "membership is written contains(list, value)",
    "true": "write `true`, in backticks",
    "false": "write `false`, in backticks",
    "null": "write `null`, in backticks",
}


def parse(source: str) -> Node:
    """The expression. Raises FilterError, and nothing else, whatever the text."""
    check_text(source)
    return _Parser(source).whole()


class _Parser:
    """Recursive descent, one method for each rule of the grammar."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._tokens = tokens(source)
        self._at = 0
        self._nesting = 0

    def whole(self) -> Node:
        node = self._or()
        if self._next.kind != "end":
            raise self._unexpected("&&, ||, a comparison or the end")
        if _depth(node) > MAX_NESTING:  # a == b == c is (a == b) == c, and so on
            raise FilterError(0, _TOO_DEEP)
        return node

    def _or(self) -> Node:
        start = self._next.start
        parts = [self._and()]
        while self._take("||"):
            parts.append(self._and())
        return parts[0] if len(parts) == 1 else Chain(*self._since(start), "||", tuple(parts))

    def _and(self) -> Node:
        start = self._next.start
        parts = [self._comparison()]
        while self._take("&&"):
            parts.append(self._comparison())
        return parts[0] if len(parts) == 1 else Chain(*self._since(start), "&&", tuple(parts))

    def _comparison(self) -> Node:
        start = self._next.start
        left = self._unary()
        while (sign := self._next).text in ("==", "!=", *ORDER):
            self._advance()
            self._check_ordered(sign.text, left)
            right = self._unary()
            self._check_ordered(sign.text, right)
            left = Compare(*self._since(start), sign.text, left, right)
        return left

    def _unary(self) -> Node:
        start = self._next
        if not self._take("!"):
            return self._postfix()
        self._enter(start)
        operand = self._unary()
        self._nesting -= 1
        return Not(*self._since(start.start), operand)

    def _postfix(self) -> Node:
        start = self._next.start
        node = self._primary()
        while self._next.text in (".", "["):
            step = self._field() if self._take(".") else self._index()
            base, steps = (node.base, node.steps) if isinstance(node, Path) else (node, ())
            node = Path(*self._since(start), base, (*steps, step))
        return node

    def _field(self) -> str:
        if self._next.text == "[":
            raise FilterError(self._next.start, "`.[` multi-select lists are not part of filters")
        if self._next.kind not in ("name", "quoted"):
            raise self._unexpected("a field's name")
        token = self._advance()
        if self._next.text == "(":
            raise FilterError(token.start, "a function takes the whole path: length(data.tags)")
        return _name(token)

    def _index(self) -> int:
        bracket = self._advance()
        if self._next.kind != "number":
            raise FilterError(bracket.start, 'write [0] or [-1] for an element, .name or ."a-b" for a field')
        number = int(self._advance().text)
        self._expect("]")
        return number

    def _primary(self) -> Node:
        token = self._next
        if token.kind == "text":
            return self._literal(token.text[1:-1].replace("\\'", "'"))
        if token.kind == "json":
            return self._json()
        if token.kind in ("name", "quoted"):
            self._advance()
            return self._call(token) if self._next.text == "(" else self._root(token)
        if self._take("("):
            self._enter(token)
            inner = self._or()
            self._expect(")")
            self._nesting -= 1
            return inner
        if token.kind == "number":
            number = _NUMBER.match(self._source, token.start)
            raise FilterError(token.start, f"a number is written in backticks: `{number and number.group()}`")
        if token.text == "[":
            message = (
                "`[` stands after a list, such as data.tags[0]; multi-select lists are not part of filters"
            )
            raise FilterError(token.start, message)
        raise self._unexpected("a field, a function, 'text', `json`, ! or (")

    def _literal(self, value: object) -> Literal:
        token = self._advance()
        return Literal(token.text, token.start + 1, value)

    def _json(self) -> Literal:
        token = self._next
        inner = token.text[1:-1].replace("\\`", "`")
        try:
            return self._literal(decode_literal(inner))
        except ValueError:
            hint = f"; a text is written '{inner}'" if inner.strip() and "'" not in inner else ""
            raise FilterError(token.start, f"what stands in backticks must be JSON{hint}") from None

    def _root(self, token: Token) -> Path:
        name = _name(token)
        if name in FIELDS:
            return Path(token.text, token.start + 1, None, (name,))
        if token.text in _WORDS:
            raise FilterError(token.start, _WORDS[token.text])
        hint = f"; a text is written '{name}'" if token.kind == "quoted" else f"; perhaps data.{name}"
        raise FilterError(token.start, f"an event has {', '.join(FIELDS)}, but no {token.text}{hint}")

    def _call(self, name: Token) -> Call:
        function = FUNCTIONS.get(name.text)
        if function is None:
            raise FilterError(
                name.start, f"{name.text}() is not part of filters; there are {', '.join(FUNCTIONS)}"
            )
        self._enter(self._advance())
        arguments = [] if self._next.text == ")" else [self._or()]
        while self._take(","):
            arguments.append(self._or())
        self._expect(")")
        self._nesting -= 1
        if len(arguments) != len(function.takes):
            raise FilterError(
                name.start, f"{function.name} takes {_arguments(len(function.takes))}, not {len(arguments)}"
            )
        _check_arguments(function, arguments)
        return Call(*self._since(name.start), function, tuple(arguments))

    def _check_ordered(self, sign: str, node: Node) -> None:
        if sign in ORDER and isinstance(node, Literal) and not is_number(node.constant):
            raise FilterError(
                node.column - 1, f"{sign} compares numbers only; {node.text} is a {kind_of(node.constant)}"
            )

    @property
    def _next(self) -> Token:
        return self._tokens[self._at]

    def _advance(self) -> Token:
        self._at += 1
        return self._tokens[self._at - 1]

    def _take(self, text: str) -> bool:
        taken = self._next.text == text
        self._at += taken
        return taken

    def _expect(self, text: str) -> None:
        if not self._take(text):
            raise self._unexpected(text)

    def _enter(self, token: Token) -> None:
        self._nesting += 1
        if self._nesting > MAX_NESTING:
            raise FilterError(token.start, _TOO_DEEP)

    def _since(self, start: int) -> tuple[str, int]:
        return self._source[start : self._tokens[self._at - 1].end], start + 1

    def _unexpected(self, expected: str) -> FilterError:
        token = self._next
        if token.text in _WORDS:
            return FilterError(token.start, _WORDS[token.text])
        found = token.text if token.kind != "end" else "the end"
        return FilterError(token.start, f"expected {expected}, found {found}")


def _depth(node: Node) -> int:
    children = node.children()
    return 1 + max(map(_depth, children)) if children else 0


def _name(token: Token) -> str:
    if token.kind == "name":
        return token.text
    try:
        return str(decode_literal(token.text))
    except ValueError:
        raise FilterError(token.start, "what stands in double quotes must be a JSON string") from None


def _check_arguments(function: Function, arguments: list[Node]) -> None:
    for node, kinds in zip(arguments, function.takes, strict=True):
        if isinstance(node, Literal) and kinds is not None and kind_of(node.constant) not in kinds:
            raise FilterError(
                node.column - 1, f"{takes(function, kinds)}; {node.text} is a {kind_of(node.constant)}"
            )


def _arguments(count: int) -> str:
    return "1 argument" if count == 1 else f"{count} arguments"
