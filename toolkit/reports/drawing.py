"""
How pictures look: colours, axes and legends that every one of them shares.

Blue buys and orange sells, which every kind of colour vision tells apart, and a marker or a word
beside each colour, so that a grey print says the same. Times are UTC. matplotlib is imported when a
picture is drawn.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE: Final = "#0072B2"
ORANGE: Final = "#D55E00"
GREEN: Final = "#009E73"
GREY: Final = "#8A8A8A"
BAND: Final = "#D9D9D9"
SIDES: Final = {"BUY": (BLUE, "^"), "SELL": (ORANGE, "v")}
"""Side -> colour and marker."""
WIDTH: Final = 8.0
"""Inches; fits a page and a notebook cell."""
MINUTE: Final = pd.Timedelta(minutes=1)


def new_figure(title: str, height: float = 3.8) -> tuple[Figure, Axes]:
    """An empty figure of the common width; height in inches."""
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(WIDTH, height), layout="constrained")
    # The caller holds the figure; pyplot would keep it for ever, and a notebook would show it twice.
    plt.close(figure)
    axes.set_title(title, loc="left", fontsize=11)
    plain(axes)
    return figure, axes


def plain(axes: Axes) -> None:
    """No frame but two lines, and a faint grid behind what is drawn."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#EBEBEB", linewidth=0.6)
    axes.set_axisbelow(True)


def says(figure: Figure, axes: Axes, text: str) -> Figure:
    """A figure that says why it is empty."""
    axes.set_axis_off()
    axes.text(
        0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", color="#5A5A5A", fontsize=12
    )
    return figure


def note(axes: Axes, text: str) -> None:
    """A remark above the axes, on the right."""
    axes.set_title(text, loc="right", fontsize=9, color="#5A5A5A")


def legend(figure: Figure) -> None:
    """Below the axes, where it hides nothing."""
    figure.legend(loc="outside lower left", ncols=3, frameon=False, fontsize=9)


def time_axis(axes: Axes, times: pd.Series[Any]) -> None:
    """Ticks as clock times, the day in the label; a single moment gets a minute around it."""
    from matplotlib.dates import AutoDateLocator, DateFormatter, num2date

    first, last = times.min(), times.max()
    span = last - first
    if not span:
        axes.set_xlim(*utc(pd.Series([first - MINUTE / 2, last + MINUTE / 2])))
    days = f"{first:%Y-%m-%d}" if first.date() == last.date() else f"{first:%Y-%m-%d} to {last:%Y-%m-%d}"
    clock = "%H:%M:%S" if span < 10 * MINUTE else "%H:%M" if first.date() == last.date() else "%d %b %H:%M"
    short = span < MINUTE / 6
    locator = AutoDateLocator(tz="UTC", minticks=3 if short else 4, maxticks=5 if short else 8)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    if short:
        # Several ticks within one second need their milliseconds to differ.
        axes.xaxis.set_major_formatter(lambda tick, _: f"{num2date(tick, tz='UTC'):%H:%M:%S.%f}"[:-3])  # type: ignore[no-untyped-call]
    else:
        axes.xaxis.set_major_formatter(DateFormatter(clock, tz="UTC"))  # type: ignore[no-untyped-call]
    axes.set_xlabel(f"time (UTC), {days}")


def number_axis(axes: Axes, least: int) -> None:
    """Thousands apart, and as many decimals as tell the ticks apart, but not fewer than ``least``."""
    from matplotlib.ticker import MaxNLocator

    locator = MaxNLocator(nbins=7, steps=[1, 2, 5, 10])
    axes.yaxis.set_major_locator(locator)
    ticks = locator.tick_values(*axes.get_ylim())
    places = max(least, -int(np.floor(np.log10(ticks[1] - ticks[0]) + 1e-9)))
    axes.yaxis.set_major_formatter(f"{{x:,.{places}f}}")


def utc(times: pd.Series[Any]) -> Any:
    """Instants as matplotlib wants them: UTC without saying so."""
    return times.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy()


def counted(number: int, noun: str) -> str:
    """``1 fill``, ``2,000 fills``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def figure_of(number: float) -> str:
    """With thousands apart, and no more than two decimals."""
    return f"{round(number, 2):,.12g}"


def currency_of(fills: pd.DataFrame) -> str:
    """The one currency of some rows, or words that stand for several."""
    currencies = sorted(set(fills["currency"]) - {""})
    return currencies[0] if len(currencies) == 1 else "currency of the contract"
