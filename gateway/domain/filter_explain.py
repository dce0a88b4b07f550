"""Why a filter matches an event or not, piece by piece, in sentences for the person who wrote it.

The values come from the same nodes and rules that decide at ingest (`filter_nodes`); this only puts them into
words. Without `payload`, no value of the event is told, only of what kind it is.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from gateway.domain.filter_nodes import Call, Chain, Compare, Envelope, Literal, Node, Not, Path
from gateway.domain.filter_values import Undecided, Work, is_number, is_true, kind_of, shown

NOT_REACHED: Final = "not looked at: what stands before it has decided"


@dataclass(slots=True)
class Step:
    """One piece of the filter; a piece below another has a greater `depth`. `holds` and `value` are None
    where it was not looked at, or where it has no answer."""

    expression: str
    column: int
    depth: int
    holds: bool | None = None
    value: str | None = None
    because: str = NOT_REACHED


@dataclass(slots=True)
class Explanation:
    """The answer, the sentence that decides it, and the pieces in the order of the text."""

    matches: bool
    because: str
    steps: list[Step] = field(default_factory=list)


def explain(root: Node, event: Envelope, *, payload: bool = True) -> Explanation:
    """What `root` makes of the event, and why."""
    explainer = _Explainer(event, payload)
    try:
        matches = is_true(explainer.visit(root, 0))
    except Undecided as problem:
        because = f"{problem}. A filter that has no answer does not match."
        return Explanation(False, because, explainer.steps)
    return Explanation(matches, explainer.steps[0].because, explainer.steps)


class _Explainer:
    def __init__(self, event: Envelope, payload: bool) -> None:
        self._event = event
        self._payload = payload
        self._work = Work()
        self.steps: list[Step] = []

    def visit(self, node: Node, depth: int) -> Any:
        """The value of the node, told as a step with those of its pieces below it."""
        step = Step(node.text, node.column, depth)
        self.steps.append(step)
        try:
            value, step.because = self._reason(node, depth)
        except Undecided as problem:
            step.because = f"no answer: {problem}"
            raise
        step.holds, step.value = is_true(value), self._told(node, value)
        return value

    def _reason(self, node: Node, depth: int) -> tuple[Any, str]:
        if isinstance(node, Chain):
            return self._chain(node, depth)
        if isinstance(node, Not):
            inner = self._operand(node.operand, depth + 1, always=True)
            return not is_true(inner), f"{node.operand.text} {_holds(inner)}"
        if isinstance(node, Compare):
            left, right = (self._operand(one, depth + 1) for one in node.children())
            value = node.of(left, right, self._work)
            return value, self._comparison(node, left, right, value)
        if isinstance(node, Call):
            values = [self._operand(argument, depth + 1) for argument in node.arguments]
            value = node.of(values, self._work)
            return value, self._call(node, values, value)
        if isinstance(node, Path) and node.base is not None:
            value = node.of(self._operand(node.base, depth + 1))
        else:
            value = node.value(self._event, self._work)
        return value, f"{self._is(node, value)}, which counts as {'true' if is_true(value) else 'false'}"

    def _operand(self, node: Node, depth: int, *, always: bool = False) -> Any:
        """The value of a part; a plain field or literal gets no step of its own, its parent names it."""
        plain = isinstance(node, Literal) or (isinstance(node, Path) and node.base is None)
        if plain and not always:
            return node.value(self._event, self._work)
        return self.visit(node, depth)

    def _chain(self, node: Chain, depth: int) -> tuple[Any, str]:
        value = None
        for number, part in enumerate(node.parts):
            value = self.visit(part, depth + 1)
            if node.decides(value):
                rest = node.parts[number + 1 :]
                self.steps += [Step(one.text, one.column, depth + 1) for one in rest]
                return value, f"{part.text} {_holds(value)}"
        return value, "all parts hold" if node.sign == "&&" else "no part holds"

    def _comparison(self, node: Compare, left: Any, right: Any, value: bool | None) -> str:
        if value is None:
            wrong, it = (node.right, right) if is_number(left) else (node.left, left)
            return f"{self._is(wrong, it)}, and {node.sign} compares numbers only"
        if isinstance(node.left, Literal) or not isinstance(node.right, Literal):
            known = [self._is(one, it) for one, it in ((node.left, left), (node.right, right))]
            told = " and ".join(known)
        else:
            told = self._is(node.left, left)
        if node.sign == "==" and isinstance(node.right, Literal):
            return told if value else f"{told}, not {shown(right)}"
        return f"{told}, so {node.text} is {'true' if value else 'false'}"

    def _call(self, node: Call, values: list[Any], value: Any) -> str:
        told = " and ".join(
            self._is(argument, one)
            for argument, one in zip(node.arguments, values, strict=True)
            if not isinstance(argument, Literal)
        )
        answer = shown(value) if isinstance(value, bool) or self._payload else self._told(node, value)
        return f"{told}, so {node.text} is {answer}" if told else f"{node.text} is {answer}"

    def _is(self, node: Node, value: Any) -> str:
        return f"{node.text} is {self._told(node, value)}"

    def _told(self, node: Node, value: Any) -> str:
        if value is None and isinstance(node, Path):
            return "null or missing"
        if self._payload or value is None or isinstance(node, Literal):
            return shown(value)
        if isinstance(value, bool) and not isinstance(node, Path | Chain):
            return shown(value)
        return f"some {kind_of(value)}"


def _holds(value: Any) -> str:
    return "holds" if is_true(value) else "does not hold"
