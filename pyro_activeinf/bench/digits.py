"""Handwritten digits, level over level: what flows between the levels add, and what levels hold.

``python -m pyro_activeinf.bench.digits --output docs/results`` writes ``digits.json``, and
``digits.png`` (the bound of each seed, the free energy of each level, reconstructions, samples and
a walk through the topmost level). It needs scikit-learn, whose digits are 8 x 8 pixels.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyro
import torch
from torch import Tensor
from tqdm.auto import tqdm

from .._checks import complain
from ..demo.files import writable_folder, write
from ..diagnostics import posterior_collapse
from ..free_energy import VariationalFreeEnergy
from ..learning import annealing, fit
from ..models import HierarchicalVariational

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# few coordinates at each level: what they mean is crowded, and posteriors are bent
DIMS, HIDDEN, LENGTH = (64, 3, 2, 2), 64, 3
STEPS, BATCH, RATE, FREE_BITS = 2500, 128, 5e-3, 0.5
COPIES, HELD_OUT, DRAWS, PARTICLES = 20, 297, 200, 32
ARMS = {"Gaussian": 0, "flows": LENGTH}


@dataclass(frozen=True)
class Trained:
    """One training: the bound on held-out digits, and what levels hold, in nats for each digit."""

    arm: str
    seed: int
    bound: float  # importance-weighted, of the log evidence
    free_energy: float
    per_level: dict[str, float]  # KL of each level
    active: dict[str, int]  # units of each level that depend on the digit
    free_bits: float = FREE_BITS  # nats of each level that cost nothing in training


def digits() -> tuple[Tensor, Tensor]:
    """Pixels drawn black (1) or white, ``(n, 64)``: 1,500 digits COPIES times over, and held out.

    A pixel is black with the share of ink in it. Other draws of the same digit keep networks from
    learning single pixels by heart.

    Raises:
        ImportError: scikit-learn, which ships the digits, is not installed.
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError as missing:
        way_out = "pip install scikit-learn."
        raise ImportError(complain("digits", "scikit-learn", "none", way_out)) from missing
    random = np.random.default_rng(0)
    ink = random.permutation(load_digits().data / 16.0)
    shares = np.concatenate([np.tile(ink[HELD_OUT:], (COPIES, 1)), ink[:HELD_OUT]])
    pixels = torch.from_numpy(random.random(shares.shape) < shares)
    pixels = pixels.to(torch.get_default_dtype())
    return pixels[:-HELD_OUT], pixels[-HELD_OUT:]


def train(
    arm: str, seed: int, steps: int = STEPS, free_bits: float = FREE_BITS
) -> tuple[HierarchicalVariational, Trained]:
    """Train one model, and look at it."""
    seen, held_out = digits()
    pyro.set_rng_seed(seed)
    model = HierarchicalVariational(DIMS, HIDDEN, ARMS[arm], binary=True)
    levels = [f"level{level}/z" for level in range(1, model.depth + 1)]
    warm = annealing.Linear(steps // 4)
    loss = VariationalFreeEnergy(
        weight=dict.fromkeys(levels, warm),
        free_bits=dict.fromkeys(levels, free_bits) if free_bits else None,
    )
    fit(
        model,
        model.guide,
        seen,
        loss=loss,
        optimizer=partial(torch.optim.Adam, lr=RATE, fused=True),
        learning_rate=partial(torch.optim.lr_scheduler.CosineAnnealingLR, T_max=steps),
        batch_size=BATCH,
        steps=steps,
        progress=False,
        read_every=steps,
        compile=steps >= 1000,  # compiling costs as much as some hundred steps
        clip_norm=200.0 * len(seen),
    )
    return model, replace(looked_at(model, arm, seed, held_out), free_bits=free_bits)


def looked_at(model: HierarchicalVariational, arm: str, seed: int, x: Tensor) -> Trained:
    """The bound, F, and the KL of each level, on some digits."""
    elbo = VariationalFreeEnergy(
        num_particles=PARTICLES, vectorize_particles=True, max_plate_nesting=1
    )
    with torch.no_grad():
        bound = model.bound(x, DRAWS).mean()
        terms = elbo.decompose(model, model.guide, x)
    collapse = posterior_collapse(model, model.guide, x, num_particles=PARTICLES)
    names = {f"level {level}": f"level{level}/z" for level in terms.per_level}
    held = {name: float(terms.complexity_per_site[site]) / len(x) for name, site in names.items()}
    active = {name: int(collapse.active[site].sum()) for name, site in names.items()}
    return Trained(arm, seed, float(bound), float(terms.total) / len(x), held, active)


def summary(trained: Sequence[Trained]) -> dict[str, Any]:
    """Bounds of each arm, seed by seed, what flows add to each, and how little a level holds.

    The same without free bits: bounds, and how much any level above the lowest holds then.
    """
    bare, trained = (
        [one for one in trained if bool(one.free_bits) is some] for some in (False, True)
    )
    bounds = {arm: [one.bound for one in trained if one.arm == arm] for arm in ARMS}
    energies = {arm: [one.free_energy for one in trained if one.arm == arm] for arm in ARMS}
    gain = np.subtract(bounds["flows"], bounds["Gaussian"])
    return {
        "bounds": bounds,
        "gain": float(gain.mean()),
        "least gain": float(gain.min()),
        "gain in free energy": float(np.subtract(energies["Gaussian"], energies["flows"]).mean()),
        "spread": {arm: _spread(values) for arm, values in bounds.items()},
        "least_kl": min(min(one.per_level.values()) for one in trained),
        "idle units": sum(sum(DIMS[1:]) - sum(one.active.values()) for one in trained),
        "without free bits": {
            "bounds": {arm: [one.bound for one in bare if one.arm == arm] for arm in ARMS},
            "most KL above the lowest level": max(
                (max([*one.per_level.values()][1:]) for one in bare), default=None
            ),
        },
    }


def _spread(values: Sequence[float]) -> float:
    """Standard deviation over seeds."""
    return float(np.std(values, ddof=1)) if len(values) > 1 else 0.0


def figure_of(trained: Sequence[Trained], model: HierarchicalVariational) -> Figure:
    """Bounds and levels as dots for each seed, with free bits; digits as the model has them."""
    from matplotlib.figure import Figure

    trained = [one for one in trained if one.free_bits]
    page = Figure(figsize=(7.2, 6.8), layout="constrained")
    parts: Any = page.subfigures(2, 1, height_ratios=[1, 2.2])
    top, bottom = parts
    bound, kl = top.subplots(1, 2)
    _dots(bound, [(arm, [o.bound for o in trained if o.arm == arm]) for arm in ARMS])
    bound.set_title("bound of held-out log evidence (nats per digit)", loc="left", fontsize="small")
    names = [(arm, level) for level in trained[0].per_level for arm in ARMS]
    rows = [
        (f"{level}, {arm}", [o.per_level[level] for o in trained if o.arm == arm])
        for arm, level in names
    ]
    _dots(kl, rows)
    kl.set_title("KL of a level (nats per digit)", loc="left", fontsize="small")
    kl.set_xlim(left=0.0)
    _pictures(bottom, model)
    return page


def _dots(axes: Axes, rows: Sequence[tuple[str, Sequence[float]]]) -> None:
    for row, (_, values) in enumerate(rows):
        spread = [row + 0.09 * (i - (len(values) - 1) / 2) for i in range(len(values))]
        axes.plot(values, spread, "o", color="#0072B2", fillstyle="none", markersize=4)
    axes.set_yticks(range(len(rows)), [name for name, _ in rows], fontsize="small")
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(visible=True, axis="x", alpha=0.3)
    axes.locator_params(axis="x", nbins=5)
    axes.tick_params(axis="x", labelsize="small")
    axes.margins(x=0.1)


def _pictures(page: Any, model: HierarchicalVariational) -> None:
    pyro.set_rng_seed(0)
    _, held_out = digits()
    columns, x = 12, held_out[:12]
    with torch.no_grad():
        rows = {"held out": x}
        for level in range(1, model.depth + 1):
            rows[f"from level {level}"] = model.reconstruct(x, level)
        for level in range(model.depth, 0, -1):
            rows[f"drawn down to level {level}"] = model.generate(columns, level)
        rows["drawn, with pixels"] = model(size=columns)
        walk = torch.zeros(columns, DIMS[-1])
        walk[:, 0] = torch.linspace(-2.0, 2.0, columns)
        rows["walk at the top"] = model.decode(walk, model.depth)
    for panel, (name, pixels) in zip(page.subplots(len(rows), 1), rows.items(), strict=True):
        panel.imshow(_row(pixels), cmap="Greys", vmin=0.0, vmax=1.0, interpolation="nearest")
        panel.set_ylabel(name, rotation=0, ha="right", va="center", fontsize="small")
        panel.set(xticks=[], yticks=[])
        panel.spines[:].set_visible(False)


def _row(pixels: Tensor) -> Any:
    """Digits side by side, a white column between them."""
    tiles = torch.nn.functional.pad(pixels.reshape(-1, 8, 8), (1, 1, 0, 0))
    return tiles.movedim(0, 1).flatten(1).numpy(force=True)


def run(output: Path, seeds: int = 5, steps: int = STEPS, progress: bool = True) -> list[Trained]:
    """Train both arms from every seed, with free bits and without; write what came of it.

    Raises:
        OSError: the folder cannot be made or written to.
    """
    writable_folder(output)
    trained: list[Trained] = []
    shown: HierarchicalVariational | None = None
    for seed in tqdm(range(seeds), disable=not progress, unit="seed"):
        for arm, free_bits in product(ARMS, (FREE_BITS, 0.0)):
            model, found = train(arm, seed, steps, free_bits)
            trained.append(found)
            wanted = arm == "flows" and free_bits > 0 and shown is None
            shown = model if wanted else shown
    content = {"summary": summary(trained), "trained": [asdict(one) for one in trained]}
    text = json.dumps(content, indent=1) + "\n"
    write(output / "digits.json", lambda path: path.write_text(text))
    if shown is not None:
        page = figure_of(trained, shown)
        write(output / "digits.png", lambda path: page.savefig(path, dpi=200))
    return trained


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser("python -m pyro_activeinf.bench.digits", description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("docs/results"), metavar="DIR")
    parser.add_argument("--seeds", type=int, default=5, metavar="N")
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(json.dumps(summary(run(options.output, options.seeds))))  # noqa: T201


if __name__ == "__main__":
    main()
