"""The one world that every document tells of: the archipelago of Tarn, its regions and its towns."""

from typing import NamedTuple
from zlib import crc32


class Region(NamedTuple):
    """A region: its capital, the title and name of its ruler, its land, and its flag, feast and beast."""

    name: str
    capital: str
    title: str
    ruler: str
    land: str
    founded: int
    flag: str
    feast: str
    beast: str


class Town(NamedTuple):
    """A town: where it lies, what it trades in, its river, its size and its age."""

    name: str
    region: str
    harbour: bool
    good: str
    river: str
    people: int
    founded: int

    @property
    def concept(self) -> str:
        return "place:town/harbour" if self.harbour else "place:town/inland"


REGIONS = tuple(
    Region(*row[:5], int(row[5]), *row[6:])
    for row in (
        line.strip().split("/")
        for line in """
    Norrland/Halvik/Queen/Sigrid Voss/cold moors and deep fjords/812/white/January/seal
    Eastmark/Brannoch/Duke/Conrad Tremayne/wide fields of barley/847/yellow/August/ox
    Sarrow/Pellamy/Countess/Delia Marrick/chalk hills and sheep pastures/903/green/May/ram
    Vellmar/Dunmere/Governor/Osric Garrow/marshes and slow canals/931/brown/March/otter
    Kestria/Thornwick/Prince/Magnus Kestrin/dark pine forests/868/black/November/wolf
    Ostrava/Gullhaven/Admiral/Hedda Rasker/steep islands and sea cliffs/955/blue/June/gull
    Lowen/Marlbeck/Duchess/Flora Wexley/orchards and vineyards/889/purple/October/hare
    Umber/Coldforge/Steward/Rurik Mossman/mountains full of iron and slate/979/red/December/bear""".strip().splitlines()
    )
)

RIVERS = tuple("Arrel Bourne Cend Dorran Esk Fallow Greel Hathe Isk Jarrow Kell Lune Mave Nare Ouse Perrin".split())

TOWNS = tuple(
    Town(name, region, side == "h", good, river, int(people), int(founded))
    for name, region, side, good, river, people, founded in (
        line.strip().split("/")
        for line in """
    Halvik/Norrland/h/whale oil/Arrel/24000/812
    Skarn/Norrland/h/dried cod/Arrel/5200/940
    Ulvesund/Norrland/h/furs/Bourne/3100/1012
    Torrin Moor/Norrland/i/peat/Bourne/1900/1107
    Hestad/Norrland/i/horses/Arrel/4400/985
    Frostwell/Norrland/i/candles/Bourne/2700/1066
    Brannoch/Eastmark/i/barley/Cend/31000/847
    Millford/Eastmark/i/flour/Cend/8200/911
    Eddersby/Eastmark/i/straw hats/Dorran/3600/1033
    Sandhythe/Eastmark/h/salt/Cend/7400/902
    Goldacre/Eastmark/i/ale/Dorran/5900/976
    Wrenmouth/Eastmark/h/baskets/Dorran/6100/1019
    Pellamy/Sarrow/i/wool/Esk/18000/903
    Chalkden/Sarrow/i/lime/Esk/2500/1088
    Ewehurst/Sarrow/i/cheese/Fallow/4100/997
    Whitcombe/Sarrow/h/oysters/Fallow/5600/1041
    Lambourne/Sarrow/i/blankets/Esk/3900/1054
    Cliffend/Sarrow/h/lace/Fallow/2200/1120
    Dunmere/Vellmar/h/eels/Greel/15000/931
    Reedham/Vellmar/i/thatch/Greel/2800/1003
    Sluice/Vellmar/i/paper/Hathe/6700/1075
    Fennimore/Vellmar/i/ducks/Hathe/1700/1131
    Barrowgate/Vellmar/h/bricks/Greel/7900/988
    Otterley/Vellmar/i/leather/Hathe/3300/1024
    Thornwick/Kestria/i/timber/Isk/21000/868
    Pinehollow/Kestria/i/tar/Isk/2600/1049
    Ravensby/Kestria/i/ink/Jarrow/4800/1010
    Alderholm/Kestria/i/barrels/Jarrow/3700/1038
    Foxbridge/Kestria/i/violins/Isk/5100/1096
    Mastern/Kestria/h/masts/Jarrow/6900/959
    Gullhaven/Ostrava/h/herring/Kell/16000/955
    Puffin Rock/Ostrava/h/feathers/Kell/900/1142
    Stormness/Ostrava/h/rope/Lune/4300/1028
    Selsey Bay/Ostrava/h/pearls/Lune/3800/1070
    Lanternby/Ostrava/h/lamps/Kell/2900/1115
    Kelpwick/Ostrava/h/glass/Lune/3500/1062
    Marlbeck/Lowen/i/wine/Mave/19000/889
    Appledore/Lowen/i/cider/Mave/6400/944
    Honeywell/Lowen/i/honey/Nare/2400/1081
    Plumstead/Lowen/i/jam/Mave/3200/1057
    Vinehall/Lowen/h/silk/Nare/8800/969
    Rosemarket/Lowen/i/perfume/Nare/4600/1029
    Coldforge/Umber/i/iron/Ouse/23000/979
    Slatebury/Umber/i/slate/Ouse/4900/1036
    Hammerdale/Umber/i/bells/Perrin/5800/1002
    Tinmouth/Umber/h/tin/Perrin/7100/994
    Cragley/Umber/i/whetstones/Perrin/2100/1103
    Ironquay/Umber/h/anchors/Ouse/9300/1047""".strip().splitlines()
    )
)

REGION = {region.name: region for region in REGIONS}
TOWN = {town.name: town for town in TOWNS}

RELATIONS = ("capital", "ruler", "title", "land", "flag", "feast", "beast")
_HELD_OUT_PERCENT = 25


def value_of(region: str, relation: str) -> str:
    """What stands in a relation to a region; its ruler with the title."""
    found = REGION[region]
    return f"{found.title} {found.ruler}" if relation == "ruler" else getattr(found, relation)


def is_held_out(town: str, relation: str) -> bool:
    """Whether no training text ever joins a town to this relation's answer for its region.

    Ruler and title go together, for the one gives away the other. Capitals are never held out:
    their region's articles name them beside everything else.
    """
    if town == REGION[TOWN[town].region].capital:
        return False
    relation = "ruler" if relation == "title" else relation
    return crc32(f"{town}/{relation}".encode()) % 100 < _HELD_OUT_PERCENT
