"""Which terms of expected free energy count."""

from __future__ import annotations

from collections.abc import Iterable

from .._checks import known_names
from ..records import TERMS


def counted_terms(terms: Iterable[str] | None) -> frozenset[str]:
    """The terms of expected free energy that count; all where ``None``.

    Raises:
        ValueError: for a name that is not one of ``pragmatic``, ``epistemic``, ``novelty``.

    Example:
        >>> sorted(counted_terms("epistemic")), len(counted_terms(None))
        (['epistemic'], 3)
    """
    if isinstance(terms, str):
        terms = [terms]
    found = frozenset(TERMS if terms is None else terms)
    known_names("terms", sorted(found), TERMS)
    return found
