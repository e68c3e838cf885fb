"""The exercises of the course, one module a lesson: what is right, a hint, a solution.

What is right is asked of the bank or worked out each time; no answer is stored.
"""
