"""Pictures, tested by what they draw."""

from __future__ import annotations

import subprocess
import sys

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.dates import date2num
from pandas.testing import assert_frame_equal

from tests.builders import (
    accepted,
    at,
    cancelled,
    denied,
    executed,
    order,
    placed,
    received,
    rejected,
    state_of,
)
from toolkit.errors import ConfigError
from toolkit.reports import plots
from toolkit.reports.exposure import exposure_frame
from toolkit.reports.frames import fills_frame, orders_frame
from toolkit.reports.plots_costs import _edges

mpl.use("Agg")

NO_FILLS = fills_frame([])
NO_ORDERS = orders_frame([])


def traded(*trades, **changes):
    """The fills of one order per (seconds, signed shares, price)."""
    states = []
    for number, (seconds, shares, price) in enumerate(trades, 1):
        side, word = ("BUY", "BOT") if shares > 0 else ("SELL", "SLD")
        name = f"{changes.get('symbol', 'SPY')}{number}"
        states.append(
            state_of(
                *placed(name, number, direction=side, quantity=abs(shares), **changes),
                executed(abs(shares), price, f"{name}.01", seconds, name, word),
            )
        )
    return fills_frame(states)


def quotes(*rows, **columns):
    """A frame of (seconds, bid, ask)."""
    seconds, bids, asks = zip(*rows, strict=True)
    return pd.DataFrame({"ts": [at(s) for s in seconds], "bid": bids, "ask": asks, **columns})


QUOTES = quotes((0, 9.0, 11.0), (60, 19.0, 21.0), (120, 29.0, 31.0))


def labels(figure):
    """What the legend says."""
    return [text.get_text() for legend in figure.legends for text in legend.get_texts()]


def texts(figure):
    """Everything written inside the axes and above them."""
    axes = figure.axes[0]
    return [text.get_text() for text in axes.texts] + [axes.get_title("left"), axes.get_title("right")]


# --- fills against the quote ---------------------------------------------------------------------


def test_buys_and_sells_are_drawn_at_their_times_and_prices():
    figure = plots.fills_against_quote(traded((10, 100, 11), (70, -200, 19)), QUOTES)
    band, buys, sells = figure.axes[0].collections
    assert band.get_label() == "bid to ask"
    assert buys.get_offsets().tolist() == [[date2num(at(10)), 11]]
    assert sells.get_offsets().tolist() == [[date2num(at(70)), 19]]
    assert labels(figure) == ["bid to ask", "buy, 1 fill, 100 shares", "sell, 1 fill, 200 shares"]


def test_buys_and_sells_differ_by_shape_as_well_as_by_colour():
    figure = plots.fills_against_quote(traded((10, 100, 11), (70, -200, 19)), QUOTES)
    _, buys, sells = figure.axes[0].collections
    assert buys.get_paths()[0].vertices.tolist() != sells.get_paths()[0].vertices.tolist()
    assert buys.get_facecolor().tolist() != sells.get_facecolor().tolist()


def test_a_quote_holds_until_the_next_one():
    bid, ask = plots.fills_against_quote(NO_FILLS, QUOTES).axes[0].lines
    assert bid.get_drawstyle() == ask.get_drawstyle() == "steps-post"
    assert (bid.get_ydata().tolist(), ask.get_ydata().tolist()) == ([9, 19, 29], [11, 21, 31])


def test_the_axes_say_their_units():
    axes = plots.fills_against_quote(traded((10, 100, 11)), QUOTES).axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("time (UTC), 2026-01-05", "price (USD)")


def test_only_the_named_symbol_is_drawn():
    fills = pd.concat([traded((10, 100, 11)), traded((20, 100, 50), symbol="QQQ")])
    both = pd.concat([QUOTES.assign(symbol="SPY"), QUOTES.assign(symbol="QQQ", bid=49, ask=51)])
    figure = plots.fills_against_quote(fills, both, symbol="QQQ")
    assert [c.get_offsets()[:, 1].tolist() for c in figure.axes[0].collections[1:]] == [[50]]
    assert figure.axes[0].lines[0].get_ydata().tolist() == [49, 49, 49]


def test_several_symbols_without_a_name_are_refused():
    fills = pd.concat([traded((10, 100, 11)), traded((20, 100, 50), symbol="QQQ")])
    with pytest.raises(ConfigError, match="2 symbols, QQQ, SPY; name one"):
        plots.fills_against_quote(fills, QUOTES)


# --- slippage ------------------------------------------------------------------------------------


def test_every_fill_is_in_the_histogram_once():
    fills = traded((1, 100, "450.34"), (2, 100, "450.16"), (3, -100, "450.16"))
    bars = plots.slippage_distribution(fills).axes[0].patches
    assert sum(bar.get_height() for bar in bars) == 3
    cost = sum(bar.get_height() for bar in bars if bar.get_x() >= 0)
    assert cost == 2


def test_the_mean_is_weighted_by_notional():
    figure = plots.slippage_distribution(traded((1, 300, "450.295"), (2, 100, "450.25")))
    assert labels(figure)[0] == "mean +0.75 bps, by notional"


def test_fills_without_a_quote_are_counted_not_drawn():
    blind = fills_frame(
        [state_of(received("b"), accepted(bid=None, intent_id="b"), executed(1, intent_id="b"))]
    )
    figure = plots.slippage_distribution(pd.concat([traded((1, 100, "450.30")), blind]))
    assert "not shown: 1 fill without a quote" in texts(figure)
    assert "no fills with a quote to compare" in texts(plots.slippage_distribution(blind))


def test_orders_are_counted_as_orders():
    figure = plots.slippage_distribution(orders_frame([order(executed(100, "450.30"))]))
    assert figure.axes[0].get_ylabel() == "orders"


def test_one_far_outlier_does_not_make_a_thousand_bins():
    fills = traded(*((n, 100, "450.26") for n in range(1, 30)), (40, 100, "460"))
    edges = _edges(fills["slippage_bps"].to_numpy())
    assert len(edges) <= 63
    assert np.isclose(edges, 0).any()
    assert edges[0] <= fills["slippage_bps"].min()
    assert edges[-1] > fills["slippage_bps"].max()


# --- exposure ------------------------------------------------------------------------------------


def test_exposure_follows_fills_and_quotes():
    frame = exposure_frame(traded((10, 100, 11), (90, -150, 19)), QUOTES)[["gross", "net"]]
    expected = pd.DataFrame(
        {"gross": [1000.0, 2000.0, 1000.0, 1500.0], "net": [1000.0, 2000.0, -1000.0, -1500.0]},
        index=pd.DatetimeIndex([at(10), at(60), at(90), at(120)], name="time").as_unit("ns"),
    )
    assert_frame_equal(frame, expected)


def test_exposure_of_a_long_and_a_short_adds_up_gross_and_cancels_net():
    fills = pd.concat([traded((10, 100, 10)), traded((20, -50, 30), symbol="QQQ")])
    assert exposure_frame(fills)[["gross", "net"]].to_numpy().tolist() == [[1000, 1000], [2500, -500]]


def test_profit_is_what_the_position_is_worth_less_what_was_paid_for_it():
    frame = exposure_frame(traded((10, 100, 11), (90, -150, 19)), QUOTES)
    # Bought 100 at 11, marked at 10 and 20; sold 150 at 19, the 50 short marked at 20 and 30.
    assert frame["pnl"].tolist() == [-100, 900, 750, 250]
    assert frame["commission"].isna().all()


def test_commissions_add_up_until_one_is_not_known():
    known = traded((10, 100, 10), (20, 100, 10), (30, 100, 10)).assign(commission=[1.0, 2.0, np.nan])
    assert exposure_frame(known)["commission"].tolist()[:2] == [1, 3]
    assert np.isnan(exposure_frame(known)["commission"].iloc[2])


def test_before_the_first_quote_a_position_is_worth_its_last_fill():
    frame = exposure_frame(traded((10, 100, 12)), quotes((60, 19.0, 21.0)))
    assert frame["net"].tolist() == [1200, 2000]


def test_currencies_are_not_added_up():
    fills = pd.concat([traded((10, 100, 10)), traded((20, 100, 30), symbol="SAP", currency="EUR")])
    with pytest.raises(ConfigError, match="EUR and USD"):
        exposure_frame(fills)


def test_quotes_of_several_symbols_must_say_which():
    fills = pd.concat([traded((10, 100, 10)), traded((20, 100, 30), symbol="QQQ")])
    with pytest.raises(ConfigError, match="column symbol"):
        exposure_frame(fills, QUOTES)


def test_profit_after_commissions_is_drawn_as_far_as_they_are_known():
    fills = traded((10, 100, 11), (90, -150, 19))
    assert len(plots.exposure_through_the_day(fills, QUOTES).axes[1].lines) == 2
    before, after, zero = plots.exposure_through_the_day(fills.assign(commission=1.0), QUOTES).axes[1].lines
    assert before.get_ydata().tolist() == [-100, 900, 750, 250]
    assert after.get_ydata().tolist() == [-101, 899, 748, 248]
    assert zero.get_ydata() == [0, 0]


def test_gross_and_net_are_drawn_as_steps():
    figure = plots.exposure_through_the_day(traded((10, 100, 11), (90, -150, 19)), QUOTES)
    gross, net, zero = figure.axes[0].lines
    assert gross.get_ydata().tolist() == [1000, 2000, 1000, 1500]
    assert net.get_ydata().tolist() == [1000, 2000, -1000, -1500]
    assert zero.get_ydata() == [0, 0]
    assert figure.axes[0].get_ylabel() == "exposure (USD)"


# --- outcomes ------------------------------------------------------------------------------------


def test_outcomes_are_counted_most_frequent_first_and_tell_our_denials_from_the_brokers_rejections():
    states = [
        order(executed(100)),
        order(executed(100)),
        order(cancelled()),
        state_of(received("d"), denied(intent_id="d")),
        state_of(received("e"), denied(intent_id="e")),
        state_of(received("f"), denied(intent_id="f")),
        order(rejected()),
    ]
    axes = plots.order_outcomes(orders_frame(states)).axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == [
        "Denied: MAX_ORDER_QUANTITY",
        "Filled",
        "Cancelled",
        "Rejected: IB201",
    ]
    assert [bar.get_width() for bar in axes.patches] == [3, 2, 1, 1]
    assert axes.get_xlabel() == "orders, 7 in all"


# --- little or nothing to draw -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("draw", "words"),
    [
        (lambda: plots.fills_against_quote(NO_FILLS, QUOTES.head(0)), "no fills, no quotes"),
        (lambda: plots.fills_against_quote(NO_FILLS, QUOTES), "no fills"),
        (lambda: plots.slippage_distribution(NO_FILLS), "no fills"),
        (lambda: plots.slippage_distribution(NO_ORDERS), "no fills"),
        (lambda: plots.exposure_through_the_day(NO_FILLS, QUOTES), "no fills"),
        (lambda: plots.order_outcomes(NO_ORDERS), "no orders"),
    ],
)
def test_a_picture_of_nothing_says_so(draw, words):
    assert words in texts(draw())


@pytest.mark.parametrize(
    "draw",
    [
        lambda fills: plots.fills_against_quote(fills, QUOTES.head(0)),
        plots.slippage_distribution,
        plots.exposure_through_the_day,
    ],
)
def test_a_picture_of_one_fill_can_be_rendered(draw, tmp_path):
    path = tmp_path / "one.png"
    draw(traded((10, 100, 11))).savefig(path)
    assert path.stat().st_size > 5_000


def test_a_drawn_figure_is_not_kept_by_pyplot():
    from matplotlib import pyplot as plt

    plots.order_outcomes(NO_ORDERS)
    assert plt.get_fignums() == []


def test_importing_the_pictures_does_not_import_matplotlib():
    code = "import sys, toolkit.reports.plots; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0


class TestHeadroom:
    @staticmethod
    def room(**columns):
        names = pd.Index([f"limit_{n}" for n in range(len(columns["used"]))], name="limit")
        return pd.DataFrame({"unit": "USD", "where": "", **columns}, index=names)

    def test_bars_are_shares_of_the_limit_and_a_breach_has_another_colour(self):
        (axes,) = plots.headroom_bars(self.room(used=[250.0, 1000.0], allowed=[1000.0, 1000.0])).axes
        assert [round(bar.get_width()) for bar in axes.patches] == [25, 100]
        assert len({bar.get_facecolor() for bar in axes.patches}) == 2

    def test_a_limit_that_cannot_be_measured_says_so_and_a_limit_of_zero_draws(self):
        room = self.room(used=[np.nan, 5.0, 0.0], allowed=[10.0, 0.0, 0.0], where=["SPY", "", ""])
        (axes,) = plots.headroom_bars(room).axes
        assert [bar.get_width() for bar in axes.patches] == [0, 100, 0]
        assert axes.texts[0].get_text() == "cannot be measured: SPY"

    def test_no_limits_say_so(self):
        (axes,) = plots.headroom_bars(self.room(used=[], allowed=[])).axes
        assert axes.texts[0].get_text().startswith("no limit in force")
