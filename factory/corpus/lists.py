"""Lists: bullets, prices, tables and counting."""

from .concepts import entity, good
from .grammar import parse
from .numbers import labelled
from .phrases import PHRASES
from .tarn import TOWNS
from .writer import Writer

_LIST = """
buy_item:
  {n} {container.s} of {staple}
  {n} {fruit.s}
  {a} {toolish?}{thing}
  {numword} {colour} {garment.s}
  {a} {foodish?}{dish}
  {drink} for {numword} {folk.s}
  {a} {creaturish?}{creature}
  {a} {instrument} and {numword} {paper.s}
job_item:
  {action.}
  {action.} {when}
  do not {home.}
  {making.} with {person}
  {trade.} before {day}
  help {name} to {making.}
  {home.}, then {home.}
seen_item:
  {numword} {creaturish?}{creature.s} {where}
  {a} {creaturish?}{creature} {where}
  no {creature.s}, because of the {weather}
  {a} {bird} with {a} {fish}
  {n} {insect.s} on {a} {flower}
rule_item:
  You must not {action.} in the {building}.
  {folk.s} may {home.} until {clock}.
  Nobody may {trade.} here.
  You must {home.} {when}.
  No {creature.s} in the {room}.
  If you {action.}, you must pay {price}.
  Do not leave your {garment.s} on the {furniture}.
"""


LIST_RULES = PHRASES | parse(_LIST)
_ITEMS = {
    "Work for {day}": "job_item",
    "Jobs for the {season}": "job_item",
    "Things to buy {when}": "buy_item",
    "What {name} packed for {town}": "buy_item",
    "Gifts for {name}'s {kin}": "buy_item",
    "Lost and found at the {building}": "buy_item",
    "{creature.s} seen {where}": "seen_item",
    "Rules of the {building}": "rule_item",
}


def _bullets(w: Writer, goal: int) -> None:
    title = w.pick_template(tuple(_ITEMS))
    item = _ITEMS[title]
    mark = w.pick(("- ", "* "))
    with w.within("structure:title"):
        w.sentence(title + ":")
    w("\n")
    w.focus("you")
    for _ in range(4 + int(w.rng.random() * 5)):
        w(mark, "structure:list_bullet")
        w.sentence("{" + item + "}") if item == "rule_item" else w.say("{" + item + "}")
        w("\n")


def _prices(w: Writer, goal: int) -> None:
    with w.within("structure:title"):
        w.sentence("Prices at {shopname} of {name} {family} in {town}:".replace("{shopname}", "the {shop}"))
    w("\n")
    table = w.pick(("fruit", "vegetable", "handtool", "garment", "fish", "instrument", "dish", "beast", "container"))
    for _ in range(4 + int(w.rng.random() * 4)):
        with w.within("structure:price_line"):
            w("- ", "structure:list_bullet")
            w.say("{" + table + "}: " if w.rng.random() < 0.5 else "{numword} {" + table + ".s}: ")
            w.say("{price}")
        w("\n")


def _row(w: Writer, *cells: str) -> None:
    """A line of a table: a template for each cell."""
    for at, cell in enumerate(cells, 1):
        if at > 1:
            w(" | ")
        with w.within(f"structure:table_column_{at}"):
            w.say(cell)
    w("\n")


def _header(w: Writer, text: str) -> None:
    w(text, "structure:table_header")
    w("\n")


def _table(w: Writer, goal: int) -> None:
    with w.within("structure:table"):
        _header(w, "Town | Region | Goods | People")
        for town in w.rng.sample(TOWNS, 4 + int(w.rng.random() * 3)):
            w.bind(
                t=labelled((town.name, entity(town.name))),
                r=labelled((town.region, entity(town.region))),
                g=labelled((town.good, good(town.good))),
                p=labelled((str(town.people), "number:people")),
            )
            _row(w, "{t}", "{r}", "{g}", "{p}")


def _stock(w: Writer, goal: int) -> None:
    with w.within("structure:table"):
        _header(w, "Item | Number | Price")
        for _ in range(4 + int(w.rng.random() * 4)):
            kind, table = w.pick(("toolish", "colour", "material")), w.pick(("handtool", "garment", "container"))
            _row(w, "{" + kind + "?}{" + table + "}", "{n}", "{price}")


def _counting(w: Writer, goal: int) -> None:
    step = w.pick((1, 1, 2, 3, 4, 5, 10, 25, 100))
    start = int(w.rng.random() * 40) * w.pick((1, step))
    w.sentence(
        "Counting from {start}:".replace("{start}", str(start))
        if step == 1
        else w.pick(("Counting by {by}:", "{name} counts the {creature.s} by {by}:", "Every {by} from {start}:"))
        .replace("{by}", str(step))
        .replace("{start}", str(start))
    )
    w(" ")
    with w.within("structure:counting"):
        w(", ".join(str(start + step * at) for at in range(8 + int(w.rng.random() * 6))), "number:quantity")
    w("\n")


def write_list(w: Writer, goal: int) -> None:
    """Lists of several kinds, one under the other."""
    w.focus("you")
    while w.length < goal:
        w.pick((_bullets, _bullets, _bullets, _prices, _table, _stock, _counting))(w, goal)
        w("\n")
