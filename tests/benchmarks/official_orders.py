"""
Orders pipelined through the official ibapi to filled and charged; runs where that is installed.

Usage: official_orders.py HOST PORT WINDOW. A count per line comes in, the seconds that it took go out.
"""

import logging
import sys
import threading
import time

from ibapi.client import EClient
from ibapi.contract import Contract
from ibapi.order import Order
from ibapi.wrapper import EWrapper

host, port, window = sys.argv[1:]
logging.disable(logging.CRITICAL)


class Client(EWrapper, EClient):
    """One connection that counts."""

    def __init__(self):
        EWrapper.__init__(self)
        EClient.__init__(self, self)
        self.next_id = 0
        self.known = threading.Event()
        self.room = threading.Semaphore(int(window))
        self.connect(host, int(port), 5)
        threading.Thread(target=self.run, daemon=True).start()
        if not self.known.wait(10):
            raise TimeoutError("The gateway told no order id.")

    def nextValidId(self, order_id):
        self.next_id = order_id
        self.known.set()

    def commissionReport(self, _report):
        self.room.release()

    def trade(self, count):
        """Place so many, a window at once, and see them filled and charged."""
        for _ in range(count):
            self.room.acquire()
            self.placeOrder(self.next_id, CONTRACT, limit_order())
            self.next_id += 1
        for _ in range(int(window)):
            self.room.acquire()
        self.room.release(int(window))


def limit_order():
    made = Order()
    made.action, made.totalQuantity, made.orderType, made.tif, made.lmtPrice = "BUY", 100, "LMT", "DAY", 451
    return made


CONTRACT = Contract()
CONTRACT.symbol, CONTRACT.secType, CONTRACT.exchange, CONTRACT.currency = "SPY", "STK", "SMART", "USD"

client = Client()
for line in sys.stdin:
    began = time.perf_counter()
    client.trade(int(line))
    print(time.perf_counter() - began, flush=True)
client.disconnect()
