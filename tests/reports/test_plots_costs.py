"""Pictures of what orders cost and how they went, tested by what they draw."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.dates import date2num

from tests.builders import (
    accepted,
    at,
    cancelled,
    charged,
    denied,
    executed,
    order,
    placed,
    received,
    rejected,
    reserved,
    state_of,
    status,
)
from tests.reports.test_session import ordered, recorded
from toolkit.errors import ConfigError
from toolkit.reports import plots
from toolkit.reports.frames import orders_frame
from toolkit.reports.session import trading_of

mpl.use("Agg")

BOUGHT = [executed(100, 102, "F.01", 5, "a"), charged(1, "F.01", 6, "a")]
STREAM = [recorded(second, 103, 105) for second in range(6, 320, 5)]
TRADING = trading_of(ordered("a", *BOUGHT), STREAM)


def title(figure, side="left"):
    return figure.axes[0].get_title(side)


def texts(figure):
    return [text.get_text() for text in figure.axes[0].texts]


# --- one order -----------------------------------------------------------------------------------------


def test_the_life_of_an_order_shows_its_fills_its_moments_and_its_decision():
    figure = plots.order_life(TRADING, "a")
    (axes,) = figure.axes
    assert title(figure) == "a: buy 100 SPY LIMIT"
    assert axes.collections[1].get_offsets().tolist() == [[date2num(at(5)), 102]]
    assert texts(figure) == ["decided", "sent", "ended"]
    lines = {line.get_label(): line.get_ydata() for line in axes.lines}
    assert lines["mid at the decision"] == [100, 100]


def test_the_quote_is_drawn_from_edge_to_edge():
    bid, *_ = plots.order_life(TRADING, "a").axes[0].lines
    _, right = plots.order_life(TRADING, "a").axes[0].get_xlim()
    assert bid.get_xdata()[-1] == pd.Timestamp(mpl.dates.num2date(right)).tz_localize(None)
    assert bid.get_ydata().tolist()[:2] == [99, 100]


def test_an_order_that_is_not_known_is_refused():
    with pytest.raises(ConfigError, match="No order 'x' was traded"):
        plots.order_life(TRADING, "x")


def test_an_order_without_fills_and_quotes_says_so():
    events = [received("a"), accepted(None, None, "a", 1), reserved(7, "a"), cancelled(3, "a")]
    assert texts(plots.order_life(trading_of(events), "a")) == ["no fills, no quotes"]


# --- shortfall -------------------------------------------------------------------------------------------


def test_the_parts_of_the_shortfall_stand_on_each_other_and_end_at_the_whole():
    measures = TRADING.measures()
    figure = plots.shortfall_waterfall(measures)
    *parts, whole = figure.axes[0].patches
    assert [bar.get_height() for bar in parts] == pytest.approx([100, 100, 0, 1])
    assert [bar.get_y() for bar in parts] == pytest.approx([0, 100, 200, 200])
    assert (whole.get_y(), whole.get_height()) == (0, pytest.approx(201))
    assert texts(figure)[0] == f"+100.00\n+{1e6 / 10200:.2f} bps"


def test_an_order_of_which_something_is_unknown_is_counted_not_added():
    both = pd.concat([TRADING.measures(), trading_of(ordered("b", BOUGHT[0])).measures()])
    figure = plots.shortfall_waterfall(both)
    assert figure.axes[0].patches[-1].get_height() == pytest.approx(201)
    assert title(figure, "right") == "not added: 1 order with something unknown"
    assert texts(plots.shortfall_waterfall(both.tail(1))) == ["no orders whose whole shortfall is known"]


def test_costs_in_several_currencies_are_not_added_up():
    both = pd.concat([TRADING.measures(), TRADING.measures().assign(currency="EUR")])
    with pytest.raises(ConfigError, match="EUR and USD"):
        plots.shortfall_waterfall(both)


# --- markout ---------------------------------------------------------------------------------------------


def test_a_markout_curve_begins_at_the_cost_of_the_fill_and_follows_the_market():
    (line, zero) = plots.markout_curve(TRADING.fill_measures()).axes[0].lines
    later = (104 - 102) / 102 * 1e4
    assert line.get_ydata().tolist() == pytest.approx([-1 / 102 * 1e4, later, later, later, later])
    assert zero.get_ydata() == [0, 0]


def test_a_curve_has_a_band_and_each_group_a_line_of_its_own():
    fills = pd.concat([TRADING.fill_measures()] * 6).assign(liquidity=["add", "remove"] * 3)
    fills["markout_10s_bps"] += np.arange(6.0)
    axes = plots.markout_curve(fills, "liquidity").axes[0]
    assert [line.get_linestyle() for line in axes.lines] == ["-", "--", "-"]
    assert [line.get_marker() for line in axes.lines][:2] == ["o", "v"]
    (vertices,) = (path.vertices for path in axes.collections[0].get_paths())
    spread = [vertices[vertices[:, 0] == 2][:, 1].min(), vertices[vertices[:, 0] == 2][:, 1].max()]
    assert spread[0] < axes.lines[0].get_ydata()[2] < spread[1]


def test_fills_too_young_for_the_longest_horizon_are_counted():
    young = trading_of(ordered("a", *BOUGHT), STREAM[:6]).fill_measures()
    figure = plots.markout_curve(young)
    assert title(figure, "right") == "1 fill without a quote at 60s"
    assert np.isnan(figure.axes[0].lines[0].get_ydata()[3])


def test_more_than_four_curves_are_refused():
    fills = pd.concat([TRADING.fill_measures()] * 5).assign(symbol=list("ABCDE"))
    with pytest.raises(ConfigError, match="5 values"):
        plots.markout_curve(fills, "symbol")


# --- latency and outcomes --------------------------------------------------------------------------------


def test_latency_shows_three_percentiles_of_each_stage():
    measures = pd.concat([TRADING.measures()] * 100).assign(submit_to_ack_ms=np.arange(1, 101.0))
    axes = plots.latency_stages(measures).axes[0]
    stages = [label.get_text() for label in axes.get_yticklabels()]
    assert stages == [
        "intent to risk",
        "risk to wire",
        "wire to ack",
        "ack to first fill",
        "intent to last fill",
    ]
    assert axes.get_xscale() == "log"
    drawn = [points.get_offsets()[stages.index("wire to ack"), 0] for points in axes.collections[1:]]
    assert drawn == pytest.approx(list(np.percentile(np.arange(1, 101), [50, 90, 99])))
    assert len({tuple(points.get_paths()[0].vertices.ravel()) for points in axes.collections[1:]}) == 3


def test_a_span_too_short_for_a_logarithm_is_drawn_at_its_end():
    axes = plots.latency_stages(TRADING.measures().assign(intent_to_risk_ms=0.0)).axes[0]
    assert axes.collections[1].get_offsets()[0, 0] == 0.001


def test_the_funnel_counts_how_far_orders_came_and_why_they_stopped():
    orders = orders_frame(
        [
            order(status("Submitted"), executed(100)),
            order(status("Submitted"), executed(50), cancelled()),
            order(status("Submitted"), cancelled()),
            order(rejected()),
            order(status("Submitted")),
            state_of(received("d"), denied(intent_id="d")),
            state_of(*placed("n")[:2], denied(intent_id="n", code="NOT_CONNECTED")),
        ]
    )
    figure = plots.order_funnel(orders)
    assert [bar.get_width() for bar in figure.axes[0].patches] == [7, 6, 5, 4, 2, 1]
    assert texts(figure) == [
        "7  100%",
        "6  86%   1 denied",
        "5  71%   1 not sent",
        "4  57%   1 rejected by the broker",
        "2  29%   1 cancelled or expired without a fill",
        "1  14%   1 cancelled part-filled",
    ]
    assert title(figure, "right") == "1 order still open"


# --- little or nothing to draw ---------------------------------------------------------------------------

NOTHING = trading_of([])


@pytest.mark.parametrize(
    ("draw", "words"),
    [
        (lambda: plots.shortfall_waterfall(NOTHING.measures()), "no orders"),
        (lambda: plots.markout_curve(NOTHING.fill_measures()), "no fills"),
        (lambda: plots.latency_stages(NOTHING.measures()), "no orders that were sent"),
        (lambda: plots.order_funnel(orders_frame([])), "no orders"),
    ],
)
def test_a_picture_of_nothing_says_so(draw, words):
    assert words in texts(draw())


@pytest.mark.parametrize(
    "draw",
    [
        lambda: plots.order_life(TRADING, "a"),
        lambda: plots.shortfall_waterfall(TRADING.measures()),
        lambda: plots.markout_curve(TRADING.fill_measures()),
        lambda: plots.latency_stages(TRADING.measures()),
        lambda: plots.order_funnel(orders_frame([order(executed(100))])),
    ],
)
def test_a_picture_can_be_rendered(draw, tmp_path):
    path = tmp_path / "one.png"
    draw().savefig(path, dpi=40)
    assert path.stat().st_size > 2_000
