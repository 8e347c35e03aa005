from __future__ import annotations

import sys
import threading

import pytest

from personae.engine.channel import Cancelled, Channel


def test_items_come_out_in_order_and_the_end_is_told() -> None:
    channel: Channel[int] = Channel(10, producers=1)
    for item in range(5):
        channel.put(item)
    channel.done()
    assert channel.take(3) == [0, 1, 2]
    assert channel.take(3) == [3, 4]
    assert channel.take(3) == []


def test_the_end_waits_for_every_producer() -> None:
    channel: Channel[int] = Channel(10, producers=2)
    channel.done()
    channel.put(1)
    channel.done()
    assert list(channel) == [1]


def test_a_full_channel_holds_its_producer_back() -> None:
    channel: Channel[int] = Channel(2, producers=1)
    filled = threading.Event()

    def produce() -> None:
        for item in range(5):
            channel.put(item)
            if item == 1:
                filled.set()
        channel.done()

    thread = threading.Thread(target=produce)
    thread.start()
    assert filled.wait(5)
    taken: list[int] = []
    while items := channel.take(5):
        assert len(items) <= 2
        taken += items
    thread.join(5)
    assert taken == [0, 1, 2, 3, 4]


def test_cancel_wakes_a_waiting_consumer_and_a_waiting_producer() -> None:
    channel: Channel[int] = Channel(1, producers=1)
    channel.put(0)
    outcomes: list[str] = []

    def blocked() -> None:
        try:
            channel.put(1)
        except Cancelled:
            outcomes.append("cancelled")

    thread = threading.Thread(target=blocked)
    thread.start()
    channel.cancel()
    thread.join(5)
    assert outcomes == ["cancelled"]
    with pytest.raises(Cancelled):
        channel.take(1)


def test_a_consumer_that_finds_nothing_left_waits_on() -> None:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for _ in range(50):
            channel: Channel[int] = Channel(8, producers=1)
            ended_early: list[int] = []
            fed = threading.Event()

            def consume(
                channel: Channel[int] = channel, fed: threading.Event = fed, early: list[int] = ended_early
            ) -> None:
                while channel.take(2):
                    pass
                early.extend([1] if not fed.is_set() else [])

            threads = [threading.Thread(target=consume) for _ in range(4)]
            for thread in threads:
                thread.start()
            for item in range(40):
                channel.put(item)
            fed.set()
            channel.done()
            for thread in threads:
                thread.join(5)
            assert not ended_early
    finally:
        sys.setswitchinterval(before)


def test_patience_gathers_a_whole_batch() -> None:
    channel: Channel[int] = Channel(10, producers=1)

    def produce() -> None:
        for item in range(4):
            channel.put(item)

    thread = threading.Thread(target=produce)
    thread.start()
    assert channel.take(4, patience=5) == [0, 1, 2, 3]
    thread.join(5)
