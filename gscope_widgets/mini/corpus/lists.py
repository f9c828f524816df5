"""Lists: bullets, prices, tables and counting."""

from .grammar import parse
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
_KINDS = (
    ("job_item", "Work for {day}"),
    ("job_item", "Jobs for the {season}"),
    ("buy_item", "Things to buy {when}"),
    ("buy_item", "What {name} packed for {town}"),
    ("buy_item", "Gifts for {name}'s {kin}"),
    ("buy_item", "Lost and found at the {building}"),
    ("seen_item", "{creature.s} seen {where}"),
    ("rule_item", "Rules of the {building}"),
)


def _bullets(w: Writer, goal: int) -> None:
    item, title = w.pick(_KINDS)
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
        w("- ", "structure:list_bullet")
        w.say("{" + table + "}: " if w.rng.random() < 0.5 else "{numword} {" + table + ".s}: ")
        w.say("{price}")
        w("\n")


def _table(w: Writer, goal: int) -> None:
    with w.within("structure:table"):
        w("Town")
        w(" | Region | Goods | People\n")
        for town in w.rng.sample(TOWNS, 4 + int(w.rng.random() * 3)):
            w(town.name, town.concept)
            w(" | ")
            w(town.region, "place:region")
            w(" | ")
            w(town.good, "thing:trade_good")
            w(" | ")
            w(str(town.people), "number:quantity")
            w("\n")


def _stock(w: Writer, goal: int) -> None:
    with w.within("structure:table"):
        w("Item | Number | Price\n")
        for _ in range(4 + int(w.rng.random() * 4)):
            w.say(
                "{"
                + w.pick(("toolish", "colour", "material"))
                + "?}{"
                + w.pick(("handtool", "garment", "container"))
                + "} | {n} | {price}"
            )
            w("\n")


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
