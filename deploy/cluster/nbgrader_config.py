"""nbgrader in the image of a student's server: the exchange is ngshare, and not a folder, since all containers have the same account.

Not run: whether ngshare-exchange 0.5.3 goes with nbgrader 0.9.6 has to be tried on the cluster.
"""

from pathlib import Path

from ngshare_exchange import configureExchange

c = get_config()  # noqa: F821 - nbgrader puts it here

configureExchange(c, "http://ngshare:8080/services/ngshare")  # the service that ngshare's chart makes
c.CourseDirectory.course_id = "byhand"
c.Exchange.assignment_dir = str(Path.home() / "backprop-by-hand" / "course")
c.CourseDirectory.ignore = [".ipynb_checkpoints", "*.pyc", "__pycache__", "feedback", "lesson.*", "*.new.*"]
