"""A warning where float16 inside operations would move a model beyond its budget.

Core ML says of a program what its tensors are, not what its sums are computed in; the Neural Engine computes in
float16. Of `runtimes.mil.numerics` `strict` is the bound of that: squares of activations beyond 256 overflow there.
"""

from dataclasses import replace

from exporter.targets.registry import find_scheme
from exporter.verification.reference.reference import Reference
from runtimes.backends.registry import find_backend
from runtimes.bundle.manifest import Budget
from runtimes.bundle.reading import Bundle
from runtimes.parity.compare import Parity, Subject, Verdict, compare
from runtimes.runner import Runner, Status

_ROWS = 4
"""Real texts that are run so: on models that are sensitive to it the first shows it, and the interpreter is slow."""


def beside_strict(parity: Parity, reference: Reference, bundle: Bundle, budget: Budget) -> Parity:
    """A passed parity of a float16 package that may run on the Neural Engine, with a warning where that could tell.

    Rounded at every inner step too, a few texts must stay within the budget.
    """
    recipe = bundle.manifest.recipe
    if parity.verdict is not Verdict.PASS or budget.max_relative is None:
        return parity
    if find_scheme(recipe.target, recipe.scheme).exact:
        return parity
    runner = find_backend(bundle).open_strict(bundle)
    if runner is None:
        return parity
    warnings = _departure(reference, runner, bundle, budget.max_relative, parity.logit_range)
    return replace(parity, warnings=(*parity.warnings, *warnings))


def _departure(reference: Reference, runner: Runner, bundle: Bundle, most: float, logit_range: float) -> list[str]:
    manifest, runner = bundle.manifest, reference.as_asked(runner)
    battery = reference.battery(runner.positions, manifest.recipe.sequence_lengths)
    real = [pair for pair in zip(battery.cases, battery.outputs, strict=True) if pair[0].real_text][:_ROWS]
    outputs = {spec.name: spec.per_token for spec in manifest.outputs}
    found = [case.keep(runner.run(case.batch), bundle.token_outputs) for case, _ in real]
    subject = Subject(outputs, manifest.problem, Budget(min_agreement=0.0), Status.SIMULATED, manifest.labels)
    parity = compare([case for case, _ in real], [answer for _, answer in real], found, subject)
    share = parity.max_absolute / max(logit_range, 1e-12)
    if not parity.failures and share <= most:
        return []
    departs = parity.failures[0] if parity.failures else f"{len(real)} texts depart by {share:.1%} of the logit range"
    return [
        f"rounded to float16 inside operations too, {departs} (budget: {most:.1%}): the Neural Engine may compute so, "
        "for activations are too large for float16; try --compute-units cpu-and-gpu, or --quantize none (float32), "
        "and measure on the device"
    ]
