"""Many wake-ups on one heap: in time, in turn, cancelled ones forgotten."""

import asyncio

from local_azure.batch.runner.timers import Timers


def test_each_is_woken_in_the_order_of_its_time_and_cancelled_ones_are_not():
    async def scenario() -> list[str]:
        timers, woken = Timers(), []
        later = timers.after(0.03, lambda: woken.append("later"))
        for number in range(3):
            timers.after(0.02, lambda number=number: woken.append(f"same {number}"))
        timers.after(0.01, lambda: woken.append("first"))
        timers.cancel(later)
        await timers.wait(0.04)
        timers.cancel(later)
        timers.after(0, lambda: woken.append("never"))
        timers.close()
        await asyncio.sleep(0.01)
        return woken

    assert asyncio.run(scenario()) == ["first", "same 0", "same 1", "same 2"]


def test_of_many_that_are_due_at_once_only_some_have_their_turn_in_a_step():
    async def scenario() -> list[int]:
        timers, woken, steps = Timers(), [], []
        for number in range(100):
            timers.after(0, lambda number=number: woken.append(number))
        while len(woken) < 100:
            await asyncio.sleep(0)
            steps.append(len(woken))
        assert woken == list(range(100))
        return [after - before for before, after in zip([0, *steps], steps, strict=False)]

    assert 0 < max(asyncio.run(scenario())) <= 16


def test_cancelled_wake_ups_do_not_pile_up():
    async def scenario() -> None:
        timers = Timers()
        kept = [timers.after(60, lambda: None) for _ in range(10)]
        for _ in range(5000):
            timers.cancel(timers.after(60, lambda: None))
        assert len(timers._heap) < 1100
        assert all(timer.action is not None for timer in kept)
        timers.close()

    asyncio.run(scenario())


def test_who_waits_can_be_cancelled():
    async def scenario() -> None:
        timers = Timers()
        waiting = asyncio.create_task(timers.wait(60))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait([waiting])
        assert waiting.cancelled()
        await asyncio.wait_for(timers.wait(0), 10)

    asyncio.run(scenario())
