"""The `where` of a broadcast: an expression with which each device decides whether it is meant.

The language is CEL, of which this is the part that such conditions use: literals, lists, fields and indices,
arithmetic, comparison, `in`, `&&`, `||`, `!`, `? :`, `size`, `has`, `contains`, `startsWith`, `endsWith`. What is
beyond that (macros, regular expressions, timestamps) does not compile, and a device whose condition does not compile,
or fails, is not meant: that is what the reference runtime does, too.

An expression comes from anybody. There are no loops in it, so its cost is bounded by its length, and that is bounded
here, as is its depth. Compiled once per broadcast, evaluated once per device.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from fleetgui.backend.devices.where_steps import (
    METHODS,
    Condition,
    Context,
    Step,
    WhereError,
    choose,
    constant,
    field,
    folded,
    followed,
    has,
    index,
    kind_of,
    logic,
    on_texts,
    signed,
    size,
    variable,
)

__all__ = ["WhereError", "compile_where"]

MOST_CHARACTERS: Final = 4_096
MOST_DEPTH: Final = 40


def compile_where(expression: str) -> Callable[[Context], bool]:
    """A function from a device's context to whether it is meant; raises `WhereError`, and so does that function."""
    if len(expression) > MOST_CHARACTERS:
        raise WhereError(f"the condition is longer than {MOST_CHARACTERS} characters")
    parser = _Parser(expression)
    condition = parser.whole()

    def judged(context: Context) -> bool:
        value = condition(context)
        if not isinstance(value, bool):
            raise WhereError(f"the condition is {kind_of(value)}, not true or false")
        return value

    return judged


_TOKEN: Final = re.compile(
    r"""\s*(?:
        (?P<number>\d+\.\d+(?:[eE][+-]?\d+)?|\d+)
      | (?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
      | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
      | (?P<sign>&&|\|\||[=!<>]=|[-+*/%<>!?:.,()\[\]])
    )""",
    re.VERBOSE,
)
_ESCAPES: Final = {"n": "\n", "t": "\t", "r": "\r", '"': '"', "'": "'", "\\": "\\"}
_NAMED: Final = {"true": True, "false": False, "null": None}


class _Parser:
    """Recursive descent over CEL's levels of precedence; each level returns the closure that evaluates it."""

    def __init__(self, expression: str) -> None:
        self._tokens = _tokens(expression)
        self._position = 0
        self._depth = 0

    def whole(self) -> Condition:
        condition = self._choice()
        if self._position < len(self._tokens):
            raise WhereError(f"{self._tokens[self._position][1][:40]!r} is not expected there")
        return condition

    def _choice(self) -> Condition:
        self._depth += 1
        if self._depth > MOST_DEPTH:
            raise WhereError(f"the condition is nested deeper than {MOST_DEPTH} levels")
        condition = self._either()
        if self._take("?"):
            then = self._choice()
            self._expect(":")
            other = self._choice()
            condition = choose(condition, then, other)
        self._depth -= 1
        return condition

    def _either(self) -> Condition:
        parts = [self._both()]
        while self._take("||"):
            parts.append(self._both())
        return parts[0] if len(parts) == 1 else logic(parts, decisive=True)

    def _both(self) -> Condition:
        parts = [self._relation()]
        while self._take("&&"):
            parts.append(self._relation())
        return parts[0] if len(parts) == 1 else logic(parts, decisive=False)

    def _relation(self) -> Condition:
        return self._chain(self._sum, ("==", "!=", "<=", ">=", "<", ">", "in"))

    def _sum(self) -> Condition:
        return self._chain(self._product, ("+", "-"))

    def _product(self) -> Condition:
        return self._chain(self._unary, ("*", "/", "%"))

    def _chain(self, part: Callable[[], Condition], signs: tuple[str, ...]) -> Condition:
        first, rest = part(), list[tuple[str, Condition]]()
        while (sign := self._take(*signs)) is not None:
            rest.append((sign, part()))
        return folded(first, rest) if rest else first

    def _unary(self) -> Condition:
        signs = []
        while (sign := self._take("!", "-")) is not None:
            signs.append(sign)
        condition = self._member()
        return signed(signs, condition) if signs else condition

    def _member(self) -> Condition:
        first, steps = self._primary(), list[Step]()
        while (sign := self._take(".", "[")) is not None:
            if sign == "[":
                steps.append(index(self._choice()))
                self._expect("]")
                continue
            name = self._name()
            steps.append(self._method(name) if self._take("(") else field(name))
        return followed(first, steps) if steps else first

    def _method(self, name: str) -> Step:
        arguments = self._list(")")
        if name == "size" and not arguments:
            return lambda value, _context: size(value)
        if name in METHODS and len(arguments) == 1:
            return on_texts(name, arguments[0])
        raise WhereError(f"{name[:40]}() with {len(arguments)} arguments is not supported")

    def _primary(self) -> Condition:
        if self._take("("):
            condition = self._choice()
            self._expect(")")
            return condition
        if self._take("["):
            items = self._list("]")
            return lambda context: [item(context) for item in items]
        kind, text = self._next()
        match kind:
            case "number":
                return constant(float(text) if "." in text else int(text))
            case "text":
                return constant(re.sub(r"\\(.)", _unescaped, text[1:-1], flags=re.DOTALL))
            case "name" if text in _NAMED:
                return constant(_NAMED[text])
            case "name" if self._take("("):
                return self._function(text)
            case "name":
                return variable(text)
        raise WhereError(f"{text[:40]!r} is not expected there")

    def _function(self, name: str) -> Condition:
        arguments = self._list(")")
        if len(arguments) == 1 and name == "size":
            return lambda context: size(arguments[0](context))
        if len(arguments) == 1 and name == "has":
            return has(arguments[0])
        raise WhereError(f"{name[:40]}() with {len(arguments)} arguments is not supported")

    def _list(self, end: str) -> list[Condition]:
        items: list[Condition] = []
        while not self._take(end):
            if items:
                self._expect(",")
            items.append(self._choice())
        return items

    def _take(self, *signs: str) -> str | None:
        """The next token if it is one of `signs`, else None."""
        if self._position < len(self._tokens):
            kind, text = self._tokens[self._position]
            if text in signs and kind != "text":
                self._position += 1
                return text
        return None

    def _expect(self, sign: str) -> None:
        if self._take(sign) is None:
            raise WhereError(f"{sign!r} is missing")

    def _name(self) -> str:
        kind, text = self._next()
        if kind != "name":
            raise WhereError(f"{text[:40]!r} is no name of a field")
        return text

    def _next(self) -> tuple[str, str]:
        if self._position == len(self._tokens):
            raise WhereError("the condition ends too early")
        self._position += 1
        return self._tokens[self._position - 1]


def _tokens(expression: str) -> list[tuple[str, str]]:
    tokens: list[tuple[str, str]] = []
    position, end = 0, len(expression.rstrip())
    while position < end:
        found = _TOKEN.match(expression, position)
        if found is None:
            raise WhereError(f"{expression[position : position + 20]!r} is not understood")
        kind = str(found.lastgroup)
        tokens.append((kind, found[kind]))
        position = found.end()
    return tokens


def _unescaped(found: re.Match[str]) -> str:
    if found[1] not in _ESCAPES:
        raise WhereError(f"\\{found[1]} is not understood")
    return _ESCAPES[found[1]]
