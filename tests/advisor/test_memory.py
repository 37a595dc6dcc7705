"""Answers that are kept do not depend on what was asked before."""

from __future__ import annotations

import random

import pytest

from mainspring.advisor.memory import Answers, Memory


class Circles:
    """Questions that lead to others, as a picture says; an answer tells the whole way by which it was found."""

    def __init__(self, picture: dict[int, list[int]]) -> None:
        self.picture = picture
        self.found = 0
        self.answers: Answers[int, int] = Answers(Memory())

    def ask(self, question: int) -> int:
        return self.answers.ask(question, question, self._find, question)

    def _find(self, question: int) -> int:
        self.found += 1
        return hash((question, *(self.ask(each) for each in self.picture[question])))


class TestKeeps:
    def test_an_answer_is_found_once(self) -> None:
        asked = Circles({1: [2, 3], 2: [3], 3: []})
        assert asked.ask(1) == asked.ask(1)
        asked.ask(3)
        assert asked.found == 3

    def test_a_question_that_leads_back_to_itself_is_kept_as_well(self) -> None:
        asked = Circles({1: [1]})
        assert asked.ask(1) == asked.ask(1)
        assert asked.found == 1

    def test_what_an_error_interrupts_is_asked_anew(self) -> None:
        answers: Answers[int, int] = Answers(Memory())
        with pytest.raises(ZeroDivisionError):
            answers.ask(1, 0, lambda: 1 // 0)
        assert answers.ask(1, 0, lambda: 7) == 7

    def test_two_kinds_of_questions_are_told_apart(self) -> None:
        memory = Memory()
        first: Answers[int, str] = Answers(memory)
        second: Answers[int, str] = Answers(memory)
        assert first.ask(1, "open", lambda: second.ask(1, "open", lambda: "inner")) == "inner"


class TestOrder:
    def test_a_circle_is_entered_anew_by_each_of_its_questions(self) -> None:
        picture = {1: [2], 2: [1]}
        both = Circles(picture)
        assert [both.ask(1), both.ask(2)] == [Circles(picture).ask(1), Circles(picture).ask(2)]
        other = Circles(picture)
        assert [other.ask(2), other.ask(1)] == [both.ask(2), both.ask(1)]

    @pytest.mark.parametrize("seed", range(200))
    def test_whatever_is_asked_before(self, seed: int) -> None:
        chance = random.Random(seed)
        size = chance.randint(2, 9)
        picture = {each: chance.sample(range(size), chance.randint(0, min(3, size))) for each in range(size)}
        alone = {each: Circles(picture).ask(each) for each in picture}
        for _ in range(5):
            asked = Circles(picture)
            order = chance.sample(range(size), size)
            assert {each: asked.ask(each) for each in order} == alone, picture
