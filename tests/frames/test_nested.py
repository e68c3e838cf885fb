"""Nested lists as tables of their own."""

from __future__ import annotations

from bunqkit.frames.nested import to_frames


def test_nested_lists_are_tables_that_join() -> None:
    """Each list has a table; parent is the row in the table above, position the place in it."""
    entry = {"amount": {"value": "1.00", "currency": "EUR"}, "attachment": [{"id": 8}, {"id": 9}]}
    items = [
        {"DraftPayment": {"id": 1, "entries": [entry, {"description": "tea"}]}},
        {"DraftPayment": {"id": 2, "entries": []}},
        {"DraftPayment": {"id": 3, "entries": [entry], "items": ["a"]}},
    ]
    frames = to_frames(items)
    assert set(frames) == {"items", "entries", "entries.attachment", "\\items"}
    assert "entries" not in frames["items"]
    assert frames["entries"]["parent"].tolist() == [0, 0, 2]
    assert frames["entries"]["position"].tolist() == [0, 1, 0]
    assert frames["entries"]["amount.value"].tolist()[::2] == [1.0, 1.0]
    assert frames["entries.attachment"]["parent"].tolist() == [0, 0, 2, 2]
    assert frames["entries.attachment"]["id"].tolist() == [8, 9, 8, 9]
    assert frames["\\items"]["value"].tolist() == ["a"]
    joined = frames["items"].merge(
        frames["entries"], left_index=True, right_on="parent", suffixes=("", "_entry")
    )
    assert joined["id"].tolist() == [1, 1, 3]


def test_lists_of_lists_stay_values() -> None:
    """What is neither an object nor a scalar is kept as it is."""
    frames = to_frames([{"Unheard": {"grid": [[1, 2], [3]]}}])
    assert frames["grid"]["position"].tolist() == [0, 1]
    assert frames["grid.value"]["value"].tolist() == [1, 2, 3]


def test_a_field_named_like_a_key_is_told_apart() -> None:
    """An object's own parent has a backslash before its name."""
    frames = to_frames([{"Unheard": {"tree": [{"parent": "x", "position": 9}]}}])
    assert list(frames["tree"]) == ["parent", "position", "\\parent", "\\position"]


def test_lists_among_other_values_stay_where_they_are() -> None:
    """A column that holds a list in one row and a text in another is no list."""
    frames = to_frames([{"Unheard": {"x": [1]}}, {"Unheard": {"x": "one"}}])
    assert list(frames) == ["items"]
    assert frames["items"]["x"].tolist() == [[1], "one"]
