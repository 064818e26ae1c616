"""Grading a class: student code in sandboxed forked kernels, problems and judge outside, nbgrader's gradebook.

`student` runs beside the student's code and only collects; `kernel` starts it, through `server` and `sandbox`; `run` takes a
notebook through it, whatever happens; `marking` compares what came back with torch's answers; `grade` does this for a class
and `record` writes it down.
"""
