"""The gate that lets many pass, or one alone."""

from __future__ import annotations

import asyncio

from service.jobs.gate import Gate


async def _pass(gate: Gate, inside: set[str], seen: list[set[str]], name: str) -> None:
    async with gate.passing(alone=name.startswith("alone")):
        inside.add(name)
        seen.append(set(inside))
        await asyncio.sleep(0.01)
        inside.discard(name)


def _run(*names: str, room: int = 3) -> list[set[str]]:
    async def all_of_them() -> list[set[str]]:
        gate, inside, seen = Gate(room), set[str](), list[set[str]]()
        await asyncio.gather(*(_pass(gate, inside, seen, name) for name in names))
        return seen

    return asyncio.run(all_of_them())


def test_many_pass_together() -> None:
    assert max(map(len, _run("a", "b", "c"))) == 3


def test_no_more_pass_than_there_is_room_for() -> None:
    assert max(map(len, _run("a", "b", "c", "d", room=2))) == 2


def test_one_alone_has_nobody_beside_it() -> None:
    for seen in _run("a", "alone 1", "b", "alone 2", "c"):
        assert len(seen) == 1 or not any(name.startswith("alone") for name in seen)


def test_who_waits_to_be_alone_is_not_overtaken_for_ever() -> None:
    order = _run("a", "alone", "b", "c")
    assert order.index({"alone"}) == 1


def test_one_that_gives_up_waiting_blocks_nobody() -> None:
    async def scene() -> None:
        gate, inside, seen = Gate(2), set[str](), list[set[str]]()
        first = asyncio.create_task(_pass(gate, inside, seen, "a"))
        await asyncio.sleep(0)
        waiting = asyncio.create_task(_pass(gate, inside, seen, "alone"))
        await asyncio.sleep(0.001)
        waiting.cancel()
        await first
        async with asyncio.timeout(1):
            await _pass(gate, inside, seen, "b")

    asyncio.run(scene())
