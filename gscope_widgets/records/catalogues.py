"""Tables of what dictionaries there are."""

from typing import TYPE_CHECKING

from gscope_widgets.errors import write_bytes
from gscope_widgets.records.dictionaries import DictionaryInfo
from gscope_widgets.records.frames import build_frame

if TYPE_CHECKING:
    import pandas

_HEADS = ("site", "kind", "layers", "width", "l0", "affine", "size", "here")
_ROW = 4


class Catalogue(list[DictionaryInfo]):
    """Dictionaries in a list that shows itself as a table, one line for each family of one site, width and l0."""

    def __repr__(self) -> str:
        if not self:
            return "no dictionaries for this model on this machine"
        rows = [_HEADS, *(_write_row(infos) for infos in self._families())]
        widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADS))]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
        return "\n".join(lines)

    def to_frame(self) -> "pandas.DataFrame":
        """A pandas DataFrame, a row for each dictionary.

        Columns: `site`, `kind`, `layers`, `width`, `features`, `l0`, `mean_l0`, `affine`, `bytes`,
        `cached`, `id`. `features` and `mean_l0` are empty where nothing of the dictionary was read yet.
        """
        names = ("site", "kind", "layers", "width", "l0", "mean_l0", "affine", "bytes", "cached", "id")
        columns = {name: [getattr(info, name) for info in self] for name in names}
        columns["features"] = [info.d_dict for info in self]
        order = ("site", "kind", "layers", "width", "features", "l0", "mean_l0", "affine", "bytes", "cached", "id")
        return build_frame(**{name: columns[name] for name in order})

    def _families(self) -> list[list[DictionaryInfo]]:
        families: dict[tuple[object, ...], list[DictionaryInfo]] = {}
        for info in self:
            own = info.layers if len(info.layers) > 1 else ()
            families.setdefault((info.site, info.kind, own, info.width, info.l0, info.affine), []).append(info)
        return list(families.values())


def _write_row(infos: list[DictionaryInfo]) -> tuple[str, ...]:
    first = infos[0]
    layers = sorted({layer for info in infos for layer in info.layers})
    size = write_bytes(max(info.bytes for info in infos))
    cached = sum(info.cached for info in infos)
    return (
        first.site,
        first.kind,
        _write_layers(layers, together=len(first.layers) > 1),
        first.width,
        first.l0,
        "affine" if first.affine else "",
        size if len(infos) == 1 else f"{len(infos)} x {size}",
        "yes" if cached == len(infos) else f"{cached} of {len(infos)}" if cached else "no",
    )


def _write_layers(layers: list[int], *, together: bool) -> str:
    """ "7 13 17" for dictionaries of one layer each, "7+13+17" for one of all three; five or more in a row are cut."""
    sign = "+" if together else " "
    if len(layers) > _ROW and layers == list(range(layers[0], layers[-1] + 1)):
        return f"{layers[0]}{sign}...{sign}{layers[-1]}"
    return sign.join(map(str, layers))
