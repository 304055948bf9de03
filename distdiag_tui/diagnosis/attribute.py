"""Whose fault it is: what of a server's change is its own, and not that of all servers.

Shapes: S servers, M metrics, W ticks before and N ticks of the trouble.
"""

from __future__ import annotations

import numpy as np

from distdiag_tui.diagnosis.detect import Detector, top_mean
from distdiag_tui.diagnosis.local import local_part
from distdiag_tui.diagnosis.metricset import MetricSet
from distdiag_tui.diagnosis.settings import Settings
from distdiag_tui.model.arithmetic import Floats


def attribute(metrics: MetricSet, before: Floats, now: Floats) -> Floats:
    """(S): how much of the trouble is each server's own, in robust deviations; the largest is the culprit.

    `before` (W, S, M) is calm, `now` (N, S, M) is not. Each server's change less the median of its peers',
    over the usual spread of that difference; one server alone is measured against its own past.
    """
    settings = Settings(memory=len(before), least=len(before))
    detector = Detector(metrics.fitted(before), before.shape[1], settings)
    for values in before:
        detector.feed(values)
    looks = [detector.feed(values) for values in now]
    alone = before.shape[1] == 1
    local = np.median([look.z if alone else local_part(look.z, look.apart) for look in looks], axis=0)
    return top_mean(np.abs(local), settings.top)
