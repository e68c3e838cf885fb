"""The course: lessons and their exercises, copying the notebooks out, the tour."""
