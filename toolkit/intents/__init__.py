"""
Research to execution: what to hold, as orders, and large orders, as slices.

Pure functions on frames, from what a notebook works out to what ``desk.submit`` takes::

    from toolkit import intents

    orders = intents.from_weights(weights, desk.risk.portfolio(), prices, capital=100_000)
    checked = desk.risk.check(orders)
    desk.submit(orders[checked.approved], batch="2026-11-23 rebalance")

``targets`` holds ``from_targets``, ``from_weights``, ``from_signals`` and ``plan``; ``slices`` holds
``twap`` and ``participation``.
"""

from toolkit.intents.slices import participation as participation
from toolkit.intents.slices import twap as twap
from toolkit.intents.targets import from_signals as from_signals
from toolkit.intents.targets import from_targets as from_targets
from toolkit.intents.targets import from_weights as from_weights
from toolkit.intents.targets import plan as plan
from toolkit.intents.targets import weights_of as weights_of
