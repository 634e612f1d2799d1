"""A figure that notebooks show although pyplot does not know of it."""

from __future__ import annotations

from io import BytesIO

from matplotlib.figure import Figure


class Picture(Figure):
    """A :class:`matplotlib.figure.Figure` with an image for notebooks.

    IPython draws plain figures only once pyplot has been imported, and those of pyplot twice
    where they are also the value of a cell.
    """

    def _repr_png_(self) -> bytes:
        buffer = BytesIO()
        self.savefig(buffer, format="png")
        return buffer.getvalue()
