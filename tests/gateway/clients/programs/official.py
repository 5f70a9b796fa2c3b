"""What the official ibapi sees of a gateway, as JSON lines. Usage: official.py HOST PORT"""

import json
import logging
import os
import sys
import threading
import time
import traceback

from ibapi.client import EClient
from ibapi.contract import Contract
from ibapi.execution import ExecutionFilter
from ibapi.order import Order
from ibapi.wrapper import EWrapper

AAPL_ID = 265598
host, port = sys.argv[1:]
logging.disable(logging.CRITICAL)


def saw(what, **facts):
    print(json.dumps({"saw": what, **facts}), flush=True)


class Client(EWrapper, EClient):
    """One connection; ``heard`` holds (name, arguments) of every callback of interest."""

    def __init__(self, client_id):
        EWrapper.__init__(self)
        EClient.__init__(self, self)
        self.heard = []
        self.connect(host, int(port), client_id)
        threading.Thread(target=self.run, daemon=True).start()

    def find(self, name, about=None):
        """Arguments of the callbacks with that name, and with that first argument if given."""
        heard = [args for kind, args in list(self.heard) if kind == name]
        return heard if about is None else [args for args in heard if args[0] == about]

    def wait(self, name, about=None, test=lambda args: True):
        end = time.monotonic() + 10
        while time.monotonic() < end:
            found = [args for args in self.find(name, about) if test(args)]
            if found:
                return found[0]
            time.sleep(0.005)
        raise TimeoutError(f"the client never heard {name} {about}")

    def statuses(self, order_id):
        return [args[1] for args in self.find("orderStatus", order_id)]

    def codes(self, about):
        return [args[1] for args in self.find("error", about)]


def _listener(name):
    def hear(self, *args):
        self.heard.append((name, args))

    return hear


for callback in (
    *("error", "connectionClosed", "nextValidId", "managedAccounts", "contractDetails", "contractDetailsEnd"),
    *("orderStatus", "openOrder", "openOrderEnd", "execDetails", "execDetailsEnd", "commissionReport"),
    *("completedOrder", "completedOrdersEnd", "position", "positionEnd", "accountSummary"),
    *("accountSummaryEnd", "tickPrice", "tickSize", "historicalData", "historicalDataEnd", "pnlSingle"),
):
    setattr(Client, callback, _listener(callback))


def stock(symbol):
    contract = Contract()
    contract.symbol, contract.secType, contract.exchange, contract.currency = symbol, "STK", "SMART", "USD"
    return contract


def order(action, kind, limit=None, stop=None):
    made = Order()
    made.action, made.totalQuantity, made.orderType, made.tif = action, 100, kind, "DAY"
    made.orderRef = "market" if kind == "MKT" else ""
    if limit is not None:
        made.lmtPrice = limit
    if stop is not None:
        made.auxPrice = stop
    return made


def orders(client, first):
    apple = stock("AAPL")
    client.placeOrder(first, apple, order("BUY", "MKT"))
    client.wait("orderStatus", first, lambda args: args[1] == "Filled")
    _, _, execution = client.wait("execDetails", -1)
    (report,) = client.wait("commissionReport")
    assert report.execId == execution.execId
    saw(
        "market",
        status=client.statuses(first)[-1],
        shares=execution.shares,
        price=execution.price,
        side=execution.side,
        ref=execution.orderRef,
        commission=report.commission,
    )
    client.placeOrder(first + 1, apple, order("BUY", "LMT", limit=140))
    client.wait("orderStatus", first + 1, lambda args: args[1] == "Submitted")
    client.cancelOrder(first + 1)
    client.wait("orderStatus", first + 1, lambda args: args[1] == "Cancelled")
    client.wait("error", first + 1)
    saw("limit", ended=client.statuses(first + 1)[-1], codes=client.codes(first + 1))
    client.placeOrder(first + 2, apple, order("SELL", "STP", stop=140))
    client.placeOrder(first + 3, apple, order("SELL", "STP LMT", limit=139, stop=140))
    for name, order_id in (("stop", first + 2), ("stop limit", first + 3)):
        client.wait("orderStatus", order_id)
        saw(name, status=client.statuses(order_id)[-1])
    client.placeOrder(first, apple, order("BUY", "MKT"))
    client.wait("error", first)
    saw("duplicate order id", codes=client.codes(first))


def questions(client):
    apple = stock("AAPL")
    client.reqContractDetails(1001, stock("NOSUCH"))
    client.wait("error", 1001)
    saw("unknown contract", codes=client.codes(1001))
    client.reqExecutions(1002, ExecutionFilter())
    client.wait("execDetailsEnd", 1002)
    saw("executions", shares=[args[2].shares for args in client.find("execDetails", 1002)])
    client.reqCompletedOrders(False)
    client.wait("completedOrdersEnd")
    ended = client.find("completedOrder")
    saw("completed orders", rows=sorted([made.orderType, state.status] for _, made, state in ended))
    client.reqPositions()
    client.wait("positionEnd")
    saw("positions", rows=[[args[1].symbol, args[2]] for args in client.find("position")])
    client.reqMktData(1004, apple, "", False, False, [])
    # Tick types: 1 bid, 2 ask, 0 bid size, 3 ask size.
    prices = [client.wait("tickPrice", 1004, lambda args, tick=tick: args[1] == tick) for tick in (1, 2)]
    sizes = [client.wait("tickSize", 1004, lambda args, tick=tick: args[1] == tick) for tick in (0, 3)]
    (bid, ask), (bid_size, ask_size) = [args[2] for args in prices], [args[2] for args in sizes]
    saw("market data", quote=[bid, bid_size, ask, ask_size])
    client.cancelMktData(1004)
    client.reqHistoricalData(1007, apple, "", "1 D", "1 day", "MIDPOINT", 1, 1, False, [])
    client.wait("historicalDataEnd", 1007)
    bars = [args[1] for args in client.find("historicalData", 1007)]
    saw("history", bars=[[len(bar.date), bar.open, bar.high, bar.low, bar.close] for bar in bars])
    client.reqPnLSingle(1008, "DU123456", "", AAPL_ID)
    _, position, *_, value = client.wait("pnlSingle", 1008)
    saw("profit", position=position, value=value)
    trial = order("BUY", "LMT", limit=140)
    trial.whatIf = True
    client.placeOrder(1005, apple, trial)
    *_, state = client.wait("openOrder", 1005)
    saw("what if", margin=float(state.initMarginChange))
    client.reqFundamentalData(1006, apple, "ReportSnapshot", [])
    client.wait("error", 1006)
    saw("what is not served", codes=client.codes(1006))
    client.reqAccountSummary(1003, "All", "NetLiquidation")
    client.wait("accountSummaryEnd", 1003)
    (row,) = client.find("accountSummary", 1003)
    saw("summary", net_liquidation=float(row[3]))


def main():
    one = Client(1)
    (first,) = one.wait("nextValidId")
    (accounts,) = one.wait("managedAccounts")
    saw("connected", version=one.serverVersion(), accounts=accounts.split(","))
    one.reqContractDetails(1000, stock("AAPL"))
    one.wait("contractDetailsEnd", 1000)
    ((_, details),) = one.find("contractDetails", 1000)
    saw(
        "details",
        con_id=details.contract.conId,
        min_tick=details.minTick,
        zone=details.timeZoneId,
        trading_hours=details.tradingHours,
        liquid_hours=details.liquidHours,
    )
    orders(one, first)
    questions(one)
    twin = Client(1)
    twin.wait("connectionClosed")
    saw("client id in use", codes=twin.codes(-1))
    two = Client(2)
    two.wait("nextValidId")
    two.reqAllOpenOrders()
    two.wait("openOrderEnd")
    found = [args[2] for args in two.find("openOrder")]
    saw("everyone's orders", rows=sorted([made.clientId, made.orderType] for made in found))
    two.disconnect()
    one.disconnect()


try:
    main()
except Exception:  # noqa: BLE001 - whatever it is, the test shows it
    traceback.print_exc()
    sys.stderr.flush()
    os._exit(1)  # the client's own threads would keep the process alive
