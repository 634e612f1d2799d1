"""Sphinx settings of the site."""

from __future__ import annotations

from importlib.metadata import version as installed_version

project = "pyro_activeinf"
author = "The pyro_activeinf authors"
copyright = author
version = release = installed_version("pyro-activeinf")

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.mathjax", "sphinx.ext.napoleon"]
exclude_patterns = ["_build", "**/.ipynb_checkpoints", "design.md"]

html_theme = "furo"
html_title = project

autodoc_default_options = {"members": True}
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
napoleon_google_docstring = True
napoleon_numpy_docstring = False

myst_enable_extensions = ["amsmath", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
nb_execution_mode = "off"  # the notebooks are stored with their outputs, and executed by the tests
