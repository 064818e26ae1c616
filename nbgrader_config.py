"""Where nbgrader finds things, so that its stock commands work from the root of the project."""

import os
import sys
from pathlib import Path

c = get_config()  # noqa: F821 - nbgrader puts it here

root = Path(__file__).resolve().parent
c.CourseDirectory.course_id = "byhand"
c.CourseDirectory.root = str(root / "classroom")

# nbgrader calls alembic by name: let it find the one that was installed with it, also where no environment is activated.
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])

# How `nbgrader zip_collect` finds the student in the names that learning platforms give to files.
c.ZipCollectApp.collector_plugin = "byhand.grading.zip_names.Platforms"
