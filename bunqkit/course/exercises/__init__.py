"""The exercises of the course, one module for each lesson: the right answer, a hint, a solution.

The right answer is asked of the bank or computed each time; none is stored.
"""
