"""nbgrader for everyone on the hub."""

import os
import sys
from pathlib import Path

c = get_config()  # noqa: F821 # pyright: ignore[reportUndefinedVariable] - nbgrader puts it here

c.CourseDirectory.course_id = "byhand"
c.Exchange.root = os.environ["BYHAND_EXCHANGE"]
# People work in their copy of the whole course, so that lessons lie beside exercises and progress counts. The path must be
# absolute. A lesson is no part of what they hand in: with it, the list of assignments would wait for feedback on the lesson.
copy = Path.home() / "backprop-by-hand" / "course"
if copy.is_dir():
    c.Exchange.assignment_dir = str(copy)
c.CourseDirectory.ignore = [".ipynb_checkpoints", "*.pyc", "__pycache__", "feedback", "lesson.*", "*.new.*"]
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])  # alembic, by name
