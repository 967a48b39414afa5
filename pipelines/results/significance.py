"""One-sided exact Wilcoxon signed-rank test over folds, with the marks of jiang2024 (sections 5.3 and 6.1)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import PermutationMethod, wilcoxon

MARKS = ((0.001, "***"), (0.01, "**"), (0.05, "*"))
MINIMUM_FOLDS = 2


@dataclass(frozen=True)
class SignedRankTest:
    """Outcome of the test.

    Attributes:
        n: Pairs of folds.
        statistic: W+, the rank sum of the folds in which the reference is higher.
        p_value: Exact probability under the null hypothesis; with n folds it cannot fall below 2**-n.
    """

    n: int
    statistic: float
    p_value: float

    @property
    def can_be_significant(self) -> bool:
        """Whether so many pairs can give a p below the level of the first mark at all: five can, four cannot."""
        return 2.0**-self.n < MARKS[-1][0]

    @property
    def stars(self) -> str | None:
        """The mark: `*` p < .05, `**` p < .01, `***` p < .001, `-` otherwise; None where none could have been had."""
        if not self.can_be_significant:
            return None
        return next((mark for bound, mark in MARKS if self.p_value < bound), "-")


def signed_rank_test(reference: Sequence[float], row: Sequence[float], *, alternative: str) -> SignedRankTest | None:
    """Test whether one setting beats another, pairing equal folds.

    Every assignment of signs is enumerated, so p is exact with ties too; folds without a difference are left out of the
    ranks, as Wilcoxon did.

    Args:
        reference: Score of the reference row, one per fold.
        row: Score of the other row, in the same order.
        alternative: `reference_better` or `row_better`.

    Returns:
        The test, or None with fewer than two folds.
    """
    # Differences below the precision of the scores are rounding, and must neither make nor break a tie.
    differences = np.round(np.subtract(reference, row), 12)
    if len(differences) < MINIMUM_FOLDS:
        return None
    if not differences.any():
        return SignedRankTest(len(differences), 0.0, 1.0)
    outcome = wilcoxon(
        differences,
        alternative="greater" if alternative == "reference_better" else "less",
        method=PermutationMethod(n_resamples=2 ** len(differences)),
    )
    return SignedRankTest(len(differences), float(outcome.statistic), float(outcome.pvalue))
