// What @stoqey/ib sees of a gateway, as JSON lines. Usage: CLIENT_HOME=FOLDER stoqey.mjs HOST PORT
import { createRequire } from "node:module";

const { IBApi } = createRequire(`${process.env.CLIENT_HOME}/`)("@stoqey/ib");
const AAPL_ID = 265598;
const [host, port] = process.argv.slice(2);

const saw = (what, facts) => console.log(JSON.stringify({ saw: what, ...facts }));

const EVENTS = [
  "nextValidId", "managedAccounts", "contractDetails", "contractDetailsEnd", "orderStatus", "openOrder",
  "openOrderEnd", "execDetails", "execDetailsEnd", "commissionReport", "position", "positionEnd",
  "accountSummary", "accountSummaryEnd", "server", "disconnected",
  "completedOrder", "completedOrdersEnd", "tickPrice", "tickSize", "historicalData", "pnlSingle",
];

/** One connection; `heard` holds [name, arguments] of every event of interest. */
class Client {
  constructor(clientId) {
    this.heard = [];
    this.waiting = [];
    this.api = new IBApi({ host, port: Number(port), clientId, maxReqPerSec: 1000 });
    for (const name of EVENTS) this.api.on(name, (...args) => this.hear(name, args));
    // Errors about no request come as "info"; both are kept as [id, code].
    this.api.on("error", (error, code, reqId) => this.hear("error", [reqId, code, String(error)]));
    this.api.on("info", (text, code, reqId) => this.hear("error", [reqId ?? -1, code, text]));
    this.api.connect();
  }

  hear(name, args) {
    this.heard.push([name, args]);
    this.waiting = this.waiting.filter((check) => !check());
  }

  find(name, about) {
    return this.heard
      .filter(([kind, args]) => kind === name && (about === undefined || args[0] === about))
      .map(([, args]) => args);
  }

  wait(name, about, test = () => true) {
    return new Promise((resolve, reject) => {
      const missing = () => reject(new Error(`never heard ${name} ${about}`));
      const timer = setTimeout(missing, 10_000);
      const check = () => {
        const found = this.find(name, about).find(test);
        if (!found) return false;
        clearTimeout(timer);
        resolve(found);
        return true;
      };
      if (!check()) this.waiting.push(check);
    });
  }

  statuses(orderId) {
    return this.find("orderStatus", orderId).map((args) => args[1]);
  }

  codes(about) {
    return this.find("error", about).map((args) => args[1]);
  }
}

const stock = (symbol) => ({ symbol, secType: "STK", exchange: "SMART", currency: "USD" });
const order = (action, orderType, prices = {}) => ({
  action, orderType, totalQuantity: 100, tif: "DAY", transmit: true, ...prices,
});

async function orders(client, first) {
  const apple = stock("AAPL");
  client.api.placeOrder(first, apple, order("BUY", "MKT", { orderRef: "market" }));
  await client.wait("orderStatus", first, (args) => args[1] === "Filled");
  const [, , execution] = await client.wait("execDetails", -1);
  const [report] = await client.wait("commissionReport");
  saw("market", {
    status: client.statuses(first).at(-1), shares: execution.shares, price: execution.price,
    side: execution.side, ref: execution.orderRef, commission: report.commission,
  });
  client.api.placeOrder(first + 1, apple, order("BUY", "LMT", { lmtPrice: 140 }));
  await client.wait("orderStatus", first + 1, (args) => args[1] === "Submitted");
  client.api.cancelOrder(first + 1);
  await client.wait("orderStatus", first + 1, (args) => args[1] === "Cancelled");
  await client.wait("error", first + 1);
  saw("limit", { ended: client.statuses(first + 1).at(-1), codes: client.codes(first + 1) });
  client.api.placeOrder(first + 2, apple, order("SELL", "STP", { auxPrice: 140 }));
  client.api.placeOrder(first + 3, apple, order("SELL", "STP LMT", { lmtPrice: 139, auxPrice: 140 }));
  for (const [name, orderId] of [["stop", first + 2], ["stop limit", first + 3]]) {
    await client.wait("orderStatus", orderId);
    saw(name, { status: client.statuses(orderId).at(-1) });
  }
  client.api.placeOrder(first, apple, order("BUY", "MKT"));
  await client.wait("error", first);
  saw("duplicate order id", { codes: client.codes(first) });
}

async function questions(client) {
  const apple = stock("AAPL");
  client.api.reqContractDetails(1001, stock("NOSUCH"));
  await client.wait("error", 1001);
  saw("unknown contract", { codes: client.codes(1001) });
  client.api.reqExecutions(1002, {});
  await client.wait("execDetailsEnd", 1002);
  saw("executions", { shares: client.find("execDetails", 1002).map((args) => args[2].shares) });
  client.api.reqCompletedOrders(false);
  await client.wait("completedOrdersEnd");
  const ended = client.find("completedOrder").map(([, made, state]) => [made.orderType, state.status]);
  saw("completed orders", { rows: ended.sort() });
  client.api.reqPositions();
  await client.wait("positionEnd");
  saw("positions", { rows: client.find("position").map((args) => [args[1].symbol, args[2]]) });
  client.api.reqMktData(1004, apple, "", false, false);
  // Tick types: 1 bid, 2 ask, 0 bid size, 3 ask size.
  const tick = async (name, type) => (await client.wait(name, 1004, (args) => args[1] === type))[2];
  const quote = [
    await tick("tickPrice", 1), await tick("tickSize", 0), await tick("tickPrice", 2), await tick("tickSize", 3),
  ];
  saw("market data", { quote });
  client.api.cancelMktData(1004);
  client.api.reqHistoricalData(1007, apple, "", "1 D", "1 day", "MIDPOINT", 1, 1, false);
  await client.wait("historicalData", 1007, (args) => args[1].startsWith("finished"));
  const bars = client.find("historicalData", 1007).slice(0, -1);
  saw("history", { bars: bars.map(([, day, ...prices]) => [day.length, ...prices.slice(0, 4)]) });
  client.api.reqPnLSingle(1008, "DU123456", "", AAPL_ID);
  const profit = await client.wait("pnlSingle", 1008);
  saw("profit", { position: profit[1], value: profit[5] });
  client.api.placeOrder(1005, apple, order("BUY", "LMT", { lmtPrice: 140, whatIf: true }));
  const [, , , state] = await client.wait("openOrder", 1005);
  saw("what if", { margin: Number(state.initMarginChange) });
  client.api.reqFundamentalData(1006, apple, "ReportSnapshot");
  await client.wait("error", 1006);
  saw("what is not served", { codes: client.codes(1006) });
  client.api.reqAccountSummary(1003, "All", "NetLiquidation");
  await client.wait("accountSummaryEnd", 1003);
  const [row] = client.find("accountSummary", 1003);
  saw("summary", { net_liquidation: Number(row[3]) });
}

async function main() {
  const one = new Client(1);
  const [version] = await one.wait("server");
  const [first] = await one.wait("nextValidId");
  const [accounts] = await one.wait("managedAccounts");
  saw("connected", { version, accounts: accounts.split(",") });
  one.api.reqContractDetails(1000, stock("AAPL"));
  await one.wait("contractDetailsEnd", 1000);
  const [[, details]] = one.find("contractDetails", 1000);
  saw("details", {
    con_id: details.contract.conId, min_tick: details.minTick, zone: details.timeZoneId,
    trading_hours: details.tradingHours, liquid_hours: details.liquidHours,
  });
  await orders(one, first);
  await questions(one);
  const twin = new Client(1);
  await twin.wait("disconnected");
  saw("client id in use", { codes: twin.codes(-1) });
  const two = new Client(2);
  await two.wait("nextValidId");
  two.api.reqAllOpenOrders();
  await two.wait("openOrderEnd");
  const rows = two.find("openOrder").map((args) => [args[2].clientId, args[2].orderType]);
  saw("everyone's orders", { rows: rows.sort() });
  two.api.disconnect();
  one.api.disconnect();
}

main().then(() => process.exit(0), (error) => {
  console.error(error);
  process.exit(1);
});
