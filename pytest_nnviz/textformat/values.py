"""Text -> values: a recursive descent over one line."""

from __future__ import annotations

import json
import re
from typing import NoReturn

from pytest_nnviz.architecture import Argument, Const, Literal, Ref, Step, TensorSpec, Tree, Value
from pytest_nnviz.errors import TextError

__all__ = ["Cursor"]

_NAME = re.compile(r"[A-Za-z0-9_]+|`(?:[^`\\]|\\.)*`")
_BARE_PATH = re.compile(r"[A-Za-z0-9_]+(?:\.[A-Za-z0-9_]+)*")
_KEYWORD = re.compile(rf"(?:{_NAME.pattern})(?==)")
_SLICE = re.compile(r"(?:-?\d+)?:(?:-?\d+)?(?::(?:-?\d+)?)?")
_LITERAL = re.compile(
    r"(?:None|True|False)\b|\.\.\.|torch\.\w+|<[^<>]*>"
    r"|-?\d+\.\d+(?:e[+-]\d+)?|-?\d+(?:e[+-]\d+)?|[+-](?:inf|nan)\b"
)
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_WORD = re.compile(f"{_STRING.pattern}|{_SLICE.pattern}|{_LITERAL.pattern}")
_INTEGER = re.compile(r"\d+")
_SHORT = re.compile(r"[\w.%~^:=-]+(?=[,)])")
_SIZES = re.compile(r"[0-9]{1,18}(?:, [0-9]{1,18})*\]")
_BITS = 63  # torch counts elements in as many
_DTYPE = re.compile(r"[a-z][a-z0-9_]*")


class Cursor:
    """A position in one line of the text. Every ``read_*`` moves behind what it read or raises `TextError`."""

    def __init__(self, text: str, number: int, known: dict[str, Argument]) -> None:
        self.text = text
        self.number = number
        self.at = 0
        self.known = known

    def fail(self, expected: str) -> NoReturn:
        """Raise for what stands here instead of what was expected."""
        rest = self.text[self.at :]
        found = repr(rest[:30] + ("..." if len(rest) > 30 else "")) if rest else "the end of the line"
        raise TextError(f"expected {expected}, found {found} at column {self.at + 1}", self.number)

    def accept(self, token: str) -> bool:
        """Move behind ``token`` if it stands here."""
        if self.text.startswith(token, self.at):
            self.at += len(token)
            return True
        return False

    def expect(self, token: str) -> None:
        """Move behind ``token``, which has to stand here."""
        if not self.accept(token):
            self.fail(repr(token))

    def skip_indent(self, levels: int) -> None:
        """Move behind the indentation of so many levels, which has to stand here."""
        if self.text.startswith("  " * levels):
            self.at = 2 * levels
            return
        for _ in range(levels):
            self.expect("  ")

    def match(self, pattern: re.Pattern[str]) -> str | None:
        """Move behind a match of ``pattern``, which is never empty, if there is one here."""
        found = pattern.match(self.text, self.at)
        if found is None:
            return None
        self.at = found.end()
        return found.group()

    def end(self) -> None:
        """Nothing may follow."""
        if self.at < len(self.text):
            self.fail("the end of the line")

    def read_name(self) -> str:
        """One name, bare or between backticks."""
        token = self.match(_NAME)
        if token is None:
            self.fail("a name")
        return self._named(token)

    def _named(self, token: str) -> str:
        return self._unescape(f'"{token[1:-1]}"') if token.startswith("`") else token

    def read_path(self) -> str:
        """Names with dots between them."""
        names = [self.match(_BARE_PATH) or self.read_name()]
        while self.accept("."):
            names.append(self.read_name())
        return ".".join(names)

    def read_ups(self) -> int:
        """How many scopes to leave."""
        start = self.at
        while self.accept("^"):
            pass
        return self.at - start

    def read_integer(self) -> int:
        """A number without sign."""
        token = self.match(_INTEGER)
        if token is None:
            self.fail("a number")
        try:
            return int(token)
        except ValueError:
            self.fail("a number of a sane length")

    def _unescape(self, token: str) -> str:
        try:
            text = json.loads(token)
        except ValueError:
            self.fail("a properly escaped name or string")
        assert isinstance(text, str)
        return text

    def read_spec(self) -> TensorSpec:
        """``f32[1, 3]`` with an optional ``:kind``."""
        dtype = self.match(_DTYPE)
        if dtype is None or not self.accept("["):
            self.fail("a dtype and shape such as f32[1, 3]")
        start = self.at
        shape = self._sizes()
        if 0 not in shape and sum(size.bit_length() - 1 for size in shape if size is not None) >= _BITS:
            self.at = start
            self.fail(f"sizes of fewer than 2**{_BITS} elements")
        return TensorSpec(dtype, shape, self.read_name() if self.accept(":") else "")

    def _sizes(self) -> tuple[int | None, ...]:
        """Sizes up to and with the closing bracket."""
        usual = self.match(_SIZES)
        if usual is not None:
            return tuple(map(int, usual[:-1].split(", ")))
        sizes: list[int | None] = []
        while not self.accept("]"):
            if sizes:
                self.expect(", ")
            sizes.append(None if self.accept("?") else self.read_integer())
        return tuple(sizes)

    def read_arguments(self, *, specs: bool = False) -> tuple[Argument, ...]:
        """Arguments up to and with the closing parenthesis; the opening one is behind."""
        arguments: list[Argument] = []
        while not self.accept(")"):
            if arguments:
                self.expect(", ")
            arguments.append(Argument(self._keyword(), self.read_value(specs=True)) if specs else self._argument())
        return tuple(arguments)

    def _argument(self) -> Argument:
        """An argument; a short one is read once, whatever stands around it."""
        short = _SHORT.match(self.text, self.at)
        known = None if short is None else self.known.get(short.group())
        if short is not None and known is not None:
            self.at = short.end()
            return known
        argument = Argument(self._keyword(), self.read_value())
        if short is not None and self.at == short.end():
            self.known[short.group()] = argument
        return argument

    def _keyword(self) -> str | None:
        token = self.match(_KEYWORD)
        if token is None:
            return None
        name = self._named(token)
        self.expect("=")
        return name

    def read_value(self, *, specs: bool = False) -> Value:
        """A value; its leaves are TensorSpecs where ``specs`` is true and references elsewhere."""
        match self.text[self.at : self.at + 1]:
            case "%" | "^" if not specs:
                return self.read_ref()
            case "[":
                self.at += 1
                return Tree("list", self._items("]", specs=specs))
            case "(":
                self.at += 1
                return self._tuple(specs=specs)
            case "{":
                self.at += 1
                return self._dict(specs=specs)
        literal = self._literal()
        if literal is not None:
            return Literal(literal)
        if self.text.startswith(("const ", "untracked "), self.at):
            return self._const()
        tree = self._object(specs=specs)
        if tree is not None:
            return tree
        return self.read_spec() if specs else self.read_ref()

    def _literal(self) -> str | None:
        literal = self.match(_WORD)
        if literal is not None and literal.startswith('"'):
            self._unescape(literal)
        return literal

    def _items(self, close: str, *, specs: bool) -> tuple[Value, ...]:
        items: list[Value] = []
        while not self.accept(close):
            if items:
                self.expect(", ")
            items.append(self.read_value(specs=specs))
        return tuple(items)

    def _tuple(self, *, specs: bool) -> Tree:
        if self.accept(")"):
            return Tree("tuple", ())
        first = self.read_value(specs=specs)
        if self.accept(",)"):
            return Tree("tuple", (first,))
        self.expect(", ")
        return Tree("tuple", (first, *self._items(")", specs=specs)))

    def _dict(self, *, specs: bool) -> Tree:
        keys: list[str] = []
        items: list[Value] = []
        while not self.accept("}"):
            if keys:
                self.expect(", ")
            key = self.match(_STRING) or self.match(_LITERAL) or self.match(_NAME)
            if key is None:
                self.fail("a key")
            keys.append(key)
            self.expect(": ")
            items.append(self.read_value(specs=specs))
        return Tree("dict", tuple(items), tuple(keys))

    def _const(self) -> Const:
        tracked = not self.accept("untracked ")
        if tracked:
            self.expect("const ")
        start = self.at
        name = None
        if self.accept("#"):
            name = f"#{self.read_integer()}"
            self.expect(" ")
            return Const(self.read_spec(), name, tracked)
        ups = self.read_ups()
        if self.accept("self."):
            name = "^" * ups + "self." + self.read_path()
            self.expect(" ")
        else:
            self.at = start
        return Const(self.read_spec(), name, tracked)

    def _object(self, *, specs: bool) -> Tree | None:
        start = self.at
        if _NAME.match(self.text, self.at) is None:
            return None
        kind = self.read_path()
        if not self.accept("("):
            self.at = start
            return None
        arguments = self.read_arguments(specs=specs)
        keys = tuple(a.name for a in arguments if a.name is not None)
        if keys and len(keys) != len(arguments):
            self.fail("fields that are all named or all without a name")
        return Tree(kind, tuple(a.value for a in arguments), keys)

    def read_ref(self) -> Ref:
        """A reference: ``x``, ``self.weight``, ``%add~1[0]``, ``^%embed``, ``x after %add_``."""
        ups = self.read_ups()
        kind, steps = ("result", self._steps()) if self.text.startswith("%", self.at) else self._holder()
        path: list[int | str] = []
        while self.accept("["):
            path.append(self._key())
            self.expect("]")
        after = self.read_ref() if self.accept(" after ") else None
        return Ref(kind, steps, tuple(path), ups, after)

    def _holder(self) -> tuple[str, tuple[Step, ...]]:
        """An argument, a parameter or a buffer."""
        token = self.match(_NAME)
        if token is None:
            self.fail("a name")
        if token == "self":
            return "attribute", (Step(self.read_path() if self.accept(".") else ""),)
        return "input", (Step(self._named(token)),)

    def _steps(self) -> tuple[Step, ...]:
        steps: list[Step] = []
        while self.accept("%"):
            name = self.read_path()
            steps.append(Step(name, self.read_integer() if self.accept("~") else 0))
        return tuple(steps)

    def _key(self) -> int | str:
        string = self.match(_STRING)
        if string is not None:
            return self._unescape(string)
        sign = -1 if self.accept("-") else 1
        if _INTEGER.match(self.text, self.at):
            return sign * self.read_integer()
        return self.read_name()
