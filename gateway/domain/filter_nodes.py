"""The expressions a filter is made of. Each knows its text, where it stands, and its value for an event.

Values are JMESPath's: a field that is not there is null, `<` of anything but numbers is null, `&&` and `||`
give one of their operands. There is nothing that repeats: each node is evaluated at most once for an event.
"""

from __future__ import annotations

import operator
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from gateway.domain.filter_values import Undecided, Work, contains, equal, is_number, is_true, kind_of

Envelope: TypeAlias = dict[str, Any]

ORDER: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


@dataclass(frozen=True, slots=True)
class Function:
    """What a function takes, argument by argument (None: anything), and what it does."""

    name: str
    takes: tuple[tuple[str, ...] | None, ...]
    call: Callable[..., Any]


FUNCTIONS: Final = {
    function.name: function
    for function in (
        Function("contains", (("string", "list"), None), contains),
        Function("starts_with", (("string",), ("string",)), lambda text, part, _: text.startswith(part)),
        Function("ends_with", (("string",), ("string",)), lambda text, part, _: text.endswith(part)),
        Function("length", (("string", "list", "object"),), lambda value, _: len(value)),
    )
}


@dataclass(frozen=True, slots=True)
class Node(ABC):
    """A piece of the filter: `text` as it was written, from `column` on."""

    text: str
    column: int

    @abstractmethod
    def value(self, event: Envelope, work: Work) -> Any:
        """What it comes to for this event."""

    def children(self) -> tuple[Node, ...]:
        return ()


@dataclass(frozen=True, slots=True)
class Literal(Node):
    constant: Any

    def value(self, event: Envelope, work: Work) -> Any:
        return self.constant


@dataclass(frozen=True, slots=True)
class Path(Node):
    """Fields and indices, one after the other, from the event on or from the value of `base`."""

    base: Node | None
    steps: tuple[str | int, ...]

    def value(self, event: Envelope, work: Work) -> Any:
        return self.of(event if self.base is None else self.base.value(event, work))

    def of(self, value: Any) -> Any:
        """Where the steps lead from a value; null where one of them leads nowhere."""
        for step in self.steps:
            if type(value) is dict:
                value = value.get(step)
            elif type(value) is list and type(step) is int and -len(value) <= step < len(value):
                value = value[step]
            else:
                return None
        return value

    def children(self) -> tuple[Node, ...]:
        return () if self.base is None else (self.base,)


@dataclass(frozen=True, slots=True)
class Compare(Node):
    sign: str
    left: Node
    right: Node

    def value(self, event: Envelope, work: Work) -> Any:
        return self.of(self.left.value(event, work), self.right.value(event, work), work)

    def of(self, left: Any, right: Any, work: Work) -> bool | None:
        if self.sign == "==":
            return equal(left, right, work)
        if self.sign == "!=":
            return not equal(left, right, work)
        if is_number(left) and is_number(right):
            return ORDER[self.sign](left, right)
        return None

    def children(self) -> tuple[Node, ...]:
        return (self.left, self.right)


@dataclass(frozen=True, slots=True)
class Call(Node):
    function: Function
    arguments: tuple[Node, ...]

    def value(self, event: Envelope, work: Work) -> Any:
        return self.of([argument.value(event, work) for argument in self.arguments], work)

    def of(self, values: list[Any], work: Work) -> Any:
        for node, value, kinds in zip(self.arguments, values, self.function.takes, strict=True):
            if kinds is not None and kind_of(value) not in kinds:
                raise Undecided(f"{node.text} is {_a(kind_of(value))}; {takes(self.function, kinds)}")
        return self.function.call(*values, work)

    def children(self) -> tuple[Node, ...]:
        return self.arguments


@dataclass(frozen=True, slots=True)
class Not(Node):
    operand: Node

    def value(self, event: Envelope, work: Work) -> Any:
        return not is_true(self.operand.value(event, work))

    def children(self) -> tuple[Node, ...]:
        return (self.operand,)


@dataclass(frozen=True, slots=True)
class Chain(Node):
    """`a && b && c`, or `a || b || c`: the value of the first that decides, otherwise of the last."""

    sign: str
    parts: tuple[Node, ...]

    def decides(self, value: Any) -> bool:
        return is_true(value) is (self.sign == "||")

    def value(self, event: Envelope, work: Work) -> Any:
        value = None
        for part in self.parts:
            value = part.value(event, work)
            if self.decides(value):
                break
        return value

    def children(self) -> tuple[Node, ...]:
        return self.parts


def walk(node: Node) -> Iterator[Node]:
    """The node and everything below it, in the order of the text."""
    yield node
    for child in node.children():
        yield from walk(child)


def takes(function: Function, kinds: tuple[str, ...]) -> str:
    *others, last = map(_a, kinds)
    return f"{function.name} takes {', '.join(others) + ' or ' * bool(others)}{last} there"


def _a(kind: str) -> str:
    return kind if kind == "null" else f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"
