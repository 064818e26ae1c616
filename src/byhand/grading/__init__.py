"""Grading a class: student code in sandboxed forked kernels, problems and judge outside, nbgrader's gradebook.

`student` runs beside the student's code and only collects; `kernel` starts it, through `server` and `sandbox`; `run` takes a
notebook through it, whatever happens; `marking` compares what came back with torch's answers; `grade` does this for a class
and `record` writes it down.
"""

import sys

# jsonschema would load this to check formats, of which notebooks have none, and it takes seconds.
# None says that there is no such module, which the annotation of sys.modules does not know.
sys.modules.setdefault("rfc3987_syntax", None)  # pyright: ignore[reportArgumentType]
