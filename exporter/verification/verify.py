"""Verifying a bundle: audit of its files, and comparison of its outputs with PyTorch's."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from exporter.targets.budgets import budget_of, tighter
from exporter.targets.registry import find_target
from exporter.verification.ahead import ahead
from exporter.verification.audit.answers import Answers, audit_answers
from exporter.verification.audit.bundle import audit_bundle, with_answers, with_audit
from exporter.verification.audit.recipe import check_recipe
from exporter.verification.check import Check, Limit
from exporter.verification.comparison import compare_with_pytorch
from exporter.verification.explanation import Explanation, audited_again, explain
from exporter.verification.origin import find_checkpoint, kept_pieces
from exporter.verification.reference.reference import Reference
from exporter.verification.strict_rounding import beside_strict
from exporter.verification.tokenizer_parity import compare_tokens
from runtimes.backends.backend import NATIVE
from runtimes.backends.registry import open_on
from runtimes.bundle.manifest import Budget
from runtimes.bundle.reading import Bundle
from runtimes.parity.compare import Parity
from runtimes.runner import Runner
from runtimes.version import __version__

if TYPE_CHECKING:
    from exporter.verification.witness import Witness


@dataclass(frozen=True)
class Verification:
    """A bundle that was compared: `parity` has the figures and the verdict against `budget`."""

    bundle: Bundle
    parity: Parity
    budget: Budget
    reference: Reference
    runner: Runner

    def explain(self) -> Explanation:
        """Where the saved model departs from PyTorch, tensor by tensor; see `explanation.explain`."""
        return explain(self.reference, self.runner, self.bundle, self.parity, self.budget)

    def bear_witness(self, frequent_texts: tuple[str, ...] = ()) -> "Witness":
        """Whether Apple's runtime computes what the interpreter does; see `witness.bear_witness`."""
        from exporter.verification.witness import bear_witness  # here: few ask for it

        return bear_witness(self.bundle, self.reference, frequent_texts)


def verify(check: Check) -> Verification:
    """Check a bundle against its manifest, then against PyTorch on its checkpoint.

    Raises BundleError when files changed, or when the checkpoint is not the one that the bundle was made from, and
    RuntimeUnavailable when that checkpoint or the runtime asked for cannot be had.
    """
    return check_bundle(check, find_reference(check))


def find_reference(check: Check) -> Reference:
    """The first half of `verify`: files that are what the manifest says, and the checkpoint that it names."""
    checkpoint = find_checkpoint(check, compared=True)
    kept = kept_pieces(check.bundle, checkpoint) if check.bundle.manifest.recipe.vocabulary_size else None
    return Reference(checkpoint, check.texts, check.pairs, kept, answering=check.answering)


def check_bundle(check: Check, reference: Reference) -> Verification:
    """The second half of `verify`: a bundle whose files are what its manifest says, against its checkpoint's reference.

    What the files say is audited, and what the model answers is compared.

    A manifest may state a tighter budget than `budget_of`, and none that is wider: only the caller widens one.
    """
    manifest = check.bundle.manifest
    check_recipe(check.bundle, reference.checkpoint)
    find_target(manifest.recipe.target).check_companions(check.bundle)
    own = budget_of(reference.checkpoint, manifest.recipe)
    audited = audited_again(check.bundle, reference)
    audit = audit_bundle(audited)
    runner = open_on(check.bundle, check.arch, reference.threads)
    runner = ahead(runner, reference, manifest.recipe.sequence_lengths)
    budget = check.limit.applied(tighter(manifest.budget, own))
    compared = with_audit(compare_bundle(reference, runner, check.bundle, budget), audit)
    answers = Answers(reference, compared, check.limit.applied(own), _is_repeated(check))
    parity = replace(
        with_answers(compared, audit_answers(audited, answers)), note=str(getattr(runner, "description", ""))
    )
    parity = _with_labels(parity, check, reference, budget)
    return Verification(check.bundle, parity, budget, reference, runner)


def _with_labels(parity: Parity, check: Check, reference: Reference, budget: Budget) -> Parity:
    if check.texts_file is None:
        return parity
    from exporter.verification.labelled.texts import find_labelled  # here: it reads tables, which few texts are

    labelled = find_labelled(reference.checkpoint, check.texts_file, check.answering)
    return labelled.judged(parity, check.bundle, budget) if labelled else parity


def compare_bundle(reference: Reference, runner: Runner, bundle: Bundle, budget: Budget) -> Parity:
    """Hold a bundle's answers against PyTorch's, its tokenizer's ids against AutoTokenizer's, and float16 within."""
    answered = compare_with_pytorch(reference, runner, bundle.manifest, budget)
    tokenized = compare_tokens(answered, reference.heard, bundle, reference.kept)
    return beside_strict(tokenized, reference, bundle, budget)


def _is_repeated(check: Check) -> bool:
    """Whether the comparison is the one that parity.json tells of, but for the processor."""
    same_program = check.bundle.manifest.versions.get("bertport") == __version__
    return check.arch == NATIVE and check.limit == Limit() and same_program
