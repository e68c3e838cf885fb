"""The lessons under the name that notebooks import: ``bunqkit.lessons``."""

from bunqkit.course.lessons import check, find_exercise, list_exercises, summary

__all__ = ["check", "find_exercise", "list_exercises", "summary"]
