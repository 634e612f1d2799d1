"""geomstats' side of a measurement; run by an interpreter that has it, and by itself.

It imports nothing of this library. Each line of its input is a problem in JSON, two lists of points
of a family; each line of its output says how long their logarithms took, and how far from the
second points their exponentials are.
"""

# mypy: disable-error-code="import-not-found"

from __future__ import annotations

import json
import sys
import time
from typing import Any


def metrics() -> dict[str, Any]:
    """Fisher's metric of each family."""
    from geomstats.information_geometry.beta import BetaDistributions
    from geomstats.information_geometry.dirichlet import DirichletDistributions
    from geomstats.information_geometry.gamma import GammaDistributions

    return {
        "Dirichlet": DirichletDistributions(3).metric,
        "Beta": BetaDistributions().metric,
        "Gamma": GammaDistributions().metric,
    }


def answer(metric: Any, start: Any, end: Any) -> dict[str, float]:
    """Seconds of all logarithms, and the largest error of the round trip of the first."""
    import numpy as np

    start, end = np.array(start), np.array(end)
    begin = time.perf_counter()
    found = metric.log(end, start)  # the base point comes second
    seconds = time.perf_counter() - begin
    back = metric.exp(found[0], start[0])
    return {"seconds": seconds, "error": float(np.abs(back - end[0]).max())}


def serve() -> None:
    """Answer until the input ends."""
    from importlib.metadata import version

    known = metrics()
    print(json.dumps({"geomstats": version("geomstats")}), flush=True)  # noqa: T201
    for line in sys.stdin:
        problem = json.loads(line)
        found = answer(known[problem["family"]], problem["start"], problem["end"])
        print(json.dumps(found), flush=True)  # noqa: T201


if __name__ == "__main__":
    serve()
