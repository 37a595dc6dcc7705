"""Ids grow, carry their time, and are told from other texts."""

import uuid
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from mainspring.core.ids import IdMaker, first_id_of, looks_like_id, made_at, make_claim_id, short

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECONDS = st.integers(0, 2**47)
ENTROPY = st.binary(min_size=10, max_size=10)


@given(MILLISECONDS, ENTROPY)
def test_an_id_is_a_uuid_of_version_seven(milliseconds: int, entropy: bytes) -> None:
    made = IdMaker().make(milliseconds, entropy)
    parsed = uuid.UUID(made)
    assert str(parsed) == made
    assert parsed.version == 7
    assert parsed.variant == uuid.RFC_4122


@given(st.lists(st.tuples(MILLISECONDS, ENTROPY), min_size=2, max_size=50))
def test_ids_grow_also_where_the_clock_steps_back(draws: list[tuple[int, bytes]]) -> None:
    maker = IdMaker()
    ids = [maker.make(milliseconds, entropy) for milliseconds, entropy in draws]
    assert ids == sorted(set(ids))


def test_a_busy_millisecond_overflows_into_the_next_and_stays_in_order() -> None:
    maker = IdMaker()
    ids = [maker.make(1_000) for _ in range(10_000)]
    assert ids == sorted(set(ids))
    assert made_at(ids[-1]) <= datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC) + timedelta(milliseconds=3)


@given(st.timedeltas(timedelta(0), timedelta(days=2_000_000)).map(lambda age: EPOCH + age), ENTROPY)
def test_an_id_tells_its_time_and_the_first_of_a_moment_is_a_lower_bound(moment: datetime, entropy: bytes) -> None:
    milliseconds = (moment - EPOCH) // timedelta(milliseconds=1)
    made = IdMaker().make(milliseconds, entropy)
    assert made_at(made) == moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    assert first_id_of(moment) <= made
    assert made < first_id_of(moment + timedelta(milliseconds=1))


def test_claim_ids_are_random_uuids_in_form() -> None:
    ids = {make_claim_id() for _ in range(1000)}
    assert len(ids) == 1000
    assert all(str(uuid.UUID(each)) == each for each in ids)


def test_pieces_of_ids_are_told_from_names() -> None:
    made = IdMaker().make(1_763_640_000_123)
    assert looks_like_id(made)
    assert looks_like_id(short(made))
    assert made.endswith(short(made))
    assert not looks_like_id("backup")
    assert not looks_like_id("abc")
    assert not looks_like_id(made + "\n")
