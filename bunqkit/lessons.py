"""The lessons, by the name that notebooks use."""

from bunqkit.course.lessons import check, find_exercise, list_exercises, summary

__all__ = ["check", "find_exercise", "list_exercises", "summary"]
