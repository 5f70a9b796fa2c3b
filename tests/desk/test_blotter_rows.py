"""What the blotter's rows say, what travels to the front end, and what stays in a saved notebook. Pure."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal

import pytest
from msgspec.structs import replace

from tests import builders
from tests.builders import OPEN, order
from tests.desk.glances import glance, strip
from toolkit.broker.market import Position
from toolkit.broker.placement import Refusal
from toolkit.desk import rows
from toolkit.desk.account import holdings
from toolkit.desk.columns import FILLS, ORDERS, REFUSED, Column
from toolkit.desk.detail import detail
from toolkit.desk.feed import Feed, quote_cells
from toolkit.desk.static_table import static_html
from toolkit.desk.tally import Tally
from toolkit.desk.words import clock, price
from toolkit.orders.contract import Instrument, Quote
from toolkit.orders.controls import Armed, ControlState, Standing
from toolkit.orders.events import AnyEvent, Decision, Received
from toolkit.orders.intent import parse
from toolkit.orders.state import OrderState, OrderStatus
from toolkit.reports.frames import Fill

STRIP = strip()
SPY = Instrument(
    con_id=1, symbol="SPY", sec_type="STK", currency="USD", min_tick=Decimal("0.001"), time_zone="US/Eastern"
)


def unknown(_: OrderState) -> None:
    """No contract is known."""


def tables(*orders: OrderState) -> dict[str, list[rows.Row]]:
    return rows.tables(orders, {}.get, unknown)


def cells(row: rows.Row, columns: tuple[Column, ...]) -> dict[str, str]:
    """Heading -> text."""
    return {column.title: text for column, text in zip(columns, row["cells"], strict=True)}


class TestRows:
    def test_an_order_is_told_as_a_trader_writes_it(self) -> None:
        told = cells(rows.order_row(order(quantity=1000, limit_price=450.5), unknown), ORDERS)
        assert told["Time"] == "2026-01-05 14:30:00.000 UTC"
        assert (told["Side"], told["Qty"], told["Limit"], told["TIF"]) == (
            "BUY",
            "1,000",
            "450.50",
            "DAY",
        )
        assert (told["Filled"], told["Avg price"], told["Slip bps"]) == ("0", "", "")

    def test_a_fill_shows_in_quantity_price_and_slippage(self) -> None:
        row = rows.order_row(order(builders.executed(25, "450.30")), unknown)
        told = cells(row, ORDERS)
        assert (told["Filled"], told["Avg price"], told["Slip bps"]) == ("25", "450.30", "+1.1")
        assert row["filled"] == 0.25
        assert told["Status"] == "Partially filled"

    @pytest.mark.parametrize(
        ("state", "word", "working"),
        [
            (order(), "Pending submit", True),
            (order(builders.status("Submitted")), "Submitted", True),
            (order(builders.executed()), "Filled", False),
            (order(builders.cancelled()), "Cancelled", False),
            (order(builders.rejected()), "Rejected", False),
            (order(builders.lost()), "Unknown", True),
            (builders.state_of(builders.received(), builders.denied()), "Denied", False),
        ],
        ids=lambda value: value if isinstance(value, str) else "",
    )
    def test_a_status_is_told_by_word_and_icon(self, state: OrderState, word: str, working: bool) -> None:
        row = rows.order_row(state, unknown)
        assert cells(row, ORDERS)["Status"] == word
        assert row["icon"]
        assert row["working"] is working

    def test_every_status_has_a_word_and_an_icon(self) -> None:
        assert rows.STATUS.keys() == set(OrderStatus)

    def test_a_cancel_is_offered_once(self) -> None:
        assert rows.order_row(order(builders.status("Submitted")), unknown)["cancellable"]
        asked = order(builders.status("Submitted"), builders.cancel_requested())
        assert not rows.order_row(asked, unknown)["cancellable"]

    def test_a_refused_order_comes_with_its_reason_even_when_nobody_could_read_it(self) -> None:
        state = builders.state_of(builders.received(), builders.denied())
        told = cells(rows.refused_row(state, None, unknown), REFUSED)
        assert (told["Code"], told["Reason"]) == ("MAX_ORDER_QUANTITY", "Too many shares.")

    def test_a_commission_that_is_not_known_is_not_zero(self) -> None:
        def commission(state: OrderState) -> str:
            row = rows.fill_row(Fill(state, next(iter(state.executions.values()))), unknown)
            return cells(row, FILLS)["Commission"]

        assert commission(order(builders.executed())) == "not yet"
        assert commission(order(builders.executed(), builders.charged("1.00"))) == "1.00 USD"

    def test_a_correction_keeps_the_row_of_the_fill_it_corrects(self) -> None:
        before = order(builders.executed(100, "450.25", "0001.01.01"))
        after = order(
            builders.executed(100, "450.25", "0001.01.01"), builders.executed(90, exec_id="0001.01.02")
        )
        ids = [tables(state)["fills"][0]["id"] for state in (before, after)]
        assert ids[0] == ids[1]

    @pytest.mark.parametrize(
        ("value", "instrument", "text"),
        [
            ("540", None, "540.00"),
            ("540", SPY, "540.000"),
            ("1.08455", None, "1.08455"),
            ("12345.5", None, "12,345.50"),
        ],
    )
    def test_a_price_has_the_decimals_of_its_increment_and_more_when_it_needs_them(
        self, value: str, instrument: Instrument | None, text: str
    ) -> None:
        assert price(Decimal(value), instrument) == text

    def test_an_average_is_not_told_to_the_last_digit(self) -> None:
        assert price(Decimal(1) / 3, SPY, finer=2) == "0.33333"
        assert price(Decimal(1) / 3, None, finer=2) == "0.3333"

    def test_a_time_is_the_exchanges_with_its_zone(self) -> None:
        assert clock(OPEN, SPY) == "2026-01-05 09:30:00.000 EST"

    @pytest.mark.parametrize(
        ("events", "change"),
        [
            ([], ""),
            ([builders.replace_requested()], "pending"),
            ([builders.replace_requested(), builders.replaced()], "done"),
            ([builders.replace_requested(), builders.replace_refused()], "refused"),
        ],
        ids=["none", "pending", "done", "refused"],
    )
    def test_a_row_says_how_its_last_change_stands(self, events: list[AnyEvent], change: str) -> None:
        row = rows.order_row(order(builders.status("Submitted"), *events), unknown)
        assert (row["change"], row["amendable"]) == (change, change != "pending")

    def test_a_change_that_was_denied_is_listed_under_the_symbol_of_its_order(self) -> None:
        target = order(builders.status("Submitted"))
        raw = {
            "intent_id": "change-1",
            "action": "REPLACE",
            "target_intent_id": target.intent_id,
            "quantity": 9000,
        }
        change = builders.state_of(
            Received(intent_id="change-1", at=OPEN, raw=raw, intent=parse(raw, now=OPEN)),
            builders.denied(intent_id="change-1"),
        )
        told = rows.tables([change], {target.intent_id: target}.get, unknown)
        assert told["orders"] == []
        told = cells(told["refused"][0], REFUSED)
        assert (told["Symbol"], told["Type"], told["Qty"], told["Status"]) == (
            "SPY",
            "change",
            "9,000",
            "Denied",
        )


class TestTally:
    def test_it_adds_up_what_is_open_on_each_side_and_follows_every_change(self) -> None:
        tally, held = Tally(), position()
        tally.take([order(builders.status("Submitted"), intent_id="first"), order(intent_id="second")])
        assert (tally.working, tally.changed([held], {})[0].working_buys) == (2, 200)
        tally.take(
            [order(builders.executed(60), intent_id="first"), order(builders.cancelled(), intent_id="second")]
        )
        assert (tally.working, tally.changed([held], {})[0].working_buys) == (1, 40)

    def test_a_position_is_told_again_only_when_it_its_orders_or_its_lock_changed(self) -> None:
        tally, held = Tally(), position()
        assert len(tally.changed([held], {})) == 1
        assert tally.changed([held], {}) == []
        assert len(tally.changed([held], {"SPY": "It does not add up."})) == 1
        assert len(tally.changed([position(quantity=5)], {})) == 1

    def test_unknown_orders_are_counted_and_still_count_as_working(self) -> None:
        tally = Tally()
        tally.take([order(builders.lost())])
        assert (tally.unknown, tally.working) == (1, 1)

    def test_it_agrees_with_a_count_from_scratch(self) -> None:
        """Whatever the order of changes, the sums are those of the orders as they stand."""
        histories = [
            [],
            [builders.status("Submitted")],
            [builders.status("Submitted"), builders.executed(30)],
            [builders.cancelled()],
        ]
        names, tally = ("a", "b", "c"), Tally()
        last = {}
        for step in range(40):
            name = names[step % 3]
            last[name] = order(*histories[(step * 7) % 4], intent_id=name)
            tally.take([last[name]])
            fresh = holdings([position()], last.values())[0]
            (told,) = tally.changed([position(quantity=step)], {})
            assert told.working_buys == fresh.working_buys
            assert tally.working == sum(one.working for one in last.values())


def position(quantity: int = 0) -> Position:
    return Position(
        account="", instrument=replace(SPY, con_id=0), quantity=Decimal(quantity), average_cost=Decimal(0)
    )


class TestFeed:
    def test_the_first_message_says_everything_and_later_ones_only_what_changed(self) -> None:
        feed = Feed()
        submitted = order(builders.status("Submitted"))
        other = order(intent_id="other")
        first = feed.message(STRIP, tables(submitted, other))
        assert (first["kind"], len(first["tables"]["orders"])) == ("full", 2)
        assert first["columns"].keys() == first["tables"].keys()

        filled = order(builders.status("Submitted"), builders.executed())
        second = feed.message(STRIP, tables(filled, other))
        assert second["kind"] == "delta"
        assert {name: [row["id"] for row in some] for name, some in second["tables"].items()} == {
            "orders": [filled.intent_id],
            "fills": ["0001.01"],
        }

    def test_a_sign_of_life_carries_no_rows(self) -> None:
        feed = Feed()
        feed.message(STRIP, tables(order()))
        assert feed.message(STRIP, tables(order()))["tables"] == {}

    def test_messages_are_numbered_without_holes(self) -> None:
        feed = Feed()
        assert [feed.message(STRIP, {})["number"] for _ in range(3)] == [1, 2, 3]

    def test_a_front_end_that_missed_something_is_told_everything_again(self) -> None:
        feed = Feed()
        feed.message(STRIP, tables(order()))
        feed.forget()
        again = feed.message(STRIP, {})
        assert (again["kind"], len(again["tables"]["orders"])) == ("full", 1)

    def test_only_quotes_that_moved_travel_and_one_that_nobody_keeps_is_emptied(self) -> None:
        feed = Feed()
        quote = Quote(bid=Decimal("540"), ask=Decimal("540.02"), at=OPEN)
        first = quote_cells({1: quote, 2: quote}, {}.get)
        assert feed.message(STRIP, {}, first)["quotes"].keys() == {"1", "2"}
        assert feed.message(STRIP, {}, first)["quotes"] == {}
        moved = quote_cells({1: replace(quote, bid=Decimal("539.5"))}, {}.get)
        assert feed.message(STRIP, {}, moved)["quotes"] == {
            "1": ["539.50", "540.02", 1_767_623_400_000, False],
            "2": ["", "", 0, False],
        }

    def test_a_message_is_as_long_as_what_changed(self) -> None:
        """Bytes follow the rows that changed, not those that there are."""

        def size(there: int, changed: int) -> int:
            feed = Feed()
            feed.message(STRIP, tables(*(order(intent_id=f"order-{n:04}") for n in range(there))))
            filled = [order(builders.executed(), intent_id=f"order-{n:04}") for n in range(changed)]
            return len(json.dumps(feed.message(STRIP, tables(*filled))))

        bare = size(10, 0)
        assert size(400, 0) == bare
        assert abs(size(400, 10) - size(20, 10)) <= 10
        assert (size(400, 20) - bare) / (size(400, 10) - bare) < 2.2


class TestStrip:
    def test_a_live_account_and_a_lost_link_are_told(self) -> None:
        seen = glance(paper=False, socket=False, error="The gateway went away.")
        told = strip(seen, last_event=OPEN - timedelta(seconds=3))
        assert (told["mode"], told["gateway"], told["broker"]) == ("LIVE", False, False)
        assert told["error"] == "The gateway went away."
        assert told["now"] - told["last_event"] == 3_000

    def test_a_closed_gate_comes_with_its_reason(self) -> None:
        told = strip(glance(gate=Refusal("READ_ONLY", "IBKR_READ_ONLY is set.")))
        assert (told["gate"], told["why"]) == ("READ_ONLY", "IBKR_READ_ONLY is set.")

    def test_what_operators_put_in_force_is_told_with_who_and_why(self) -> None:
        standing = Standing(state=ControlState.HALTED, since=OPEN, by="ann", reason="lunch")
        told = strip(glance(standing=standing))
        assert told["control"] == "HALTED"
        assert told["control_told"] == "HALTED since 2026-01-05 14:30:00 UTC by ann: lunch"

    def test_arming_is_told_while_it_lasts(self) -> None:
        token = Armed(
            at=OPEN, by="ann", account="U1", port=4001, until=builders.at(60), max_notional=Decimal(1)
        )
        armed = glance(standing=Standing(token=token))
        assert strip(armed)["armed"] - strip(armed)["now"] == 60_000
        assert strip(armed, now=builders.at(60))["armed"] is None

    def test_a_fault_of_the_blotter_comes_first(self) -> None:
        assert strip(fault="It broke.")["error"] == "It broke."


class TestStaticTable:
    def test_it_is_plain_html_with_the_newest_order_first(self) -> None:
        told = static_html(
            STRIP,
            {"orders": [rows.order_row(order(intent_id=name), unknown) for name in ("first", "second")]},
            {},
        )
        assert told.index("second") < told.index("first")
        assert "DU1 PAPER" in told
        assert "as of 2026-01-05 14:30:00 UTC" in told
        assert "<script" not in told

    def test_what_a_strategy_calls_itself_cannot_become_markup(self) -> None:
        row = rows.order_row(order(strategy_id="<b>&"), unknown)
        assert "&lt;b&gt;&amp;" in static_html(STRIP, {"orders": [row]}, {})

    def test_a_long_day_is_cut_and_says_so(self) -> None:
        many = [rows.order_row(order(intent_id=f"order-{number}"), unknown) for number in range(130)]
        told = static_html(STRIP, {"orders": many}, {})
        assert told.count("<tr>") == 101
        assert "and 30 older" in told

    def test_it_says_why_the_gate_is_closed_and_what_is_locked(self) -> None:
        seen = glance(gate=Refusal("HALTED", "Trading is HALTED."), locked={"SPY": "It does not add up."})
        told = static_html(strip(seen), {}, {})
        assert "Gate closed: Trading is HALTED." in told
        assert "SPY is locked: It does not add up." in told

    def test_fills_and_positions_stand_below_the_orders(self) -> None:
        state = order(builders.executed())
        told = static_html(STRIP, {**tables(state), "positions": []}, {})
        assert told.index("Orders (1)") < told.index("Fills (1)")
        assert "450.25" in told


class TestDetail:
    def test_it_tells_each_step_with_its_latency_and_the_fact_as_it_was_journaled(self) -> None:
        events = [*builders.placed(), builders.status("Submitted"), builders.executed(40)]
        told = detail(builders.state_of(*events), SPY, events, [])
        assert [(step["event"], step["since"]) for step in told["steps"]] == [
            ("Received", 0.0),
            ("Accepted", 1.0),
            ("Reserved", 2.0),
            ("Sent", 4.0),
            ("StatusReported", 50.0),
            ("Executed", 100.0),
        ]
        assert [step["gap"] for step in told["steps"]] == [0.0, 1.0, 1.0, 2.0, 46.0, 50.0]
        assert json.loads(told["steps"][4]["raw"])["word"] == "Submitted"
        assert ["Sent to acknowledged", "46.0 ms"] in told["facts"]

    def test_it_lists_every_check_that_failed_of_its_changes_too(self) -> None:
        check = Decision(
            code="MAX_ORDER_QUANTITY",
            message="Too many.",
            observed=Decimal(9000),
            limit=Decimal(1000),
            unit="shares",
        )
        change = builders.state_of(
            builders.received("change-1"), builders.denied(check, intent_id="change-1")
        )
        told = detail(order(), None, builders.placed(), [change])
        assert told["passed"].startswith("Every check passed at 2026-01-05 14:30:00.001 UTC")
        assert [(one["intent"], one["observed"], one["limit"]) for one in told["decisions"]] == [
            ("change-1", "9,000 shares", "1,000 shares")
        ]
