"""
What the gateway says, by name: values -> one frame.

The only place that knows the layout of each reply; those that differ between server versions take
``version``. Sizes and counts are written whole, prices without exponent, flags as 0 or 1.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from toolkit.gateway.events import CommissionCharged, Executed, Order, OrderUpdated, PositionChanged
from toolkit.gateway.events import PortfolioRow
from toolkit.gateway.fields import UNSET_DOUBLE, flag, number, timestamp
from toolkit.gateway.instruments import Instrument
from toolkit.gateway.order_form import OrderForm, completed_order_fields, open_order_fields
from toolkit.gateway.wire import frame
