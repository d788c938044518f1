import sys
from collections.abc import Iterator
from threading import Thread

import pytest

from feeds.serving.byte_cache import ByteCache

ITEM = 500  # what an item of 100 bytes counts


def held(cache: ByteCache[str], keys: str) -> str:
    return "".join(key for key in keys if cache.get(key) is not None)


def filled(budget: int, keys: str) -> ByteCache[str]:
    cache: ByteCache[str] = ByteCache(budget)
    for key in keys:
        cache.put(key, key.upper(), 100)
    return cache


def test_what_was_put_is_held() -> None:
    cache = filled(2 * ITEM, "ab")
    assert (cache.get("a"), cache.get("b"), cache.get("c")) == ("A", "B", None)
    assert (len(cache), cache.size) == (2, 2 * ITEM)


def test_the_least_recently_used_goes_first() -> None:
    cache = filled(3 * ITEM, "abc")
    cache.get("a")
    cache.put("d", "D", 100)
    assert held(cache, "abcd") == "acd"


def test_the_budget_is_never_exceeded() -> None:
    cache: ByteCache[int] = ByteCache(10_000)
    for number in range(1000):
        cache.put(number, number, number % 700)
        assert cache.size <= 10_000
    assert 0 < len(cache) <= 10_000 // 400


def test_a_value_larger_than_the_cache_is_not_held_and_replaces_the_old_one() -> None:
    cache = filled(2 * ITEM, "ab")
    cache.put("a", "huge", 2 * ITEM)
    assert held(cache, "ab") == "b"
    assert cache.size == ITEM


def test_a_value_put_again_counts_once() -> None:
    cache = filled(2 * ITEM, "aaa")
    assert (len(cache), cache.size) == (1, ITEM)


def test_a_value_that_grows_makes_room() -> None:
    cache = filled(3 * ITEM, "abc")
    value = cache.get("c")
    assert value is not None
    cache.grow("c", value, ITEM)
    assert held(cache, "abc") == "bc"
    assert cache.size == 3 * ITEM


def test_growth_of_what_is_no_longer_held_counts_nothing() -> None:
    cache = filled(3 * ITEM, "ab")
    cache.grow("a", "another", ITEM)
    cache.grow("z", "Z", ITEM)
    assert cache.size == 2 * ITEM


@pytest.fixture
def impatient_threads() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-7)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("impatient_threads")
def test_threads_may_share_it() -> None:
    cache: ByteCache[int] = ByteCache(8 * ITEM)
    failed: list[Exception] = []

    def work(start: int) -> None:
        try:
            for number in range(start, start + 20_000):
                cache.put(number % 12, number, 100)
                for key in range(4):
                    cache.get(key)
        except Exception as error:  # noqa: BLE001 - the test shows that there is none
            failed.append(error)

    threads = [Thread(target=work, args=(start,)) for start in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert cache.size == len(cache) * ITEM <= 8 * ITEM
