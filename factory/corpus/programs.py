"""Short programs in a Python-like language, about the things of Tarn."""

from .labels import WORDS
from .writer import Writer

_VERBS = "count find sort sum_up list_all mark pack weigh print_all merge choose remove_old price_of collect compare label double halve check filter_out group_by rank move send_off load store".split()
_SINGLE = "price weight size age depth height length score width value rank".split()
_TEXTUAL = "colour town name material month".split()
_KINDS = (
    "bird",
    "mammal",
    "fish",
    "fruit",
    "vegetable",
    "handtool",
    "garment",
    "container",
    "boat",
    "instrument",
    "building",
    "flower",
)
_COMMENTS = (
    "{verb} every {x} in {town}",
    "the {x.s} are sorted by {attr}",
    "skip the {colour} {x.s}",
    "prices are in {coin}",
    "this must not be empty",
    "a {x} from {town} has no {attr}",
    "add the {attr} of each {x}",
    "stop when the {container} is full",
    "see the {note/paper} from {name}",
    "{x.s} before {month} are ignored",
    "the {scale/weight} shows {unit}",
    "only {colour} or {colour} {x.s} count",
    "if there are no {x.s}, give up",
)
_DOCS = (
    "Return the {attr} of the {x.s}.",
    "Find {a} {colour} {x} for the {occupation}.",
    "Say how many {x.s} {name} has.",
    "Move the {x.s} to {town}.",
    "Tell whether {a} {x} is {texture} or not.",
)


class _Program:
    """Writes one program and remembers the names that it has defined."""

    def __init__(self, w: Writer):
        self.w = w
        self.functions: list[tuple[str, str]] = []
        self.kind = w.pick(_KINDS)

    def define(self) -> None:
        """Draws what the next function is about."""
        index = int(self.w.rng.random() * len(WORDS[self.kind][0]))
        single, several = WORDS[self.kind][0][index], WORDS[self.kind][1][index]
        self.x = single[0].replace(" ", "_")
        self.xs = several[0].replace(" ", "_") if several[0] != single[0] else self.x + "_list"
        self.concept = single[1][0][2]
        self.w.forms["x"] = (single, several)
        self.attr = self.w.pick(_SINGLE)
        self.w.bind(attr=self.attr, verb=self.w.pick(("count", "check", "weigh", "list")))

    def keyword(self, text: str, after: str = " ") -> None:
        self.w(text, "code:keyword")
        self.w(after)

    def op(self, text: str) -> None:
        self.w(" ")
        self.w(text, "code:operator")
        self.w(" ")

    def name(self, text: str) -> None:
        self.w(text, "code:variable")

    def item(self) -> None:
        self.w(self.x, "code:variable", self.concept)

    def items(self) -> None:
        self.w(self.xs, "code:variable", self.concept)

    def number(self) -> None:
        self.w(str(int(100 * self.w.rng.random() ** 2)), "number:quantity")

    def line(self, depth: int) -> int:
        """Opens a line and says where its words start."""
        self.w("\n")
        if depth:
            self.w("    " * depth, "structure:indent")
        return self.w.length

    def string(self, template: str) -> None:
        with self.w.within("structure:string_literal"):
            self.w('"')
            self.w.say(template)
            self.w('"')

    def comment(self, depth: int) -> None:
        if self.w.length:
            self.line(depth)
        with self.w.within("structure:code_comment"):
            self.w("# ")
            self.w.say(self.w.pick_template(_COMMENTS))

    def attribute(self, key: str = "") -> None:
        self.item()
        with self.w.within("structure:brackets"):
            self.w("[")
            self.string(key or self.attr)
            self.w("]")

    def literal(self, key: str) -> None:
        self.string("{" + key + "}")

    def condition(self) -> None:
        draw = self.w.rng.random()
        if draw < 0.2:
            self.keyword("not")
        if draw < 0.6:
            self.attribute()
            self.op(self.w.pick(("<", ">", "<=", ">=", "==", "!=")))
            self.number()
        else:
            key = self.w.pick(_TEXTUAL)
            self.attribute(key)
            self.op(self.w.pick(("==", "!=")))
            self.literal(key)
        if draw > 0.8:
            self.w(" ")
            self.keyword(self.w.pick(("and", "or")))
            self.attribute()
            self.op(">")
            self.name("limit")

    def call(self, function: str, *arguments) -> None:
        with self.w.within(*(("code:print_call",) if function == "print" else ())):
            self.w(function, "code:function_name")
            with self.w.within("structure:brackets"):
                self.w("(")
                with self.w.within("code:arguments"):
                    for at, argument in enumerate(arguments):
                        if at:
                            self.w(", ")
                        argument()
                self.w(")")

    def header(self) -> None:
        self.define()
        verb = self.w.pick(_VERBS)
        self.function = f"{verb}_{self.xs}"
        with self.w.within("code:definition_line"):
            self.keyword("def")
            self.call(self.function, self.items, lambda: self.name("limit"))
            self.w(":")
        self.functions.append((self.function, self.xs))
        if self.w.rng.random() < 0.5:
            self.line(1)
            with self.w.within("structure:string_literal"):
                self.w('"""')
                self.w.say(self.w.pick(_DOCS))
                self.w('"""')

    def body(self) -> None:
        self.w.pick((self.total, self.kept, self.first, self.table, self.loop_while))()

    def loop(self) -> int:
        self.line(1)
        with self.w.within("code:loop_line"):
            self.keyword("for")
            self.item()
            self.w(" ")
            self.keyword("in")
            self.items()
            self.w(":")
        if self.w.rng.random() < 0.4:
            self.comment(2)
        if self.w.rng.random() < 0.7:
            self.line(2)
            with self.w.within("code:condition_line"):
                self.keyword("if")
                self.condition()
                self.w(":")
            return 3
        return 2

    def assign(self, name: str, depth: int, value: str, op: str = "=") -> None:
        self.line(depth)
        with self.w.within("code:assignment"):
            self.name(name)
            self.op(op)
            self.w(value)

    def give(self, name: str, depth: int = 1) -> None:
        self.line(depth)
        with self.w.within("code:return_line"):
            self.keyword("return")
            self.name(name)

    def total(self) -> None:
        name = self.w.pick(("total", "sum_of_" + self.attr, self.attr + "_total", "count"))
        self.assign(name, 1, "0")
        depth = self.loop()
        start = self.line(depth)
        self.name(name)
        self.op(self.w.pick(("+=", "+=", "-=")))
        self.attribute()
        self.w.cover(start, "code:assignment")
        self.line(1)
        with self.w.within("code:condition_line"):
            self.keyword("if")
            self.name(name)
            self.op(">")
            self.name("limit")
            self.w(":")
        self.line(2)
        self.call("print", lambda: self.string("too many {x.s} in {town}"))
        self.give(name)

    def kept(self) -> None:
        name = self.w.pick(("kept", "found", "chosen", "result", "good_" + self.xs))
        self.assign(name, 1, "[]")
        depth = self.loop()
        self.line(depth)
        self.name(name)
        self.w(".")
        self.call("append", self.w.pick((self.item, self.attribute)))
        self.line(1)
        with self.w.within("code:return_line"):
            self.keyword("return")
            self.call("sorted", lambda: self.name(name))

    def first(self) -> None:
        depth = self.loop()
        self.line(depth)
        self.call("print", lambda: self.string("{name} found {a} {colour} {x}"), self.attribute)
        self.line(depth)
        with self.w.within("code:return_line"):
            self.keyword("return")
            self.item()
        self.line(1)
        with self.w.within("code:raise_line"):
            self.keyword("raise")
            self.call("ValueError", lambda: self.string("there is no {x} in the {container}"))

    def table(self) -> None:
        name, key = self.attr + "_of", self.w.pick(_TEXTUAL)
        start = self.line(1)
        self.name(name)
        self.op("=")
        with self.w.within("structure:brackets"):
            self.w("{")
            for at in range(3):
                self.w(", " if at else "")
                self.literal(key)
                self.w(": ")
                self.number()
            self.w("}")
        self.w.cover(start, "code:assignment")
        start = self.line(1)
        self.keyword("return")
        with self.w.within("structure:brackets"):
            self.w("[")
            self.name(name)
            self.w("[")
            self.attribute(key)
            self.w("] ")
            self.keyword("for")
            self.item()
            self.w(" ")
            self.keyword("in")
            self.items()
            self.w("]")
        self.w.cover(start, "code:return_line")

    def loop_while(self) -> None:
        self.assign("index", 1, "0")
        self.line(1)
        with self.w.within("code:loop_line"):
            self.keyword("while")
            self.name("index")
            self.op("<")
            self.call("len", self.items)
            self.w(":")
        self.line(2)
        with self.w.within("code:assignment"):
            self.item()
            self.op("=")
            self.items()
            self.w("[")
            self.name("index")
            self.w("]")
        self.line(2)
        self.call("print", self.attribute, lambda: self.string("in {unit}"))
        self.assign("index", 2, "1", "+=")
        self.give("index")

    def use(self) -> None:
        function, values = self.w.pick(self.functions)
        start = self.line(0)
        self.name(values)
        self.op("=")
        with self.w.within("structure:brackets"):
            self.w("[")
            for at in range(2):
                self.w(", " if at else "")
                with self.w.within("structure:brackets"):
                    self.w("{")
                    self.string("name")
                    self.w(": ")
                    self.string("{name}")
                    self.w(", ")
                    self.string(self.attr)
                    self.w(": ")
                    self.number()
                    self.w("}")
            self.w("]")
        self.w.cover(start, "code:assignment")
        self.line(0)
        self.call("print", lambda: self.call(function, lambda: self.name(values), self.number))


def write_code(w: Writer, goal: int) -> None:
    """A module of functions and of lines that call them."""
    program = _Program(w)
    if w.rng.random() < 0.5:
        program.define()
        program.comment(0)
        w("\n")
    while w.length < goal:
        if w.rng.random() < 0.3:
            program.kind = w.pick(_KINDS)
        if program.functions:
            w("\n\n")
        program.header()
        program.body()
        if w.rng.random() < 0.6:
            w("\n")
            program.use()
    w("\n")
    program.use()
