"""
The order in which the fields of placeOrder, openOrder and completedOrder travel, by name.

The only place that knows positions. A layout is a tuple of field names and of the few groups that
come and go with the server version or with what the order says; requests are read, and replies
written, by walking it. The names are the ones of the TWS API.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from toolkit.gateway.fields import decimal

Values = dict[str, str]

INFINITY = frozenset({"Infinite", "Infinity", "inf"})
"""How clients spell an infinite competeAgainstBestOffset."""


@dataclass(frozen=True, slots=True)
class Since:
    """Fields that exist from one server version on."""

    version: int
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class Before:
    """Fields that exist only before one server version."""

    version: int
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class When:
    """Fields that follow only if what came before says so."""

    test: Callable[[Values], bool]
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class Repeated:
    """A count, then as many rows of these kinds (``i`` integer, ``n`` number, ``f`` flag, ``t`` text)."""

    name: str
    kinds: str


@dataclass(frozen=True, slots=True)
class Conditions:
    """The count of order conditions, the conditions, and two flags if there are any."""

    name: str = "conditions"


Field = str | Since | Before | When | Repeated | Conditions

CONDITION_KINDS = {
    "1": "tfnitt",  # price: conjunction, isMore, price, conId, exchange, triggerMethod
    "3": "tft",  # time: conjunction, isMore, time
    "4": "tfn",  # margin: conjunction, isMore, percent
    "5": "tttt",  # execution: conjunction, secType, exchange, symbol
    "6": "tfnit",  # volume: conjunction, isMore, volume, conId, exchange
    "7": "tfnit",  # percent change: conjunction, isMore, percent, conId, exchange
}


def _is_combo(values: Values) -> bool:
    return values["secType"] == "BAG"


def _is_hedged_by_delta(values: Values) -> bool:
    return values["deltaNeutralOrderType"] != ""


def _is_scaled(values: Values) -> bool:
    increment = decimal(values["scalePriceIncrement"], "scalePriceIncrement")
    return increment is not None and increment > 0


def _has_hedge(values: Values) -> bool:
    return values["hedgeType"] != ""


def _has_delta_neutral_contract(values: Values) -> bool:
    return values["deltaNeutralContract"] == "1"


def _has_algo(values: Values) -> bool:
    return values["algoStrategy"] != ""


def _is_pegged_to_benchmark(values: Values) -> bool:
    return values["orderType"] in {"PEG BENCH", "PEGBENCH"}


def _is_pegged_to_best(values: Values) -> bool:
    return values["orderType"] in {"PEG BEST", "PEGBEST"}


def _is_pegged_to_mid(values: Values) -> bool:
    return values["orderType"] in {"PEG MID", "PEGMID"} or (
        _is_pegged_to_best(values) and values["competeAgainstBestOffset"] in INFINITY
    )


def _is_for_ats(values: Values) -> bool:
    return values["exchange"] == "IBKRATS"


def names(text: str) -> tuple[str, ...]:
    """The words of a text, as a tuple."""
    return tuple(text.split())


_CONTRACT_HEAD = names("conId symbol secType expiry strike right multiplier exchange")
_CONTRACT_TAIL = names("currency localSymbol tradingClass")
_ORDER_HEAD = names(
    "action totalQuantity orderType lmtPrice auxPrice tif ocaGroup account openClose origin orderRef"
)
_LEGS = Repeated("comboLegs", "iittiiti")
_ORDER_LEGS = Repeated("orderComboLegs", "n")
_ROUTING = Repeated("smartComboRoutingParams", "tt")
_SCALE: tuple[Field, ...] = (
    *names("scaleInitLevelSize scaleSubsLevelSize scalePriceIncrement"),
    When(
        _is_scaled,
        names(
            "scalePriceAdjustValue scalePriceAdjustInterval scaleProfitOffset scaleAutoReset "
            "scaleInitPosition scaleInitFillQty scaleRandomPercent"
        ),
    ),
)
_HEDGE: tuple[Field, ...] = ("hedgeType", When(_has_hedge, ("hedgeParam",)))
_DELTA_NEUTRAL_CONTRACT: tuple[Field, ...] = (
    "deltaNeutralContract",
    When(
        _has_delta_neutral_contract,
        names("deltaNeutralContractConId deltaNeutralContractDelta deltaNeutralContractPrice"),
    ),
)
_ALGO: tuple[Field, ...] = ("algoStrategy", When(_has_algo, (Repeated("algoParams", "tt"),)))
_BENCHMARK = When(
    _is_pegged_to_benchmark,
    names(
        "referenceContractId isPeggedChangeAmountDecrease peggedChangeAmount "
        "referenceChangeAmount referenceExchangeId"
    ),
)
_PEGS = Since(
    170,
    names("minTradeQty minCompeteSize competeAgainstBestOffset midOffsetAtWhole midOffsetAtHalf"),
)
_DELTA_NEUTRAL_ORDER = When(
    _is_hedged_by_delta,
    names(
        "deltaNeutralConId deltaNeutralSettlingFirm deltaNeutralClearingAccount "
        "deltaNeutralClearingIntent deltaNeutralOpenClose deltaNeutralShortSale "
        "deltaNeutralShortSaleSlot deltaNeutralDesignatedLocation"
    ),
)

PLACE_CONTRACT = (*_CONTRACT_HEAD, "primaryExchange", *_CONTRACT_TAIL, *names("secIdType secId"))
"""The second part of placeOrder, after the order id: the contract."""

PLACE_TERMS = _ORDER_HEAD
"""The third part of placeOrder: what differs from order to order."""

PLACE_REST: tuple[Field, ...] = (
    *names("transmit parentId blockOrder sweepToFill displaySize triggerMethod outsideRth hidden"),
    When(_is_combo, (_LEGS, _ORDER_LEGS, _ROUTING)),
    *names("sharesAllocation discretionaryAmt goodAfterTime goodTillDate"),
    *names("faGroup faMethod faPercentage"),
    Before(177, ("faProfile",)),
    *names(
        "modelCode shortSaleSlot designatedLocation exemptCode ocaType rule80A settlingFirm "
        "allOrNone minQty percentOffset eTradeOnly firmQuoteOnly nbboPriceCap auctionStrategy "
        "startingPrice stockRefPrice delta stockRangeLower stockRangeUpper "
        "overridePercentageConstraints volatility volatilityType deltaNeutralOrderType "
        "deltaNeutralAuxPrice"
    ),
    _DELTA_NEUTRAL_ORDER,
    *names("continuousUpdate referencePriceType trailStopPrice trailingPercent"),
    *_SCALE,
    *names("scaleTable activeStartTime activeStopTime"),
    *_HEDGE,
    *names("optOutSmartRouting clearingAccount clearingIntent notHeld"),
    *_DELTA_NEUTRAL_CONTRACT,
    *_ALGO,
    *names("algoId whatIf orderMiscOptions solicited randomizeSize randomizePrice"),
    _BENCHMARK,
    Conditions(),
    *names(
        "adjustedOrderType triggerPrice lmtPriceOffset adjustedStopPrice adjustedStopLimitPrice "
        "adjustedTrailingAmount adjustableTrailingUnit extOperator softDollarName softDollarValue "
        "cashQty mifid2DecisionMaker mifid2DecisionAlgo mifid2ExecutionTrader mifid2ExecutionAlgo "
        "dontUseAutoPriceForHedge isOmsContainer discretionaryUpToLimitPrice usePriceMgmtAlgo"
    ),
    Since(158, ("duration",)),
    Since(160, ("postToAts",)),
    Since(162, ("autoCancelParent",)),
    Since(166, ("advancedErrorOverride",)),
    Since(169, ("manualOrderTime",)),
    Since(
        170,
        (
            When(_is_for_ats, ("minTradeQty",)),
            When(_is_pegged_to_best, names("minCompeteSize competeAgainstBestOffset")),
            When(_is_pegged_to_mid, names("midOffsetAtWhole midOffsetAtHalf")),
        ),
    ),
)
"""The last part of placeOrder: what most orders of a client leave at its defaults."""

PLACE_ORDER: tuple[Field, ...] = ("orderId", *PLACE_CONTRACT, *PLACE_TERMS, *PLACE_REST)

OPEN_ORDER_HEAD: tuple[Field, ...] = (
    *names("messageId orderId"),
    *_CONTRACT_HEAD,
    *_CONTRACT_TAIL,
    *_ORDER_HEAD,
    *names("clientId permId"),
)
"""The first part of openOrder: what differs from order to order."""

OPEN_ORDER_REST: tuple[Field, ...] = (
    *names("outsideRth hidden discretionaryAmt goodAfterTime sharesAllocation faGroup faMethod faPercentage"),
    Before(177, ("faProfile",)),
    *names(
        "modelCode goodTillDate rule80A percentOffset settlingFirm shortSaleSlot "
        "designatedLocation exemptCode auctionStrategy startingPrice stockRefPrice delta "
        "stockRangeLower stockRangeUpper displaySize blockOrder sweepToFill allOrNone minQty "
        "ocaType eTradeOnly firmQuoteOnly nbboPriceCap parentId triggerMethod volatility "
        "volatilityType deltaNeutralOrderType deltaNeutralAuxPrice"
    ),
    _DELTA_NEUTRAL_ORDER,
    *names(
        "continuousUpdate referencePriceType trailStopPrice trailingPercent basisPoints "
        "basisPointsType comboLegsDescrip"
    ),
    _LEGS,
    _ORDER_LEGS,
    _ROUTING,
    *_SCALE,
    *_HEDGE,
    *names("optOutSmartRouting clearingAccount clearingIntent notHeld"),
    *_DELTA_NEUTRAL_CONTRACT,
    *_ALGO,
    *names(
        "solicited whatIf status initMarginBefore maintMarginBefore equityWithLoanBefore "
        "initMarginChange maintMarginChange equityWithLoanChange initMarginAfter "
        "maintMarginAfter equityWithLoanAfter commission minCommission maxCommission "
        "commissionCurrency warningText randomizeSize randomizePrice"
    ),
    _BENCHMARK,
    Conditions(),
    *names(
        "adjustedOrderType triggerPrice trailStopPrice lmtPriceOffset adjustedStopPrice "
        "adjustedStopLimitPrice adjustedTrailingAmount adjustableTrailingUnit softDollarName "
        "softDollarValue softDollarDisplayName cashQty dontUseAutoPriceForHedge isOmsContainer "
        "discretionaryUpToLimitPrice usePriceMgmtAlgo"
    ),
    Since(158, ("duration",)),
    Since(160, ("postToAts",)),
    Since(162, ("autoCancelParent",)),
    _PEGS,
)
"""The rest of openOrder: the status, and the last part of placeOrder again."""

OPEN_ORDER: tuple[Field, ...] = (*OPEN_ORDER_HEAD, *OPEN_ORDER_REST)

COMPLETED_ORDER: tuple[Field, ...] = (
    "messageId",
    *_CONTRACT_HEAD,
    *_CONTRACT_TAIL,
    *_ORDER_HEAD,
    *names("permId outsideRth hidden discretionaryAmt goodAfterTime"),
    *names("faGroup faMethod faPercentage"),
    Before(177, ("faProfile",)),
    *names(
        "modelCode goodTillDate rule80A percentOffset settlingFirm shortSaleSlot "
        "designatedLocation exemptCode startingPrice stockRefPrice delta stockRangeLower "
        "stockRangeUpper displaySize sweepToFill allOrNone minQty ocaType triggerMethod "
        "volatility volatilityType deltaNeutralOrderType deltaNeutralAuxPrice"
    ),
    When(
        _is_hedged_by_delta,
        names(
            "deltaNeutralConId deltaNeutralShortSale deltaNeutralShortSaleSlot deltaNeutralDesignatedLocation"
        ),
    ),
    *names("continuousUpdate referencePriceType trailStopPrice trailingPercent comboLegsDescrip"),
    _LEGS,
    _ORDER_LEGS,
    _ROUTING,
    *_SCALE,
    *_HEDGE,
    *names("clearingAccount clearingIntent notHeld"),
    *_DELTA_NEUTRAL_CONTRACT,
    *_ALGO,
    *names("solicited status randomizeSize randomizePrice"),
    _BENCHMARK,
    Conditions(),
    *names(
        "trailStopPrice lmtPriceOffset cashQty dontUseAutoPriceForHedge isOmsContainer "
        "autoCancelDate filledQuantity refFuturesConId autoCancelParent shareholder "
        "imbalanceOnly routeMarketableToBbo parentPermId completedTime completedStatus"
    ),
    _PEGS,
)

FLAGS = frozenset(
    names(
        "transmit blockOrder sweepToFill outsideRth hidden allOrNone eTradeOnly firmQuoteOnly "
        "overridePercentageConstraints deltaNeutralShortSale continuousUpdate scaleAutoReset "
        "scaleRandomPercent optOutSmartRouting notHeld deltaNeutralContract whatIf solicited "
        "randomizeSize randomizePrice isPeggedChangeAmountDecrease dontUseAutoPriceForHedge "
        "isOmsContainer discretionaryUpToLimitPrice autoCancelParent"
    )
)
"""Fields that say yes or no."""

INTEGERS = frozenset(
    names(
        "orderId conId origin parentId displaySize triggerMethod shortSaleSlot exemptCode ocaType "
        "minQty auctionStrategy volatilityType deltaNeutralConId deltaNeutralShortSaleSlot "
        "referencePriceType scaleInitLevelSize scaleSubsLevelSize scalePriceAdjustInterval "
        "scaleInitPosition scaleInitFillQty deltaNeutralContractConId referenceContractId "
        "adjustableTrailingUnit duration postToAts minTradeQty minCompeteSize usePriceMgmtAlgo"
    )
)
"""Fields that hold a whole number."""

NUMBERS = frozenset(
    names(
        "strike totalQuantity lmtPrice auxPrice discretionaryAmt percentOffset nbboPriceCap "
        "startingPrice stockRefPrice delta stockRangeLower stockRangeUpper volatility "
        "deltaNeutralAuxPrice trailStopPrice trailingPercent scalePriceIncrement "
        "scalePriceAdjustValue scaleProfitOffset deltaNeutralContractDelta "
        "deltaNeutralContractPrice peggedChangeAmount referenceChangeAmount triggerPrice "
        "lmtPriceOffset adjustedStopPrice adjustedStopLimitPrice adjustedTrailingAmount cashQty "
        "competeAgainstBestOffset midOffsetAtWhole midOffsetAtHalf"
    )
)
"""Fields that hold a price, an amount or another number that may have decimals."""
