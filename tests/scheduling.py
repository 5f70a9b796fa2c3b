"""How pytest-xdist shares the test files among its workers: ``-n 2 --dist loadfile``."""

from __future__ import annotations

import re
from pathlib import PurePath
from typing import Any

from xdist.scheduler import LoadFileScheduling

KAFKA = "files that share a Kafka"


class SlowFirst(LoadFileScheduling):
    """
    Files as wholes, the slow ones first, so that the quick ones even out who ends last.

    A file of few tests is a slow one: each of its tests is a program. Files that are named after Kafka or
    a bus go to one worker, because every worker that has one of them starts a Kafka.
    """

    def _split_scope(self, nodeid: str) -> str:
        file: str = super()._split_scope(nodeid)
        return KAFKA if re.search("kafka|bus", PurePath(file).stem) else file

    def _assign_work_unit(self, node: Any) -> None:
        first = min(self.workqueue, key=lambda scope: (scope != KAFKA, len(self.workqueue[scope])))
        self.workqueue.move_to_end(first, last=False)
        super()._assign_work_unit(node)
