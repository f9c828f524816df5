"""Tables for those who have pandas; it is no dependency of ours."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from gscope_widgets.errors import GscopeError

if TYPE_CHECKING:
    import pandas


def build_frame(**columns: Iterable[object]) -> "pandas.DataFrame":
    """A pandas DataFrame of equally long columns.

    Raises:
        GscopeError: pandas is not installed.
    """
    try:
        import pandas
    except ImportError:
        raise GscopeError("to_frame() needs pandas, which is not installed; run: pip install pandas") from None
    return pandas.DataFrame(columns)
