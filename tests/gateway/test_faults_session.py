"""Faults of whole connections, as an unmodified ib_async meets them."""

from __future__ import annotations

import asyncio
import threading

import pytest
from ib_async import IB, LimitOrder, MarketOrder

from tests.gateway.ib_async_session import apple, connected, until, with_gateway
from tests.gateway.test_faults_messages import Heard, bought, settled
from toolkit.errors import ConfigError
from toolkit.gateway import PaperGateway


async def answers(ib: IB) -> bool:
    """Whether the gateway says anything within a tenth of a second."""
    try:
        await asyncio.wait_for(ib.reqCurrentTimeAsync(), 0.1)
    except TimeoutError:
        return False
    return True


async def refused(gateway: PaperGateway, timeout: float = 0.3) -> str:
    """Why a client cannot connect."""
    ib, errors = IB(), []
    ib.errorEvent += lambda req_id, code, text, contract: errors.append(str(code))
    try:
        await ib.connectAsync(gateway.host, gateway.port, 1, timeout=timeout)
    except (TimeoutError, ConnectionError) as error:
        return " ".join([*errors, type(error).__name__])
    finally:
        ib.disconnect()
    return ""


@pytest.mark.parametrize("served", [True, False])
def test_a_mute_gateway_keeps_the_connection_and_says_nothing(served):
    async def test(gateway: PaperGateway) -> None:
        async with connected(gateway) as ib:
            gateway.faults.add("mute", message="placeOrder", served=served)
            trade = await bought(ib)
            await until(lambda: not gateway.faults)
            assert not await answers(ib)
            assert ib.isConnected()
            assert trade.orderStatus.status == "PendingSubmit"
            assert len(gateway.ledger.fills) == int(served)
            gateway.faults.clear()
            assert await answers(ib)

    with_gateway(test)


def test_a_mute_gateway_may_find_its_voice_again():
    async def test(gateway: PaperGateway) -> None:
        async with connected(gateway) as ib:
            gateway.faults.add("mute", seconds=0.15)
            assert not await answers(ib)
            attempts = 0
            while not await answers(ib):
                attempts += 1
                assert attempts < 20

    with_gateway(test)


def test_a_frozen_gateway_reads_nothing_and_answers_all_of_it_when_it_thaws():
    async def test(gateway: PaperGateway) -> None:
        async with connected(gateway) as ib:
            contract = await apple(ib)
            gateway.faults.add("freeze", client=1)
            trade = ib.placeOrder(contract, MarketOrder("BUY", 1, tif="DAY"))
            assert not await answers(ib)
            assert gateway.ledger.requests == []
            gateway.faults.clear()
            await until(trade.isDone)

    with_gateway(test)


@pytest.mark.parametrize("served", [True, False])
def test_a_connection_is_reset_after_an_order_that_did_or_did_not_arrive(served):
    async def test(gateway: PaperGateway) -> None:
        async with connected(gateway) as ib:
            gateway.faults.add("reset", message="placeOrder", seconds=0.03, served=served)
            trade = await bought(ib)
            await until(lambda: not ib.isConnected())
            assert trade.orderStatus.status == "PendingSubmit"
        assert len(gateway.ledger.requests) == int(served)

    with_gateway(test)


def test_a_connection_is_reset_within_a_message():
    async def test(gateway: PaperGateway) -> None:
        async with connected(gateway) as ib:
            heard = Heard(ib)
            gateway.faults.add("reset", message="execDetails", bytes=20)
            await bought(ib)
            await until(lambda: not ib.isConnected())
            assert "execDetails" not in heard.names()

    with_gateway(test)


@pytest.mark.parametrize("hang", [True, False])
def test_half_a_message_is_followed_by_the_end_or_by_nothing(hang):
    async def test(gateway: PaperGateway) -> None:
        async with connected(gateway) as ib:
            heard = Heard(ib)
            gateway.faults.add("half", message="orderStatus", hang=hang)
            ib.placeOrder(await apple(ib), LimitOrder("BUY", 1, 1.0, tif="DAY"))
            await until(lambda: heard.of("openOrder"))
            if hang:
                assert not await answers(ib)
                assert ib.isConnected()
            else:
                await until(lambda: not ib.isConnected())
            assert "orderStatus" not in heard.names()

    with_gateway(test)


@pytest.mark.parametrize(
    ("message", "before"), [("serverVersion", False), ("serverVersion", True), ("managedAccounts", True)]
)
def test_the_handshake_ends_half_way(message, before):
    async def test(gateway: PaperGateway) -> None:
        gateway.faults.add("close", message=message, before=before)
        assert await refused(gateway)
        assert await refused(gateway, timeout=5) == "", "the next attempt finds nothing wrong"

    with_gateway(test)


@pytest.mark.parametrize("message", ["managedAccounts", "nextValidId"])
def test_a_handshake_without_accounts_or_ids_never_ends(message):
    async def test(gateway: PaperGateway) -> None:
        gateway.faults.add("drop", message=message)
        assert "TimeoutError" in await refused(gateway)

    with_gateway(test)


def test_a_client_id_is_in_use_for_a_while():
    async def test(gateway: PaperGateway) -> None:
        gateway.faults.add("refuse", until=1.0)
        assert "326" in await refused(gateway, timeout=0.2)
        assert "326" in await refused(gateway, timeout=0.2)
        attempts = 0
        while await refused(gateway, timeout=0.2):
            attempts += 1
            assert attempts < 20

    with_gateway(test)


def test_all_connections_are_closed_at_once():
    async def test(gateway: PaperGateway) -> None:
        async with connected(gateway) as one, connected(gateway, client_id=2) as two:
            gateway.faults.add("close", client=2)
            await until(lambda: not two.isConnected())
            assert one.isConnected()
            gateway.faults.add("close")
            await until(lambda: not one.isConnected())

    with_gateway(test)


@pytest.mark.parametrize("code", [1100, 1101, 1102, 1300, 2103, 2105, 2110])
def test_a_notice_reaches_every_client(code):
    async def test(gateway: PaperGateway) -> None:
        async with connected(gateway) as one, connected(gateway, client_id=2) as two:
            heard = [Heard(one), Heard(two)]
            gateway.faults.add("notice", code=code)
            for each in heard:
                await until(lambda each=each: each.of("error"))
                assert each.of("error")[0][:2] == (-1, code)

    with_gateway(test)


def test_a_farm_flaps():
    async def test(gateway: PaperGateway) -> None:
        async with connected(gateway) as ib:
            heard = Heard(ib)
            for nth in range(3):
                gateway.faults.add("notice", code=2103, after=0.01 + nth / 25)
                gateway.faults.add("notice", code=2104, after=0.03 + nth / 25)
            await until(lambda: len(heard.of("error")) == 6)
            assert [code for _, code, *_ in heard.of("error")] == [2103, 2104] * 3

    with_gateway(test)


def test_the_first_order_of_a_connection_is_swallowed_by_a_dialog():
    async def test(gateway: PaperGateway) -> None:
        gateway.faults.add("dialog")
        for _ in range(2):
            async with connected(gateway) as ib:
                first = await bought(ib, "first")
                second = await bought(ib, "second")
                await until(second.isDone)
                assert first.orderStatus.status == "PendingSubmit"
        assert list(gateway.ledger.orders) == ["second"]

    with_gateway(test)


def test_order_ids_are_rolled_back():
    async def test(gateway: PaperGateway) -> None:
        async with connected(gateway) as ib:
            for _ in range(3):
                trade = await bought(ib)
                await until(trade.isDone)
            first = trade.order.orderId
        gateway.faults.add("roll_ids", client=1, count=2)
        async with connected(gateway) as ib:
            ib.client.reqIds(1)
            fresh: list[int] = []
            ib.wrapper.nextValidId = fresh.append
            await until(lambda: fresh)
            assert fresh == [first - 1]

    with_gateway(test)


def test_a_restart_has_lost_the_executions_of_the_day():
    async def test(gateway: PaperGateway) -> None:
        async with connected(gateway) as ib:
            trade = await bought(ib)
            await until(trade.isDone)
            gateway.faults.add("lose_executions")
            assert await ib.reqExecutionsAsync() == []
            other = await bought(ib)
            await until(other.isDone)
            assert len(await ib.reqExecutionsAsync()) == 1
        assert len(gateway.ledger.fills) == 2, "the ledger of truth forgets nothing"

    with_gateway(test)


def test_a_fault_strikes_its_client_alone():
    async def test(gateway: PaperGateway) -> None:
        async with connected(gateway) as one, connected(gateway, client_id=2) as two:
            gateway.faults.add("mute", client=2)
            assert await answers(one)
            assert not await answers(two)

    with_gateway(test)


def test_faults_may_be_set_from_another_thread():
    with PaperGateway(quotes=None) as gateway:
        numbers: list[int] = []
        threads = [
            threading.Thread(target=lambda: numbers.append(gateway.faults.add("dialog"))) for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(numbers) == list(range(1, 9))
        with pytest.raises(ConfigError, match="nearest is mute"):
            gateway.faults.add("mut")
        gateway.faults.clear()
        assert gateway.faults.active() == []


def test_without_faults_nothing_is_changed():
    async def test(gateway: PaperGateway) -> None:
        async with connected(gateway) as ib:
            gateway.faults.add("drop", message="execDetails", order_ref="nobody's")
            trade = await bought(ib)
            await until(lambda: trade.fills and trade.fills[0].commissionReport.execId)
            await settled(ib)
            assert trade.orderStatus.status == "Filled"

    with_gateway(test)
