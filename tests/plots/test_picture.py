"""Figures that notebooks show."""

from __future__ import annotations

from pyro_activeinf.plots.picture import Picture


def test_a_notebook_gets_a_png_of_the_size_of_the_figure() -> None:
    image = Picture(figsize=(3.0, 2.0), dpi=50)._repr_png_()

    assert image[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = (int.from_bytes(image[k : k + 4], "big") for k in (16, 20))
    assert (width, height) == (150, 100)
