"""Histories as JSON: nothing is lost, and nothing is told twice."""

import json
from dataclasses import replace
from typing import Any

from napari_medai.core.history import Record, Source, history_from_json, history_to_json


def chain(length: int, start: tuple[Record, ...] = ()) -> tuple[Record, ...]:
    history = start
    for number in range(length):
        source = Source("scan", "" if history else "d1", history)
        history = (*history, Record("smooth", "1.0", {"sigma_mm": float(number)}, {"image": source}, "", 0.5))
    return history


def told(history: tuple[Record, ...]) -> Any:
    return json.loads(json.dumps(history_to_json(history)))


def test_a_history_comes_back_equal():
    history = chain(6)
    assert history_from_json(told(history)) == history


def test_every_step_is_told_once():
    assert [entry["parameters"]["sigma_mm"] for entry in told(chain(30))] == list(map(float, range(30)))


def test_inputs_with_histories_of_their_own_come_back():
    left, right = chain(3), chain(2, chain(1))
    inputs = {"image": Source("a", "", left), "others": (Source("b", "", right), Source("c", "d2"))}
    joined = (*left, Record("join", "1.0", {}, inputs, "cpu", 1.0, "warped"))
    assert history_from_json(told(joined)) == joined


def test_two_results_of_one_step_stay_apart():
    record = Record("register", "1.0", {}, {"fixed": Source("f", "d1")}, output="warped")
    other = replace(record, output="transform")
    inputs = {"image": Source("w", "", (record,)), "transform": Source("t", "", (other,))}
    history = (record, Record("apply", "1.0", {}, inputs))
    assert history_from_json(told(history)) == history


def test_no_history_is_an_empty_list():
    assert history_to_json(()) == []
    assert history_from_json([]) == ()
