"""
What ib_async or ib_insync sees of a gateway, as JSON lines; the two have one interface.

Usage: insync.py ib_async|ib_insync HOST PORT
"""

import asyncio
import contextlib
import importlib
import json
import logging
import sys
import time

library, host, port = sys.argv[1:]
ib_lib = importlib.import_module(library)
logging.getLogger(library).setLevel(logging.CRITICAL)


def saw(what, **facts):
    print(json.dumps({"saw": what, **facts}), flush=True)


async def until(condition):
    end = time.monotonic() + 10
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError("the client never saw what it waits for")
        await asyncio.sleep(0.005)


class Client:
    """One connection, and the (id, code) of every error that came over it."""

    def __init__(self, client_id):
        self.ib = ib_lib.IB()
        self.errors = []
        self.ib.errorEvent += lambda req_id, code, *_: self.errors.append((req_id, code))
        self.client_id = client_id

    async def connect(self, timeout=10):
        await self.ib.connectAsync(host, int(port), clientId=self.client_id, timeout=timeout)

    def codes(self, req_id):
        return [code for about, code in self.errors if about == req_id]


async def orders(client, apple):
    ib = client.ib
    bought = ib.placeOrder(apple, ib_lib.MarketOrder("BUY", 100, orderRef="market", tif="DAY"))
    await until(lambda: bought.fills and bought.fills[0].commissionReport.commission)
    await until(bought.isDone)
    fill = bought.fills[0]
    saw(
        "market",
        status=bought.orderStatus.status,
        shares=fill.execution.shares,
        price=fill.execution.price,
        side=fill.execution.side,
        ref=fill.execution.orderRef,
        commission=fill.commissionReport.commission,
    )
    limit = ib.placeOrder(apple, ib_lib.LimitOrder("BUY", 100, 140, tif="DAY"))
    await until(lambda: limit.orderStatus.status == "Submitted")
    ib.cancelOrder(limit.order)
    await until(limit.isDone)
    await until(lambda: client.codes(limit.order.orderId))
    saw("limit", ended=limit.orderStatus.status, codes=client.codes(limit.order.orderId))
    stop = ib.placeOrder(apple, ib_lib.StopOrder("SELL", 100, 140, tif="DAY"))
    stop_limit = ib.placeOrder(apple, ib_lib.StopLimitOrder("SELL", 100, 139, 140, tif="DAY"))
    for name, trade in (("stop", stop), ("stop limit", stop_limit)):
        await until(lambda trade=trade: trade.orderStatus.permId)
        saw(name, status=trade.orderStatus.status)
    used = bought.order.orderId
    ib.client.placeOrder(used, apple, ib_lib.MarketOrder("BUY", 100, tif="DAY"))
    await until(lambda: client.codes(used))
    saw("duplicate order id", codes=client.codes(used))


async def questions(client, apple):
    ib = client.ib
    before = len(client.errors)
    await ib.reqContractDetailsAsync(ib_lib.Stock("NOSUCH", "SMART", "USD"))
    saw("unknown contract", codes=[code for _, code in client.errors[before:]])
    fills = await ib.reqExecutionsAsync(ib_lib.ExecutionFilter())
    saw("executions", shares=[fill.execution.shares for fill in fills])
    ended = await ib.reqCompletedOrdersAsync(False)
    rows = [[trade.order.orderType, trade.orderStatus.status] for trade in ended]
    saw("completed orders", rows=sorted(rows))
    positions = await ib.reqPositionsAsync()
    saw("positions", rows=[[row.contract.symbol, row.position] for row in positions])
    ticker = ib.reqMktData(apple)
    await until(lambda: ticker.bid == 150 and ticker.ask > 0)
    saw("market data", quote=[ticker.bid, ticker.bidSize, ticker.ask, ticker.askSize])
    ib.cancelMktData(apple)
    bars = await ib.reqHistoricalDataAsync(apple, "", "1 D", "1 day", "MIDPOINT", True)
    days = [len(f"{bar.date:%Y%m%d}") for bar in bars]
    prices = [[bar.open, bar.high, bar.low, bar.close] for bar in bars]
    saw("history", bars=[[day, *row] for day, row in zip(days, prices, strict=True)])
    profit = ib.reqPnLSingle("DU123456", "", apple.conId)
    await until(lambda: profit.position)
    saw("profit", position=profit.position, value=profit.value)
    preview = await ib.whatIfOrderAsync(apple, ib_lib.LimitOrder("BUY", 100, 140, tif="DAY"))
    saw("what if", margin=float(preview.initMarginChange))
    before = len(client.errors)
    await ib.reqFundamentalDataAsync(apple, "ReportSnapshot")
    saw("what is not served", codes=[code for _, code in client.errors[before:]])
    summary = {row.tag: row.value for row in await ib.accountSummaryAsync()}
    saw("summary", net_liquidation=float(summary["NetLiquidation"]))


async def main():
    one = Client(1)
    await one.connect()
    ib = one.ib
    saw("connected", version=ib.client.serverVersion(), accounts=ib.managedAccounts())
    (details,) = await ib.reqContractDetailsAsync(ib_lib.Stock("AAPL", "SMART", "USD"))
    saw(
        "details",
        con_id=details.contract.conId,
        min_tick=details.minTick,
        zone=details.timeZoneId,
        trading_hours=details.tradingHours,
        liquid_hours=details.liquidHours,
    )
    await orders(one, details.contract)
    await questions(one, details.contract)
    twin = Client(1)
    with contextlib.suppress(TimeoutError, ConnectionError):
        await twin.connect(timeout=0.5)
    saw("client id in use", codes=twin.codes(-1))
    two = Client(2)
    await two.connect()
    trades = await two.ib.reqAllOpenOrdersAsync()
    # ib_insync answers with the orders alone.
    found = [getattr(trade, "order", trade) for trade in trades]
    saw("everyone's orders", rows=sorted([order.clientId, order.orderType] for order in found))
    two.ib.disconnect()
    ib.disconnect()


asyncio.run(main())
